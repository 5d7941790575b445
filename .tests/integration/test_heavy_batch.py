"""The state machine on the embedded cloud leaves what the flow leaves, and tells of failures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.access_log import stands_for
from support.contracts import write_contract
from support.pipeline_runs import Bench, rows_url

from etl.settings import load_settings
from etl.state_machine import render, state_machine_arn

DAY = "2026-02-03"
ACCOUNT = "123456789012"
SETTINGS = load_settings("local")


@pytest.fixture
def alerts(client: Callable[[str], Any]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What has been told to the alerts' topic since: SNS's notifications."""
    sqs, sns = client("sqs"), client("sns")
    queue = sqs.create_queue(QueueName="heavy-batch-alerts")["QueueUrl"]
    subscribed = sns.subscribe(
        TopicArn=f"arn:aws:sns:us-east-1:{ACCOUNT}:{SETTINGS.alerts.topic_name}",
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:heavy-batch-alerts",
    )

    def read() -> list[dict[str, Any]]:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        return [json.loads(each["Body"]) for each in answer.get("Messages", [])]

    yield read
    sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=queue)


def test_machine_and_flow_leave_the_same_tables_and_a_second_start_attaches(
    make_bench: Callable[[], Bench], client: Callable[[str], Any]
) -> None:
    by_flow, by_machine, source = make_bench(), make_bench(), rows_url(300)
    flow = {
        dataset: by_flow.run_json(DAY, "--dataset", dataset, environ=source)
        for dataset in ("orders", "airports")
    }
    done = by_machine.heavy_batch(DAY, "orders,airports", "--json", environ=source)
    report = done.report
    assert not report["attached"]
    for line in ("orders       Extract", "airports     Validate", "orders       Complete"):
        assert line in done.err
    machine = {each["dataset"]: each for each in report["datasets"]}
    for dataset, wanted in flow.items():
        assert by_machine.table_hash(dataset) == by_flow.table_hash(dataset)
        assert machine[dataset]["table_rows"] == wanted["table_rows"]
        kept = json.loads(by_machine.read(machine[dataset]["report_uri"]))
        assert kept["rows"] == wanted["rows"]
        assert [each["name"] for each in kept["stages"]] == [
            each["name"] for each in wanted["stages"]
        ]
    ledger = "SELECT extracted, loaded, quarantined, deduplicated FROM {s}.orders__ledger"
    assert by_machine.query(ledger) == by_flow.query(ledger)

    described = client("stepfunctions").describe_execution(executionArn=report["execution"])
    assert json.loads(described["input"])["prefect_flow_run_id"] == report["prefect_flow_run_id"]
    second = by_machine.heavy_batch(DAY, "airports,orders", "--json", environ=source).report
    assert second["attached"] and second["execution"] == report["execution"]
    assert second["datasets"] == report["datasets"]
    started = {"name": described["name"], "input": "{}"}
    with pytest.raises(client("stepfunctions").exceptions.ExecutionAlreadyExists):
        client("stepfunctions").start_execution(
            stateMachineArn=described["stateMachineArn"], **started
        )


@pytest.fixture
def buggy_machine(client: Callable[[str], Any]) -> Iterator[dict[str, str]]:
    """The state machine with a Glue job whose script has a bug."""
    name, job, bucket = "batch-buggy", "buggy-job", SETTINGS.buckets.artifacts
    key = f"code/{job}.py"
    stands_for(name, SETTINGS.state_machine.name)
    stands_for(job, SETTINGS.glue.job_name)
    client("s3").put_object(Bucket=bucket, Key=key, Body=b"rows = orders.count()\n")
    client("glue").create_job(
        Name=job,
        Role=SETTINGS.glue.job_name,
        GlueVersion="5.1",
        Command={"Name": "glueetl", "ScriptLocation": f"s3://{bucket}/{key}"},
    )
    glue = SETTINGS.glue.model_copy(update={"job_name": job})
    settings = SETTINGS.model_copy(update={"glue": glue})
    role = f"arn:aws:iam::{ACCOUNT}:role/{SETTINGS.state_machine.name}"
    made = client("stepfunctions").create_state_machine(
        name=name, definition=render(settings, ACCOUNT), roleArn=role
    )
    yield {"ETL_STATE_MACHINE__NAME": name}
    client("stepfunctions").delete_state_machine(stateMachineArn=made["stateMachineArn"])
    client("glue").delete_job(JobName=job)


def test_glue_script_with_a_bug_fails_the_execution_and_tells_it_once(
    make_bench: Callable[[], Bench],
    buggy_machine: dict[str, str],
    alerts: Callable[[], list[dict[str, Any]]],
) -> None:
    bench = make_bench()
    done = bench.heavy_batch("2026-02-04", "orders", environ=buggy_machine | rows_url(20))
    done.fails("FAILED", "orders 2026-02-04 transform", "NameError", "next: python flows/heavy")
    (told,) = alerts()
    assert "orders 2026-02-04" in told["Subject"]
    for words in ("step transform", "NameError", "--run-date 2026-02-04 --datasets orders"):
        assert words in told["Message"]
    assert bench.table() == []


def test_failing_check_ends_before_the_load_and_the_next_start_is_another_attempt(
    make_bench: Callable[[], Bench], alerts: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    def edit(document: dict[str, Any]) -> None:
        checks = document["schema"][0]["quality"]
        next(each for each in checks if each["name"] == "row_count")["mustBeGreaterOrEqualTo"] = 99

    bench, day = make_bench(), "2026-02-05"
    write_contract(tmp_path, edit)
    done = bench.heavy_batch(day, "orders", environ=rows_url(10), contracts=tmp_path)
    done.fails("FAILED", "orders 2026-02-05 validate", "row_count: 10, expected")
    (told,) = alerts()
    assert "row_count: 10" in told["Message"]
    assert bench.table() == []

    mended = bench.heavy_batch(day, "orders", "--json", environ=rows_url(10)).report
    machine = state_machine_arn(SETTINGS, ACCOUNT).replace(":stateMachine:", ":execution:")
    assert mended["execution"].startswith(f"{machine}:{day}-")
    assert mended["execution"].endswith("-2")
    assert len(bench.table()) == mended["datasets"][0]["table_rows"] > 0
    assert alerts() == []
