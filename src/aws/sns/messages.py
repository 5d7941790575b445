"""Send messages to topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# Amazon SNS API reference, Publish: ASCII without line breaks; a message is at most 256 KB.
_SUBJECT_LIMIT = 100


def publish(client: SNSClient, *, topic_arn: str, subject: str, message: str) -> str:
    """Send a message to all that have subscribed; its id.

    Args:
        subject: What an e-mail is headed; cut to what SNS takes.
    """
    line = " ".join(subject.split()).encode("ascii", "replace").decode()
    answer = client.publish(TopicArn=topic_arn, Subject=line[:_SUBJECT_LIMIT], Message=message)
    return answer["MessageId"]
