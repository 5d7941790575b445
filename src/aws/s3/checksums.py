"""SHA-256 as S3 keeps it beside an object: whole for one PUT, of the parts' digests otherwise."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class ChecksumError(Exception):
    """S3 answered with another checksum than that of the bytes that were sent."""


def encode_digest(digest: bytes) -> str:
    """A digest as S3's headers carry it."""
    return base64.b64encode(digest).decode()


def join_digests(parts: Iterable[bytes]) -> bytes:
    """The digest of an object that was sent in parts, from those of its parts."""
    return hashlib.sha256(b"".join(parts)).digest()


def is_checksum_of(checksum: str, digest: bytes) -> bool:
    """Whether S3's checksum, which may name the number of parts, says this digest."""
    return checksum.partition("-")[0] == encode_digest(digest)


def find_checksum(client: S3Client, *, bucket: str, key: str) -> str | None:
    """The SHA-256 that S3 keeps of an object; None if there is no object, or it has none."""
    try:
        found = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return None
        raise
    return found.get("ChecksumSHA256")
