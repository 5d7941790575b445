"""Lambda entry point: `processor_handler.handle`. Parses the event, processes it, replies.

Event: messages of an SQS queue (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html) whose
bodies are S3's event notifications. Reply: {"batchItemFailures": [{"itemIdentifier": "…"}]}, the
messages that are to come back.
"""

from __future__ import annotations

import logging
import os
from functools import cache, partial
from typing import Any

from aws.clients import AwsConfig, make_client
from etl.processing.batch import process_batch
from etl.processing.dead_letters import tell_of_dead_letters
from etl.processing.objects import Processor
from etl.processing.options import ProcessorOptions


class InvalidEventError(ValueError):
    """The event holds no messages of a queue."""


def handle(event: Any, context: object) -> dict[str, list[dict[str, str]]]:
    """Process the objects that the event's messages tell of."""
    messages = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(messages, list):
        raise InvalidEventError(f"expected messages of a queue, got {event!r}"[:500])
    logging.getLogger("etl").setLevel(logging.INFO)
    options = ProcessorOptions.from_environment(os.environ)
    processor = Processor(_client("s3"), options)
    return process_batch(
        messages,
        processor.process,
        sqs=_client("sqs"),
        options=options,
        on_dead_letters=partial(tell_of_dead_letters, options=options, aws=_aws()),
    )


def _aws() -> AwsConfig:
    return AwsConfig(region=os.environ["AWS_REGION"])


@cache
def _client(service: str) -> Any:
    # One client for all invocations of a warm function.
    return make_client(service, _aws())
