"""The validator as it runs in its Lambda: from three names to a verdict. It writes nothing."""

from __future__ import annotations

import json
from datetime import date
from functools import partial
from typing import IO, TYPE_CHECKING, Any, cast

from aws.s3 import get_bytes
from aws.s3.ranges import RangeFile
from etl.drift.diff import read_diff
from etl.errors import ValidationError
from etl.keys import parse_s3_uri
from etl.model import Contract
from etl.storage import explain_storage_errors
from etl.validation.verdict import ProcessedFile, RowCounts, Validation, validate

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def validate_processed(
    s3: S3Client, *, contract_uri: str, metrics_uri: str, run_date: date
) -> Validation:
    """Judge what a run's transform wrote by the contract it was started with.

    Args:
        contract_uri: The compiled contract (`Contract.to_json`).
        metrics_uri: What the transform recorded: its row counts and files.

    Raises:
        StorageError: The contract or the metrics do not exist, or S3 refuses access.
        ValidationError: One of the two is not what it should be.
    """
    contract = _parse(contract_uri, "a contract", Contract.from_json, _read(s3, contract_uri))
    metrics = _parse(metrics_uri, "a transform's metrics", json.loads, _read(s3, metrics_uri))
    files, counts = _parse(metrics_uri, "a transform's metrics", partial(_written, s3), metrics)
    drift = _parse(metrics_uri, "a transform's metrics", read_diff, metrics)
    return validate(contract, files=files, counts=counts, run_date=run_date, drift=drift)


def _written(s3: S3Client, metrics: dict[str, Any]) -> tuple[list[ProcessedFile], RowCounts]:
    files = [
        ProcessedFile(uri=each["uri"], size=each["bytes"], open=partial(_open, s3, each["uri"]))
        for each in metrics["files"]
    ]
    names = ("read", "valid", "quarantined", "deduplicated")
    counts = {name: metrics["rows"][name] for name in names}
    return files, RowCounts(**counts, filtered=metrics["rows"].get("filtered", 0))


def _open(s3: S3Client, uri: str) -> IO[bytes]:
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        try:
            return cast(IO[bytes], RangeFile(s3, bucket=bucket, key=key))
        except s3.exceptions.NoSuchKey as error:
            raise FileNotFoundError(uri) from error


def _read(s3: S3Client, uri: str) -> str:
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        return get_bytes(s3, bucket=bucket, key=key).decode()


def _parse(uri: str, what: str, parse: Any, content: Any) -> Any:
    try:
        return parse(content)
    except (ValueError, KeyError, TypeError) as error:
        raise ValidationError(
            f"{uri} is not {what}: {type(error).__name__}: {error}",
            fix="run the pipeline for this date again",
        ) from error
