"""The validator's real archive, in its own process on the embedded cloud, judging objects on S3."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from parquet_samples import parquet_bytes, sale, sales_contract

from aws.lambda_ import FunctionError, invoke
from etl.errors import ValidationError
from etl.settings import load_settings
from etl.validation.step import ValidationResult, validate_run

Client = Callable[[str], Any]
RUN_DATE = date(2026, 1, 1)
SETTINGS = load_settings("local")
ARTIFACTS, PROCESSED = SETTINGS.buckets.artifacts, SETTINGS.buckets.processed
FUNCTION = SETTINGS.validator.function_name


def put(client: Client, bucket: str, key: str, body: bytes) -> str:
    client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return f"s3://{bucket}/{key}"


def judge(client: Client, name: str, body: bytes, **rows: int) -> ValidationResult:
    """Validate one processed file under a name of its own."""
    counts = {"read": 2, "valid": 2, "quarantined": 0, "deduplicated": 0} | rows
    uri = put(client, PROCESSED, f"processed/test/{name}/part-0.parquet", body)
    metrics = {"rows": counts, "files": [{"uri": uri, "bytes": len(body)}]}
    return validate_run(
        client("lambda"),
        function_name=FUNCTION,
        contract_uri=put(
            client, ARTIFACTS, f"contracts/test/{name}.json", sales_contract().to_json().encode()
        ),
        metrics_uri=put(
            client, ARTIFACTS, f"runs/test/{name}/metrics.json", json.dumps(metrics).encode()
        ),
        run_date=RUN_DATE,
    )


def test_validator_good_file_passes_with_its_figures(client: Client) -> None:
    body = parquet_bytes([sale(1), sale(2)])
    found = judge(client, "good", body)
    assert (found.rows, found.bytes) == (2, len(body))
    assert len(found.checks) == 21
    assert found == judge(client, "good", body)


def test_validator_bad_rows_stop_the_run_with_their_figures(client: Client) -> None:
    body = parquet_bytes([sale(1), sale(1, status="lost")])
    with pytest.raises(ValidationError) as caught:
        judge(client, "bad", body)
    assert "known_status (status): 1, expected 0" in caught.value.message
    assert "primary_key_unique (sale_id, line): 1, expected 0" in caught.value.message


def test_validator_missing_metrics_show_the_functions_error(client: Client) -> None:
    contract = sales_contract().to_json().encode()
    with pytest.raises(ValidationError, match="could not judge the run: StorageError: .*none.json"):
        validate_run(
            client("lambda"),
            function_name=FUNCTION,
            contract_uri=put(client, ARTIFACTS, "contracts/test/none.json", contract),
            metrics_uri=f"s3://{ARTIFACTS}/runs/test/none/none.json",
            run_date=RUN_DATE,
        )


def test_validator_bad_event_is_refused_by_name(client: Client) -> None:
    with pytest.raises(FunctionError, match="InvalidEventError") as caught:
        invoke(client("lambda"), function_name=FUNCTION, payload={"run_date": "2026-01-01"})
    assert "InvalidEventError" in caught.value.log_tail


def test_validator_function_that_does_not_exist_is_explained(client: Client) -> None:
    with pytest.raises(ValidationError, match="there is no Lambda function nothing"):
        validate_run(
            client("lambda"),
            function_name="nothing",
            contract_uri="s3://a/b",
            metrics_uri="s3://a/b",
            run_date=RUN_DATE,
        )
