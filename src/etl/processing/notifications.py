"""What S3 says of an object in a message's body.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from etl.errors import ProcessingError

_NOT_S3 = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
_FIX = "send S3's own event notifications to the queue, and nothing else"


@dataclass(frozen=True, kw_only=True)
class Notification:
    """An object that was created.

    Attributes:
        etag: Of the object, which another may have replaced since; "" if that is not said.
        occurred_at: When, UTC.
    """

    bucket: str
    key: str
    etag: str
    occurred_at: datetime

    @property
    def uri(self) -> str:
        """s3://bucket/key."""
        return f"s3://{self.bucket}/{self.key}"


def read_notifications(body: str) -> list[Notification]:
    """The objects that a message tells of; none for S3's test event and for folders' markers.

    Raises:
        ProcessingError: The body is no event notification of S3.
    """
    try:
        event = json.loads(body)
        if isinstance(event, dict) and event.get("Event") == "s3:TestEvent":
            return []
        found = [_read(each) for each in event["Records"] if _is_creation(each)]
    except _NOT_S3 as error:
        raise ProcessingError(
            f"the message is no S3 event notification: {type(error).__name__}: {error}", fix=_FIX
        ) from error
    return [each for each in found if not each.key.endswith("/")]


def _is_creation(record: Mapping[str, Any]) -> bool:
    return str(record["eventName"]).startswith("ObjectCreated:")


def _read(record: Mapping[str, Any]) -> Notification:
    occurred_at = datetime.fromisoformat(record["eventTime"])
    if occurred_at.tzinfo is None:
        raise ValueError(f"eventTime {record['eventTime']} has no zone")
    return Notification(
        bucket=str(record["s3"]["bucket"]["name"]),
        key=unquote_plus(record["s3"]["object"]["key"]),
        etag=str(record["s3"]["object"].get("eTag", "")),
        occurred_at=occurred_at.astimezone(UTC),
    )
