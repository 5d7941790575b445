"""Dead letters of the processor: what they are, and another try for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aws.sqs import Message, delete_message, find_queue, hide_message, iter_batches, send_message
from etl.errors import ProcessingError, UsageError
from etl.processing.notifications import read_notifications
from etl.settings import Processor

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_HIDE_SECONDS = 120
_NO_CAUSE = "no cause recorded: see the function's log"


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A message that the processor has given up.

    Attributes:
        source_key: The object's; "" if the message names none.
        failed_at: ISO 8601, UTC. For one that the queue's redrive policy moved, after crashes or
            time-outs, when it was sent.
        receive_count: How often it was tried.
    """

    message_id: str
    source_key: str
    cause: str
    failed_at: str
    receive_count: int

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def list_dead_letters(sqs: SQSClient, queues: Processor) -> list[DeadLetter]:
    """All dead letters, the oldest first; they stay where they are.

    Raises:
        ProcessingError: The dead-letter queue does not exist.
    """
    dead_url = _find(sqs, queues.dead_letter_queue_name)
    with _returning(sqs, dead_url) as held:
        for _ in _receive(sqs, dead_url, held):
            pass
        return _in_order(map(_describe, held.values()))


def redrive(
    sqs: SQSClient, queues: Processor, *, message_ids: Collection[str] | None = None
) -> list[DeadLetter]:
    """Send dead letters to the queue again; each leaves the dead letters once it is sent.

    A redrive that is stopped between the two leaves a message in both: processing it twice changes
    nothing.

    Args:
        message_ids: Which ones; None for all that there were when this began.

    Returns:
        Those that were sent.

    Raises:
        UsageError: There are no such dead letters; the others have been sent.
        ProcessingError: One of the queues does not exist.
    """
    dead_url = _find(sqs, queues.dead_letter_queue_name)
    queue_url = _find(sqs, queues.queue_name)
    began, sent = datetime.now(UTC), []

    def is_chosen(letter: Message) -> bool:
        if message_ids is None:
            return letter.sent_at <= began  # else it may be one of these, given up once more
        return letter.message_id in message_ids

    with _returning(sqs, dead_url) as held:
        for batch in _receive(sqs, dead_url, held):
            for each in filter(is_chosen, batch):
                send_message(sqs, queue_url=queue_url, body=each.body)
                delete_message(sqs, queue_url=dead_url, receipt_handle=each.receipt_handle)
                del held[each.message_id]
                sent.append(_describe(each))
    if unknown := set(message_ids or ()) - {each.message_id for each in sent}:
        raise UsageError(
            f"there is no dead letter {', '.join(sorted(unknown))}",
            fix="see those that there are: python -m etl redrive --list",
        )
    return _in_order(sent)


@contextmanager
def _returning(sqs: SQSClient, queue_url: str) -> Iterator[dict[str, Message]]:
    """A place for a queue's messages, by their ids; those that are left in it come back."""
    held: dict[str, Message] = {}
    try:
        yield held
    finally:
        for each in held.values():
            with suppress(ClientError):  # it comes back by itself, only later
                hide_message(
                    sqs, queue_url=queue_url, receipt_handle=each.receipt_handle, seconds=0
                )


def _receive(sqs: SQSClient, queue_url: str, held: dict[str, Message]) -> Iterator[list[Message]]:
    """A queue's messages as they are received, kept from others and noted in `held`."""
    for batch in iter_batches(sqs, queue_url=queue_url, hide_seconds=_HIDE_SECONDS):
        held.update({each.message_id: each for each in batch})
        yield batch


def _describe(message: Message) -> DeadLetter:
    said = message.attributes
    return DeadLetter(
        message_id=message.message_id,
        source_key=said.get("source_key") or _key_in(message.body),
        cause=said.get("cause", _NO_CAUSE),
        failed_at=said.get("failed_at", f"{message.sent_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"),
        receive_count=int(said.get("receive_count", message.receive_count)),
    )


def _key_in(body: str) -> str:
    try:
        return next((each.key for each in read_notifications(body)), "")
    except ProcessingError:
        return ""


def _in_order(letters: Any) -> list[DeadLetter]:
    return sorted(letters, key=lambda each: (each.failed_at, each.source_key))


def _find(sqs: SQSClient, name: str) -> str:
    try:
        return find_queue(sqs, name=name)
    except sqs.exceptions.QueueDoesNotExist as error:
        raise ProcessingError(
            f"there is no queue {name}",
            fix="create it (terraform apply), or correct `processor` in config/<environment>.yml",
        ) from error
