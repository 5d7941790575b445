"""Read, write, list and delete objects."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from aws.s3.bodies import read_whole
from aws.s3.checksums import ChecksumError, encode_digest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DELETE_BATCH = 1000  # the most keys that DeleteObjects takes
_BUFFER_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class S3Object:
    """What a listing or a HEAD says of an object; `size` is in bytes."""

    key: str
    size: int
    etag: str
    last_modified: datetime


def get_bytes(client: S3Client, *, bucket: str, key: str) -> bytes:
    """The whole object, in memory: for small ones."""
    _, body = read_whole(lambda: client.get_object(Bucket=bucket, Key=key))
    return body


def open_object(
    client: S3Client, *, bucket: str, key: str, etag: str | None = None
) -> io.BufferedReader:
    """The object's body as a stream; close it.

    Args:
        etag: Of the version to read; None for whatever is there.

    Raises:
        ClientError: "PreconditionFailed" if the object is another version.
    """
    condition: Any = {"IfMatch": f'"{etag}"'} if etag else {}
    body = client.get_object(Bucket=bucket, Key=key, **condition)["Body"]
    # Without a buffer, readline() would ask botocore's stream for one byte at a time.
    return io.BufferedReader(cast(io.RawIOBase, body), _BUFFER_BYTES)


def put_bytes(
    client: S3Client,
    *,
    bucket: str,
    key: str,
    body: bytes,
    content_type: str = "application/octet-stream",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a small object whole; S3 checks its SHA-256 before it keeps it, and keeps that too."""
    checksum = encode_digest(hashlib.sha256(body).digest())
    answer = client.put_object(
        Bucket=bucket,
        Key=key,
        Body=body,
        ContentType=content_type,
        Metadata=metadata or {},
        ChecksumAlgorithm="SHA256",
        ChecksumSHA256=checksum,
    )
    if answer.get("ChecksumSHA256", checksum) != checksum:
        raise ChecksumError(f"s3://{bucket}/{key} is not what was sent")


def head_object(client: S3Client, *, bucket: str, key: str) -> S3Object | None:
    """What S3 knows of the object, or None if it does not exist."""
    try:
        found = client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return None
        raise
    return S3Object(
        key=key,
        size=found["ContentLength"],
        etag=found["ETag"].strip('"'),
        last_modified=found["LastModified"],
    )


def send_file(client: S3Client, path: Path, *, bucket: str, key: str) -> None:
    """Write a file whole, a large one in parts side by side; S3 checks and keeps its SHA-256."""
    client.upload_file(str(path), bucket, key, ExtraArgs={"ChecksumAlgorithm": "SHA256"})


def iter_objects(client: S3Client, *, bucket: str, prefix: str) -> Iterator[S3Object]:
    """Every object under the prefix, in key order, page after page."""
    for page in iter_pages(client, bucket=bucket, prefix=prefix):
        yield from page


def iter_pages(
    client: S3Client, *, bucket: str, prefix: str, after: str = ""
) -> Iterator[list[S3Object]]:
    """The same as lists of at most 1,000.

    Args:
        after: Begin with the first key that sorts after this one.
    """
    begin: Any = {"StartAfter": after} if after else {}
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **begin)
    for page in pages:
        yield [
            S3Object(
                key=each["Key"],
                size=each["Size"],
                etag=each["ETag"].strip('"'),
                last_modified=each["LastModified"],
            )
            for each in page.get("Contents", [])
        ]


def delete_objects(client: S3Client, *, bucket: str, keys: Iterable[str]) -> int:
    """Delete objects; keys that do not exist are no error.

    Returns:
        How many keys were asked for.

    Raises:
        ClientError: S3 refused one or more; the others are deleted all the same.
    """
    remaining = iter(keys)
    deleted = 0
    while batch := list(islice(remaining, DELETE_BATCH)):
        answer = client.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
        )
        if errors := answer.get("Errors"):
            first = errors[0]
            message = f"{len(errors)} not deleted, first {first.get('Key')}: {first.get('Message')}"
            raise ClientError(
                {"Error": {"Code": first.get("Code", ""), "Message": message}}, "DeleteObjects"
            )
        deleted += len(batch)
    return deleted
