"""Write an object only if it is as the writer has seen it: S3's compare-and-set."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from aws.s3.bodies import read_whole

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHANGED = ("PreconditionFailed", "NoSuchKey", "404")
_UNDECIDED = "ConditionalRequestConflict"  # another such write is under way: ask again
_MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Tagged:
    """An object's content, and the ETag by which this version of it is known again."""

    body: bytes
    etag: str


def read_tagged(client: S3Client, *, bucket: str, key: str) -> Tagged | None:
    """A small object with its ETag; None if there is none."""
    try:
        found, body = read_whole(lambda: client.get_object(Bucket=bucket, Key=key))
    except client.exceptions.NoSuchKey:
        return None
    return Tagged(body, found["ETag"])


def create_object(
    client: S3Client,
    *,
    bucket: str,
    key: str,
    body: bytes,
    content_type: str = "application/octet-stream",
) -> bool:
    """Write a small object whole, if the key is free; of several writers one succeeds.

    Returns:
        Whether the object holds `body`: also True if an earlier try wrote it and its answer was
        lost, so that the repeated request was refused. Bodies should differ between writers.
    """
    written = swap_object(
        client, bucket=bucket, key=key, body=body, etag=None, content_type=content_type
    )
    return written is not None


def swap_object(
    client: S3Client,
    *,
    bucket: str,
    key: str,
    body: bytes,
    etag: str | None,
    content_type: str = "application/octet-stream",
) -> str | None:
    """Write a small object whole, in place of the version that is meant; of several writers one
    succeeds.

    Args:
        etag: Of that version; None if there is to be none.

    Returns:
        The ETag of what holds `body` now, whichever try wrote it; None if somebody else has
        written or deleted the object. Bodies should differ between writers.
    """
    condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        try:
            answer = client.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                ChecksumSHA256=checksum,
                **condition,  # type: ignore[arg-type]
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code in _CHANGED:
                found = read_tagged(client, bucket=bucket, key=key)
                return found.etag if found and found.body == body else None
            if code != _UNDECIDED or attempt == _MAX_ATTEMPTS:
                raise
        else:
            return answer["ETag"]
    raise AssertionError("the last attempt returns or raises")
