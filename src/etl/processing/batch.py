"""Process a batch of a queue's messages: only those that failed come back, and not for ever.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws.sqs import hide_message, send_message
from etl.errors import EtlError
from etl.processing.notifications import Notification, read_notifications
from etl.processing.objects import Outcome
from etl.processing.options import ProcessorOptions

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

log = logging.getLogger("etl")

Process = Callable[[Notification], Outcome]
Answer = dict[str, list[dict[str, str]]]

_CAUSE_CHARACTERS = 1000
# What SQS refuses in an attribute (SendMessage, "MessageAttributes").
_UNSENDABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a message failed.

    Attributes:
        key: The first object that failed; "" if the message names none.
    """

    key: str
    cause: str


def process_batch(
    messages: list[Mapping[str, Any]],
    process: Process,
    *,
    sqs: SQSClient,
    options: ProcessorOptions,
    on_dead_letters: Callable[[list[Failure]], object] = lambda dead: None,
) -> Answer:
    """Process each message's objects.

    A message that fails for the last time goes to the dead-letter queue with its cause.

    Args:
        on_dead_letters: Called once with why the batch's messages went there, if any did.

    Returns:
        Lambda's answer, which names the messages that are to come back.
    """
    failed, dead = [], []
    for message in messages:
        failure = _process_message(message["body"], process)
        if failure is None:
            continue
        if _give_up(message, failure, sqs=sqs, options=options):
            dead.append(failure)
        else:
            failed.append({"itemIdentifier": message["messageId"]})
            _come_back(message, sqs=sqs, options=options)
    if dead:
        on_dead_letters(dead)
    return {"batchItemFailures": failed}


def _process_message(body: str, process: Process) -> Failure | None:
    """Process all objects of a message, bad ones or not; the first failure."""
    try:
        notifications = read_notifications(body)
    except EtlError as error:
        return _failure("", error)
    failures = []
    for each in notifications:
        try:
            outcome = process(each)
        except Exception as error:  # whatever one object does, the others of the batch are good
            failures.append(_failure(each.key, error))
        else:
            log.info("%s: %s, %s rows in %s", *_described(each, outcome))
    return failures[0] if failures else None


def _described(each: Notification, outcome: Outcome) -> tuple[object, ...]:
    return each.uri, outcome.state, outcome.rows, outcome.output_uri or "nothing"


def _failure(key: str, error: Exception) -> Failure:
    if isinstance(error, EtlError):
        cause = f"{error.message}; fix: {error.fix}" if error.fix else error.message
        log.warning("%s: %s", key, cause)
    else:
        cause = f"{type(error).__name__}: {error}"
        log.exception("%s: %s", key, cause)
    return Failure(key=key, cause=cause)


def _give_up(
    message: Mapping[str, Any], failure: Failure, *, sqs: SQSClient, options: ProcessorOptions
) -> bool:
    """Put a message that was tried for the last time among the dead letters."""
    receive_count = int(message["attributes"]["ApproximateReceiveCount"])
    if receive_count < options.max_receive_count:
        return False
    attributes = {
        "cause": failure.cause,
        "failed_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z",
        "source_key": failure.key,
        "receive_count": str(receive_count),
    }
    try:
        send_message(
            sqs,
            queue_url=options.dead_letter_queue_url,
            body=message["body"],
            attributes={name: _sendable(text) for name, text in attributes.items() if text},
        )
    except Exception:
        # It comes back, and the queue's redrive policy moves it.
        log.exception("the dead-letter queue did not take message %s", message["messageId"])
        return False
    return True


def _come_back(message: Mapping[str, Any], *, sqs: SQSClient, options: ProcessorOptions) -> None:
    """Have a failed message tried before the queue's visibility timeout, which is for crashes."""
    try:
        hide_message(
            sqs,
            queue_url=options.queue_url,
            receipt_handle=message["receiptHandle"],
            seconds=options.retry_seconds,
        )
    except Exception:
        log.exception("message %s comes back later than asked for", message["messageId"])


def _sendable(text: str) -> str:
    return _UNSENDABLE.sub("\ufffd", text)[:_CAUSE_CHARACTERS]
