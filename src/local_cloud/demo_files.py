"""The files that the examples read, where config/local.yml says; what is there is left alone."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from etl.keys import parse_s3_uri
from etl.settings import Settings
from etl.state import state_prefix
from local_cloud.demo_logs import log_files
from local_cloud.demo_prices import price_files

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def put_demo_files(s3: S3Client, settings: Settings) -> None:
    """Put the airports, the log files and the price lists."""
    _put(s3, settings, "airports_csv", _airports())
    taken_once = {
        "app_logs": ("app_logs_prefix", log_files()),
        "price_list": ("price_list_prefix", price_files()),
    }
    for dataset, (place, files) in taken_once.items():
        # Files that a run has taken may be gone by its contract's wish.
        if not _exists(s3, state_prefix(settings.buckets.artifacts, dataset)):
            _put(s3, settings, place, files)


def _airports() -> Iterator[tuple[str, bytes]]:
    """The file of the package that brings it, if it is installed."""
    spec = importlib.util.find_spec("vega_datasets")
    if spec and spec.origin:
        yield "", (Path(spec.origin).parent / "_data" / "airports.csv").read_bytes()


def _put(s3: S3Client, settings: Settings, place: str, files: Iterator[tuple[str, bytes]]) -> None:
    """Put files of these names and contents below a place on S3, unless it has some."""
    uri = settings.places.get(place, "")
    if not uri.startswith("s3://") or _exists(s3, uri):
        return
    bucket, key = parse_s3_uri(uri)
    for name, content in files:
        s3.put_object(Bucket=bucket, Key=f"{key}{name}", Body=content)


def _exists(s3: S3Client, uri: str) -> bool:
    """Whether an object's URI begins so."""
    bucket, key = parse_s3_uri(uri)
    return bool(s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents"))
