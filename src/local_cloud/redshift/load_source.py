"""What a COPY reads: the objects that it names."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cloud.redshift.access import Access, refuse_missing_bucket, split_uri
from local_cloud.redshift.errors import load_failure
from local_cloud.redshift.plans import Copy


@dataclass(frozen=True)
class Source:
    """One object to load; `path` is the file that holds its bytes."""

    uri: str
    path: Path


def find_sources(access: Access, plan: Copy) -> list[Source]:
    """The objects that a COPY names, in the order of their keys or of the manifest.

    Raises:
        SqlError: There are none, one may not be read, or a mandatory one of the manifest is
            missing or of another size.
    """
    if "manifest" in plan.options:
        return _manifest_sources(access, plan)
    bucket, prefix = split_uri(plan.source)
    access.check_list(bucket, prefix)
    found = [
        Source(f"s3://{bucket}/{key}", path)
        for key, _, path in access.cloud.list_objects(bucket, prefix)
        if not key.endswith("/")
    ]
    for source in found:
        access.check_read(source.uri)
    if not found:
        refuse_missing_bucket(access.cloud, bucket)
        raise load_failure(f"The specified S3 prefix '{prefix}' does not exist", code=8001)
    return found


def https_uri(uri: str, region: str) -> str:
    """An object's address as Redshift's messages write it."""
    bucket, key = split_uri(uri)
    return f"https://s3.{region}.amazonaws.com/{bucket}/{urllib.parse.quote(key)}"


def read_object(access: Access, uri: str) -> bytes:
    """A small object's bytes.

    Raises:
        SqlError: There is no such object, or it may not be read.
    """
    bucket, key = split_uri(uri)
    access.check_read(uri)
    path = access.cloud.object_path(bucket, key)
    if path is None:
        refuse_missing_bucket(access.cloud, bucket)
        raise load_failure(
            "S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey,"
            f"Rid 0,ExtRid 0,CanRetry 1: {uri}",
            code=8001,
        )
    return path.read_bytes()


def _manifest_sources(access: Access, plan: Copy) -> list[Source]:
    try:
        manifest = json.loads(read_object(access, plan.source))
        entries = manifest["entries"]
    except (ValueError, KeyError, TypeError):
        raise load_failure(
            f"Manifest file is not in correct json format: {plan.source}",
            code=8001,
            location="s3_utility.cpp:340",
        ) from None
    found = [source for entry in entries if (source := _entry(access, plan, entry))]
    if not found:
        raise load_failure(f"No files found in manifest {plan.source}", code=8001)
    return found


def _entry(access: Access, plan: Copy, entry: Mapping[str, Any]) -> Source | None:
    uri = entry.get("url", "")
    bucket, key = split_uri(uri)
    is_columnar = plan.options.get("format") == "parquet"
    size = (entry.get("meta") or {}).get("content_length")
    if is_columnar and size is None:
        raise load_failure(
            (
                "File entry does not have 'meta' key."
                if not entry.get("meta")
                else "File entry does not have 'content_length' key."
            ),
            code=15003,
            context=uri,
            location="spectrum_manifest.cpp:204",
        )
    access.check_list(bucket, key)
    access.check_read(uri)
    path = access.cloud.object_path(bucket, key)
    if path is None:
        if not entry.get("mandatory", False):
            return None
        refuse_missing_bucket(access.cloud, bucket)
        raise load_failure(
            f"Mandatory url is not present in manifest file. The file {uri} does not exist",
            code=8001,
            context=uri,
        )
    if is_columnar and path.stat().st_size != size:
        where = https_uri(uri, access.cloud.region)
        raise load_failure(
            "Spectrum Scan Error",
            code=15007,
            context=f"File {where} has {path.stat().st_size} bytes, the manifest's content_length"
            f" says {size}",
            location="dory_util.cpp:1777",
        )
    return Source(uri, path)
