"""Write log events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


def put_log_events(
    client: CloudWatchLogsClient,
    *,
    log_group: str,
    log_stream: str,
    messages: Sequence[tuple[int, str]],
) -> None:
    """Append messages to a log stream, which is created if the group has none of that name.

    Args:
        messages: Milliseconds since 1970 (UTC) and text, oldest first.

    Raises:
        ClientError: There is no such log group (ResourceNotFoundException), or access is denied.
    """

    def put() -> None:
        client.put_log_events(
            logGroupName=log_group,
            logStreamName=log_stream,
            logEvents=[{"timestamp": moment, "message": text} for moment, text in messages],
        )

    try:
        put()
    except client.exceptions.ResourceNotFoundException:
        _create_stream(client, log_group, log_stream)
        put()


def _create_stream(client: CloudWatchLogsClient, log_group: str, log_stream: str) -> None:
    try:
        client.create_log_stream(logGroupName=log_group, logStreamName=log_stream)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ResourceAlreadyExistsException":
            raise
