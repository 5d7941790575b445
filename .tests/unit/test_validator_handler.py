"""The validator's Lambda handler: event in, verdict out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from parquet_samples import parquet_bytes, sale, sales_contract

from etl.errors import StorageError, ValidationError
from validator import validator_handler

EVENT = {
    "contract_uri": "s3://artifacts/contracts/sales.json",
    "metrics_uri": "s3://artifacts/runs/sales/2026-01-01/metrics.json",
    "run_date": "2026-01-01",
}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    validator_handler._s3.cache_clear()
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket in ("artifacts", "processed"):
            client.create_bucket(Bucket=bucket)
        client.put_object(
            Bucket="artifacts", Key="contracts/sales.json", Body=sales_contract().to_json()
        )
        yield client
    validator_handler._s3.cache_clear()


def put_run(s3: Any, rows: list[dict[str, Any]]) -> None:
    body = parquet_bytes(rows)
    s3.put_object(Bucket="processed", Key="part-0.parquet", Body=body)
    counts = {"read": len(rows), "valid": len(rows), "quarantined": 0, "deduplicated": 0}
    metrics = {
        "rows": counts,
        "files": [{"uri": "s3://processed/part-0.parquet", "bytes": len(body)}],
    }
    put_metrics(s3, json.dumps(metrics))


def put_metrics(s3: Any, body: str) -> None:
    s3.put_object(Bucket="artifacts", Key="runs/sales/2026-01-01/metrics.json", Body=body)


def test_handle_good_run_replies_passed_and_changes_nothing(s3: Any) -> None:
    put_run(s3, [sale(1), sale(2)])
    listed = [s3.list_objects_v2(Bucket=name)["Contents"] for name in ("artifacts", "processed")]
    reply = validator_handler.handle(EVENT, None)
    assert (reply["passed"], reply["rows"]) == (True, 2)
    assert json.loads(json.dumps(reply)) == reply == validator_handler.handle(EVENT, None)
    assert listed == [
        s3.list_objects_v2(Bucket=name)["Contents"] for name in ("artifacts", "processed")
    ]


def test_handle_failing_check_is_a_normal_reply(s3: Any) -> None:
    put_run(s3, [sale(1), sale(1)])
    reply = validator_handler.handle(EVENT, None)
    assert not reply["passed"]
    assert {
        "name": "primary_key_unique",
        "column": "sale_id, line",
        "passed": False,
        "measured": 1,
        "expected": 0,
        "severity": "error",
    } in reply["checks"]


def test_handle_file_that_is_gone_is_a_failing_check(s3: Any) -> None:
    put_run(s3, [sale(1)])
    s3.delete_object(Bucket="processed", Key="part-0.parquet")
    first = validator_handler.handle(EVENT, None)["checks"][0]
    assert first["measured"] == "s3://processed/part-0.parquet does not exist"
    assert not first["passed"]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (None, "expected an object"),
        ({}, "expected an object of contract_uri, metrics_uri, run_date"),
        (EVENT | {"more": 1}, "expected an object"),
        (EVENT | {"run_date": 20260101}, "must be strings"),
        (EVENT | {"run_date": "yesterday"}, "run_date: Invalid isoformat string: 'yesterday'"),
        (EVENT | {"metrics_uri": "/tmp/metrics.json"}, "metrics_uri must be an s3:// URI"),
    ],
)
def test_handle_bad_event_is_refused(event: Any, message: str) -> None:
    with pytest.raises(validator_handler.InvalidEventError, match=message):
        validator_handler.handle(event, None)


def test_handle_missing_metrics_is_an_error_that_names_them(s3: Any) -> None:
    with pytest.raises(StorageError, match="metrics.json does not exist"):
        validator_handler.handle(EVENT, None)


@pytest.mark.parametrize("body", ["{", "[]", '{"files": []}', '{"files": [{}], "rows": {}}'])
def test_handle_damaged_metrics_is_an_error_that_names_them(s3: Any, body: str) -> None:
    put_metrics(s3, body)
    with pytest.raises(ValidationError, match="metrics.json is not a transform's metrics"):
        validator_handler.handle(EVENT, None)


def test_handle_contract_of_another_kind_is_an_error_that_names_it(s3: Any) -> None:
    put_run(s3, [sale(1)])
    s3.put_object(Bucket="artifacts", Key="contracts/sales.json", Body=b'{"dataset": "sales"}')
    with pytest.raises(ValidationError, match="sales.json is not a contract"):
        validator_handler.handle(EVENT, None)
