"""A load that goes on without its process: found again, waited for, or made again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws

from aws.redshift import data_api
from etl.warehouse.executor import DataApiExecutor
from etl.warehouse.submission import Submission, find_at_work, write_submission

URI = "s3://artifacts/runs/things/2026-01-01/load.json"
TARGET = data_api.Target(database="etl", workgroup_name="etl-local")
SUBMITTED = Submission(statement_id="abc", run_id="one", job_run_id="jr_1", manifest_digest="d")


@pytest.fixture
def client() -> Iterator[tuple[Any, Stubber]]:
    made = boto3.client("redshift-data", region_name="us-east-1")
    with Stubber(made) as stub:
        yield made, stub
        stub.assert_no_pending_responses()


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        made = boto3.client("s3")
        made.create_bucket(Bucket="artifacts")
        yield made


def describe(stub: Stubber, status: str, **more: Any) -> None:
    stub.add_response("describe_statement", {"Id": "abc", "Status": status, **more}, {"Id": "abc"})


@pytest.mark.parametrize("status", ["SUBMITTED", "PICKED", "STARTED"])
def test_find_at_work_knows_a_load_that_goes_on(
    s3: Any, client: tuple[Any, Stubber], status: str
) -> None:
    write_submission(s3, URI, SUBMITTED)
    describe(client[1], status)
    assert find_at_work(s3, client[0], URI) == SUBMITTED


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "ABORTED"])
def test_find_at_work_leaves_a_load_that_has_ended(
    s3: Any, client: tuple[Any, Stubber], status: str
) -> None:
    write_submission(s3, URI, SUBMITTED)
    describe(client[1], status)
    assert find_at_work(s3, client[0], URI) is None


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_find_at_work_of_what_aws_tells_nothing_of_finds_nothing(
    s3: Any, client: tuple[Any, Stubber], code: str
) -> None:
    write_submission(s3, URI, SUBMITTED)
    client[1].add_client_error("describe_statement", code)
    assert find_at_work(s3, client[0], URI) is None


@pytest.mark.parametrize("text", [None, "", "{}", json.dumps({"statement_id": "abc", "more": 1})])
def test_find_at_work_without_a_record_that_it_knows_asks_nobody(
    s3: Any, client: tuple[Any, Stubber], text: str | None
) -> None:
    if text is not None:
        s3.put_object(Bucket="artifacts", Key=URI.split("/", 3)[3], Body=text.encode())
    assert find_at_work(s3, client[0], URI) is None


def executor(client: Any, **more: Any) -> DataApiExecutor:
    return DataApiExecutor(client, target=TARGET, label="load", **more)


def add_batch(stub: Stubber, statement: str) -> None:
    asked = {"Sqls": [statement], "ClientToken": ANY, "StatementName": "load"}
    stub.add_response("batch_execute_statement", {"Id": "abc"}, asked | TARGET.parameters())


def test_transaction_is_told_of_before_it_is_waited_for(client: tuple[Any, Stubber]) -> None:
    told: list[str] = []
    add_batch(client[1], "DELETE FROM a")
    describe(client[1], "STARTED")
    describe(client[1], "FINISHED")
    executor(client[0], on_submitted=told.append).run_transaction(["DELETE FROM a"])
    assert told == ["abc"]


def test_transaction_at_work_is_waited_for_and_the_next_one_submitted(
    client: tuple[Any, Stubber],
) -> None:
    for status in ("STARTED", "FINISHED"):
        describe(client[1], status)
    runner = executor(client[0], at_work="abc")
    runner.run_transaction(["DELETE FROM a"])
    add_batch(client[1], "DELETE FROM a")
    describe(client[1], "FINISHED")
    runner.run_transaction(["DELETE FROM a"])


def test_transaction_at_work_that_fails_is_made_again(client: tuple[Any, Stubber]) -> None:
    describe(client[1], "ABORTED")
    add_batch(client[1], "DELETE FROM a")
    describe(client[1], "FINISHED")
    executor(client[0], at_work="abc").run_transaction(["DELETE FROM a"])
