"""Send, receive and delete messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_AT_ONCE = 10  # the most that ReceiveMessage gives
_WAIT_SECONDS = 1  # any wait asks all of SQS's servers, which a short poll does not


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message that was received.

    Attributes:
        receipt_handle: What deletes or returns it.
        receive_count: How often it was received from this queue, this time included.
        attributes: Those of type String.
    """

    message_id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    receive_count: int
    attributes: Mapping[str, str]


def send_message(
    client: SQSClient, *, queue_url: str, body: str, attributes: Mapping[str, str] | None = None
) -> str:
    """Send a message; its id once SQS has it.

    Args:
        attributes: Texts, none empty.
    """
    answer = client.send_message(
        QueueUrl=queue_url,
        MessageBody=body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value}
            for name, value in (attributes or {}).items()
        },
    )
    return answer["MessageId"]


def iter_messages(client: SQSClient, *, queue_url: str, hide_seconds: int) -> Iterator[Message]:
    """The messages of `iter_batches`, one by one."""
    for batch in iter_batches(client, queue_url=queue_url, hide_seconds=hide_seconds):
        yield from batch


def iter_batches(
    client: SQSClient, *, queue_url: str, hide_seconds: int
) -> Iterator[list[Message]]:
    """The queue's messages as they are received, until it seems to have no new ones.

    Args:
        hide_seconds: How long each is kept from other receivers. One that is not deleted by then
            may come again, with another receipt handle; the earlier one is void.
    """
    seen: set[str] = set()
    while True:
        answer = client.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=_AT_ONCE,
            VisibilityTimeout=hide_seconds,
            WaitTimeSeconds=_WAIT_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            MessageAttributeNames=["All"],
        )
        batch = list(map(_describe, answer.get("Messages", [])))
        if batch:
            yield batch
        new = {each.message_id for each in batch} - seen
        if not new:
            return
        seen |= new


def delete_message(client: SQSClient, *, queue_url: str, receipt_handle: str) -> None:
    """Delete a message that was received."""
    client.delete_message(QueueUrl=queue_url, ReceiptHandle=receipt_handle)


def hide_message(client: SQSClient, *, queue_url: str, receipt_handle: str, seconds: int) -> None:
    """Let a message that was received come back in so many seconds; 0 returns it at once."""
    client.change_message_visibility(
        QueueUrl=queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
    )


def _describe(message: MessageTypeDef) -> Message:
    system = message["Attributes"]
    return Message(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        sent_at=datetime.fromtimestamp(int(system["SentTimestamp"]) / 1000, UTC),
        receive_count=int(system["ApproximateReceiveCount"]),
        attributes={
            name: each["StringValue"]
            for name, each in message.get("MessageAttributes", {}).items()
            if "StringValue" in each
        },
    )
