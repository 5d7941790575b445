"""Amazon SQS: thin functions over a boto3 client. Errors are botocore's own."""

from aws.sqs.messages import (
    Message,
    delete_message,
    hide_message,
    iter_batches,
    iter_messages,
    send_message,
)
from aws.sqs.queues import find_queue

__all__ = [
    "Message",
    "delete_message",
    "find_queue",
    "hide_message",
    "iter_batches",
    "iter_messages",
    "send_message",
]
