"""All that S3 says of an object without its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
)
_CHECKSUMS = (
    "ChecksumCRC32",
    "ChecksumCRC32C",
    "ChecksumCRC64NVME",
    "ChecksumSHA1",
    "ChecksumSHA256",
)


@dataclass(frozen=True, kw_only=True)
class ObjectHead:
    """An object as it is.

    Attributes:
        size: In bytes.
        last_modified: To the second.
        headers: Content type and the like, as CopyObject takes them.
        metadata: The user's.
        checksums: Those of the whole object, by their names in S3's API.
    """

    size: int
    etag: str
    last_modified: datetime
    storage_class: str
    headers: Mapping[str, str]
    metadata: Mapping[str, str]
    checksums: Mapping[str, str]


def read_head(client: S3Client, *, bucket: str, key: str) -> ObjectHead | None:
    """The object's head, or None if there is no such object."""
    try:
        found: Any = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return None
        raise
    # Of an object that was sent in parts there may be only a checksum of its parts' checksums.
    is_whole = found.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    return ObjectHead(
        size=found["ContentLength"],
        etag=found["ETag"].strip('"'),
        last_modified=found["LastModified"],
        storage_class=found.get("StorageClass", "STANDARD"),
        headers={name: found[name] for name in _HEADERS if name in found},
        metadata=found.get("Metadata", {}),
        checksums={
            name: found[name]
            for name in _CHECKSUMS
            if is_whole and name in found and "-" not in found[name]
        },
    )
