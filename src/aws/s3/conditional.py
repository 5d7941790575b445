"""Write an object only if there is none of its name: S3's compare-and-set."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from aws.s3.objects import get_bytes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_EXISTS = "PreconditionFailed"
_UNDECIDED = "ConditionalRequestConflict"  # another such write is under way: ask again
_MAX_ATTEMPTS = 5


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
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        try:
            client.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                ChecksumSHA256=checksum,
                IfNoneMatch="*",
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == _EXISTS:
                return get_bytes(client, bucket=bucket, key=key) == body
            if code != _UNDECIDED or attempt == _MAX_ATTEMPTS:
                raise
        else:
            return True
    raise AssertionError("the last attempt returns or raises")
