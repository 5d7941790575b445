"""Find queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def find_queue(client: SQSClient, *, name: str) -> str:
    """The URL of the queue of this name.

    Raises:
        QueueDoesNotExist: There is none.
    """
    return client.get_queue_url(QueueName=name)["QueueUrl"]
