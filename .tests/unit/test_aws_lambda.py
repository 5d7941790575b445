"""Invoking a function, and the validate step on top of it."""

from __future__ import annotations

import base64
import io
import json
import pickle
from datetime import date
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from aws.lambda_ import FunctionError, invoke
from etl.errors import ValidationError
from etl.validation.step import validate_run

LOG = "START RequestId: 1\nTraceback (most recent call last):\nKeyError: 'rows'\n"
REQUEST = {"function_name": "validator", "payload": {"a": 1}}
RUN: dict[str, Any] = {
    "function_name": "validator",
    "contract_uri": "s3://a/contract.json",
    "metrics_uri": "s3://a/metrics.json",
    "run_date": date(2026, 1, 1),
}


def client_answering(body: Any, *, payload: Any, function_error: str | None = None) -> Any:
    client = boto3.client(
        "lambda", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    stubber = Stubber(client)
    text = body if isinstance(body, str) else json.dumps(body)
    answer: dict[str, Any] = {
        "StatusCode": 200,
        "LogResult": base64.b64encode(LOG.encode()).decode(),
        "Payload": io.BytesIO(text.encode()),
    }
    if function_error:
        answer["FunctionError"] = function_error
    stubber.add_response(
        "invoke",
        answer,
        {
            "FunctionName": "validator",
            "InvocationType": "RequestResponse",
            "LogType": "Tail",
            "Payload": json.dumps(payload).encode(),
        },
    )
    stubber.activate()
    return client


def run_answering(body: Any, **options: Any) -> Any:
    event = {
        "contract_uri": "s3://a/contract.json",
        "metrics_uri": "s3://a/metrics.json",
        "run_date": "2026-01-01",
    }
    return client_answering(body, payload=event, **options)


def check(**changes: Any) -> dict[str, Any]:
    return {
        "name": "c",
        "column": None,
        "passed": True,
        "measured": 0,
        "expected": 0,
        "severity": "error",
    } | changes


def test_invoke_returns_the_functions_reply() -> None:
    client = client_answering({"é": [1]}, payload={"a": 1})
    assert invoke(client, **REQUEST) == {"é": [1]}


def test_invoke_function_that_raised_is_an_error_with_its_cause_and_log() -> None:
    reply = {"errorType": "KeyError", "errorMessage": "'rows'"}
    client = client_answering(reply, payload={"a": 1}, function_error="Unhandled")
    with pytest.raises(FunctionError, match="function validator: KeyError: 'rows'") as caught:
        invoke(client, **REQUEST)
    assert caught.value.log_tail == LOG
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("reply", ["Task timed out", "[]"])
def test_invoke_failure_that_is_no_error_object_is_an_error_all_the_same(reply: str) -> None:
    client = client_answering(reply, payload={"a": 1}, function_error="Unhandled")
    with pytest.raises(FunctionError, match="Unknown"):
        invoke(client, **REQUEST)


def test_validate_run_passed_gives_the_figures() -> None:
    found = validate_run(
        run_answering({"passed": True, "rows": 3, "bytes": 9, "checks": [check()]}), **RUN
    )
    assert (found.rows, found.bytes, found.checks) == (3, 9, (check(),))
    assert json.loads(found.to_json())["passed"] is True


def test_validate_run_failed_checks_are_listed_with_their_figures() -> None:
    checks = [
        check(),
        check(name="required", column="status", passed=False, measured=2),
        check(name="fresh", column="updated_at", passed=False, measured=72.0, expected="<= 48"),
    ]
    client = run_answering({"passed": False, "rows": 3, "bytes": 9, "checks": checks})
    with pytest.raises(ValidationError) as caught:
        validate_run(client, **RUN)
    assert caught.value.message == (
        "the processed data fail 2 checks:\n"
        "  - required (status): 2, expected 0\n"
        "  - fresh (updated_at): 72.0, expected <= 48"
    )


def test_validate_run_of_a_changed_source_shows_the_whole_diff() -> None:
    gone = check(name="schema_drift", column="id", passed=False, measured="- integer → missing")
    new = check(name="schema_drift", column="ID", passed=False, measured="+ new → integer")
    few = check(name="few", passed=False, measured=1, severity="warning")
    checks = [few, gone, new | {"severity": "warning"}]
    client = run_answering({"passed": False, "rows": 3, "bytes": 9, "checks": checks})
    with pytest.raises(ValidationError) as caught:
        validate_run(client, **RUN)
    assert caught.value.message == (
        "the processed data fail 1 check:\n"
        "  - schema_drift (id): - integer → missing, expected 0\n"
        "  - beside it, schema_drift (ID): + new → integer, expected 0"
    )
    assert f"{RUN['metrics_uri'].rpartition('/')[0]}/drift.json" in caught.value.fix


def test_validate_run_failed_warning_is_told_and_does_not_fail() -> None:
    late = check(name="late", passed=False, measured=5, expected="<= 2", severity="warning")
    found = validate_run(
        run_answering({"passed": True, "rows": 3, "bytes": 9, "checks": [check(), late]}), **RUN
    )
    assert found.warnings == ["late: 5, expected <= 2"]


def test_validate_run_function_that_raised_shows_the_real_error() -> None:
    reply = {"errorType": "KeyError", "errorMessage": "'rows'"}
    with pytest.raises(ValidationError) as caught:
        validate_run(run_answering(reply, function_error="Unhandled"), **RUN)
    assert "could not judge the run: KeyError: 'rows'\n" in str(caught.value)
    assert "  | KeyError: 'rows'" in str(caught.value)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("ResourceNotFoundException", ValidationError), ("AccessDeniedException", ClientError)],
)
def test_validate_run_missing_function_is_explained_and_others_pass_through(
    code: str, expected: type[Exception]
) -> None:
    client = boto3.client(
        "lambda", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    stubber = Stubber(client)
    stubber.add_client_error("invoke", code)
    with stubber, pytest.raises(expected):
        validate_run(client, **RUN)
