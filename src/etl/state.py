"""How far each dataset's source has been read: one JSON object per run date.

A run's progress is written when its load has committed, and never before. A run starts from what
earlier run dates left, not from its own: run again, it reads the same again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from aws.s3 import get_bytes, iter_objects, put_bytes
from etl.keys import parse_s3_uri
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SUFFIX = ".json"


def state_prefix(artifacts_bucket: str, dataset: str) -> str:
    """Where a dataset's progress lies."""
    return f"s3://{artifacts_bucket}/state/{dataset}/"


def write_progress(s3: S3Client, prefix: str, run_date: date, progress: dict[str, Any]) -> None:
    """Keep a run date's progress, in place of an earlier one."""
    bucket, folder = parse_s3_uri(prefix)
    body = json.dumps(progress, sort_keys=True, indent=1).encode() + b"\n"
    with explain_storage_errors(prefix):
        put_bytes(
            s3,
            bucket=bucket,
            key=f"{folder}{run_date}{_SUFFIX}",
            body=body,
            content_type="application/json",
        )


def read_progress(s3: S3Client, prefix: str, run_date: date) -> dict[str, Any] | None:
    """A run date's progress; None if it has never been loaded."""
    bucket, folder = parse_s3_uri(prefix)
    with explain_storage_errors(prefix):
        try:
            body = get_bytes(s3, bucket=bucket, key=f"{folder}{run_date}{_SUFFIX}")
        except s3.exceptions.NoSuchKey:
            return None
    found: dict[str, Any] = json.loads(body)
    return found


def list_run_dates(s3: S3Client, prefix: str) -> Iterator[date]:
    """The run dates that have progress, oldest first."""
    bucket, folder = parse_s3_uri(prefix)
    with explain_storage_errors(prefix):
        for each in iter_objects(s3, bucket=bucket, prefix=folder):
            yield date.fromisoformat(each.key.removeprefix(folder).removesuffix(_SUFFIX))


def latest_progress_before(
    s3: S3Client, prefix: str, run_date: date
) -> tuple[date, dict[str, Any]] | None:
    """The newest progress of a date before this one."""
    earlier = [each for each in list_run_dates(s3, prefix) if each < run_date]
    found = read_progress(s3, prefix, earlier[-1]) if earlier else None
    return (earlier[-1], found) if found is not None else None
