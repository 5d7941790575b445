"""Versions of objects, in buckets that keep them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_UNVERSIONED = "null"  # what S3 calls the version of an object written without versioning


@dataclass(frozen=True, kw_only=True)
class ObjectVersion:
    """An object as it is.

    Attributes:
        size: In bytes.
        version_id: What it can be read by once it has been replaced; None where the bucket did
            not keep versions when it was written.
    """

    key: str
    size: int
    etag: str
    version_id: str | None


def iter_current_versions(client: S3Client, *, bucket: str, prefix: str) -> Iterator[ObjectVersion]:
    """Every object under the prefix with the version that it has, in key order."""
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for each in page.get("Versions", []):
            if each["IsLatest"]:
                version_id = each["VersionId"]
                yield ObjectVersion(
                    key=each["Key"],
                    size=each["Size"],
                    etag=each["ETag"].strip('"'),
                    version_id=None if version_id == _UNVERSIONED else version_id,
                )
