"""What a run left on S3 beside its rows: manifest, metrics, quarantine."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import IO, TYPE_CHECKING, Any, cast

import pyarrow.parquet as pq

from aws.s3 import get_bytes, head_object, open_object
from aws.s3.ranges import RangeFile
from etl import keys
from etl.ledger.account import Counts, compare
from etl.manifest import Manifest, RawObject, read_if_there
from etl.model import Contract
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is known of a run date.

    Attributes:
        metrics: The transform's, of whichever extraction it was.
    """

    manifest: Manifest | None
    metrics: Mapping[str, Any] | None

    def metrics_of(self, digest: str) -> Mapping[str, Any] | None:
        """The transform's metrics, if they are of this extraction."""
        is_of_it = self.metrics is not None and self.metrics["manifest_digest"] == digest
        return self.metrics if is_of_it else None


def read_left(s3: S3Client, contract: Contract, run_date: date, artifacts_bucket: str) -> Left:
    """Read what a run date's last run has left."""
    metrics = None
    if contract.is_transformed:
        uri = keys.run_uri(artifacts_bucket, contract.dataset, run_date, "metrics.json")
        metrics = _read_json(s3, uri)
    manifest = read_if_there(s3, keys.manifest_uri(contract, run_date))
    return Left(manifest=manifest, metrics=metrics)


def check_left(
    s3: S3Client, left: Left, digest: str, counts: Counts
) -> tuple[list[str], list[str]]:
    """Hold a line's counts against what was left of the extraction with this digest.

    Returns:
        Differences, and notes on what could not be compared.
    """
    differences: list[str] = []
    notes: list[str] = []
    if left.manifest is None:
        notes.append("its manifest is not there")
    elif left.manifest.digest != digest:
        notes.append("extracted again since, and not loaded: the last run has not ended well")
    else:
        found = {"extracted": left.manifest.extracted, "rejected": left.manifest.rejected}
        differences += compare("the manifest says", found, counts)
    metrics = left.metrics_of(digest)
    if metrics is not None:
        rows = metrics["rows"]
        differences += compare("metrics.json says", _transformed(rows), counts)
        more, why = check_quarantine(s3, metrics, counts.quarantined)
        differences, notes = differences + more, notes + why
    return differences, notes


def _transformed(rows: Mapping[str, int]) -> dict[str, int]:
    found = {name: rows[name] for name in ("deduplicated", "quarantined")}
    return found | {"filtered": rows.get("filtered", 0), "loaded": rows["valid"]}


def check_quarantine(
    s3: S3Client, metrics: Mapping[str, Any], quarantined: int
) -> tuple[list[str], list[str]]:
    """Count the quarantine's rows."""
    uris = [each["uri"] for each in metrics.get("quarantine_files", ())]
    counted = [_count_lines(s3, uri) for uri in uris]
    if uris and all(each is None for each in counted):
        return [], ["its quarantine is not there any more: deleted, or expired"]
    found = sum(each or 0 for each in counted)
    if found == quarantined:
        return [], []
    return [f"{quarantined:,} rows were quarantined, {found:,} lie there"], []


def count_processed(s3: S3Client, files: Iterable[Mapping[str, Any]]) -> int | None:
    """Rows of the processed files by their footers; None if one is not there."""
    total = 0
    for each in files:
        bucket, key = keys.parse_s3_uri(each["uri"])
        with explain_storage_errors(each["uri"]):
            if head_object(s3, bucket=bucket, key=key) is None:
                return None
            file = cast(IO[bytes], RangeFile(s3, bucket=bucket, key=key))
            total += int(pq.ParquetFile(file).metadata.num_rows)
    return total


def count_raw(s3: S3Client, objects: Iterable[RawObject]) -> int:
    """Records of those raw objects that are there as they were written."""
    total = 0
    for each in objects:
        bucket, key = keys.parse_s3_uri(each.uri)
        with explain_storage_errors(each.uri):
            found = head_object(s3, bucket=bucket, key=key)
        total += each.rows if found is not None and found.size == each.bytes else 0
    return total


def _count_lines(s3: S3Client, uri: str) -> int | None:
    """Lines of a gzip object; None if it is not there."""
    bucket, key = keys.parse_s3_uri(uri)
    with explain_storage_errors(uri):
        try:
            with open_object(s3, bucket=bucket, key=key) as body, gzip.open(body) as text:
                chunks = iter(lambda: text.read(_CHUNK_BYTES), b"")
                return sum(chunk.count(b"\n") for chunk in chunks)
        except s3.exceptions.NoSuchKey:
            return None


def _read_json(s3: S3Client, uri: str) -> dict[str, Any] | None:
    bucket, key = keys.parse_s3_uri(uri)
    with explain_storage_errors(uri):
        try:
            found: dict[str, Any] = json.loads(get_bytes(s3, bucket=bucket, key=key))
        except s3.exceptions.NoSuchKey:
            return None
    return found
