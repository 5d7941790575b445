"""What a killed run has left at work is not begun again: the next run goes on with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from support.access_log import stands_for
from support.faults_table import Row, record
from support.gated_jobs import GatedJob, make_gated_job, wait_until
from support.pipeline_runs import HEAVY_BATCH, Bench, rows_url

from etl.settings import load_settings
from etl.state_machine import render
from local_cloud.source_orders import expected_counts

DAY = "2026-05-24"
ROWS = 100
SETTINGS = load_settings("local")
pytestmark = pytest.mark.timeout(1800)
ACCOUNT = "123456789012"


@pytest.fixture
def job(client: Callable[[str], Any]) -> Iterator[GatedJob]:
    """A Glue job that is at work until the test lets it end."""
    with make_gated_job(client, "reattach") as made:
        yield made


def record_rows(request: pytest.FixtureRequest, bench: Bench, where: str, days: int = 1) -> None:
    """Keep what the kill has cost: nothing."""
    ((rows, keys),) = bench.query("SELECT COUNT(*), COUNT(DISTINCT order_id) FROM {s}.orders")
    lost, twice = days * expected_counts(ROWS).loaded - keys, rows - keys
    record(
        request.node,
        Row(
            fault="SIGKILL",
            where=where,
            rows_lost=lost,
            rows_twice=twice,
            recovered_by="the next run goes on with it",
        ),
    )
    assert (lost, twice) == (0, 0)


def test_flow_killed_while_glue_runs_starts_no_second_job_run_on_another_machine(
    bench: Bench, job: GatedJob, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    environ = {**rows_url(ROWS), **job.environ, "ETL_LEASE__SECONDS": "3"}
    killed = bench.start_command(DAY, environ=environ)
    wait_until(lambda: "RUNNING" in job.states(DAY) or killed.poll() is not None)
    assert killed.poll() is None, killed.communicate()
    killed.kill()
    killed.communicate()

    again = bench.start_command(DAY, "--json", environ={**environ, "TMPDIR": str(tmp_path)})
    assert again.stderr
    said = []
    for line in again.stderr:
        said.append(line)
        if "Glue job is RUNNING" in line:
            break
    assert job.states(DAY) == ["RUNNING"], said
    job.open()
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert f"process {killed.pid} on" in "".join(said) and "has died" in "".join(said)
    assert job.states(DAY) == ["SUCCEEDED"]
    assert json.loads(out)["rows"]["loaded"] == expected_counts(ROWS).loaded
    record_rows(request, bench, "while Glue runs")


@contextmanager
def locked(bench: Bench) -> Iterator[None]:
    """Keep loads from coming to their end."""
    connection = psycopg2.connect("")
    try:
        with connection.cursor() as cursor:
            cursor.execute(f'LOCK "{bench.schema}".orders')
        yield
    finally:
        connection.close()


def submitted(client: Callable[[str], Any], day: str) -> list[dict[str, Any]]:
    """The transactions of loads of a date, as the Data API has them."""
    found = client("redshift-data").list_statements(StatementName=f"orders {day} ")["Statements"]
    return [each for each in found if each.get("IsBatchStatement")]


def test_flow_killed_while_the_data_api_loads_submits_no_second_load(
    make_bench: Callable[[], Bench], client: Callable[[str], Any], request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--faults") == "sample":
        pytest.skip("make faults runs it")
    bench, day, options = make_bench(), "2026-05-25", ("--loader", "data-api", "--json")
    bench.run_json("2026-05-26", "--loader", "data-api", environ=rows_url(ROWS))
    with locked(bench):
        killed = bench.start_command(day, *options, environ=rows_url(ROWS))
        note = f"s3://{SETTINGS.buckets.artifacts}/runs/orders/{day}/load.json"
        wait_until(lambda: bench.keys(note) or killed.poll() is not None)
        assert killed.poll() is None, killed.communicate()
        killed.kill()
        killed.communicate()
        again = bench.start_command(day, *options, environ=rows_url(ROWS))
        assert again.stderr
        said = []
        for line in again.stderr:
            said.append(line)
            if " validate " in line:
                break
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    loads = submitted(client, day)
    assert [each["Status"] for each in loads] == ["FINISHED"], said
    report = json.loads(out)
    assert report["run_id"] in loads[0]["StatementName"]
    assert bench.query(f"SELECT run_id FROM {{s}}.orders__ledger WHERE run_date = '{day}'") == [
        (report["run_id"],)
    ]
    assert len(bench.job_runs(SETTINGS.glue.job_name, day)) == 1
    assert "its load is at work" in "".join(said)
    record_rows(request, bench, "while the Data API loads", days=2)


@pytest.fixture
def machine(client: Callable[[str], Any], job: GatedJob) -> Iterator[dict[str, str]]:
    """The state machine, with the gated job."""
    name = "taken-up"
    stands_for(name, SETTINGS.state_machine.name)
    glue = SETTINGS.glue.model_copy(update={"job_name": job.name})
    made = client("stepfunctions").create_state_machine(
        name=name,
        definition=render(SETTINGS.model_copy(update={"glue": glue}), ACCOUNT),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/{SETTINGS.state_machine.name}",
    )
    yield {"ETL_STATE_MACHINE__NAME": name}
    client("stepfunctions").delete_state_machine(stateMachineArn=made["stateMachineArn"])


def test_command_killed_while_its_execution_runs_attaches_to_that_one(
    make_bench: Callable[[], Bench],
    machine: dict[str, str],
    job: GatedJob,
    client: Callable[[str], Any],
    request: pytest.FixtureRequest,
) -> None:
    if request.config.getoption("--faults") == "sample":
        pytest.skip("make faults runs it")
    bench, day = make_bench(), "2026-05-27"
    killed = subprocess.Popen(
        [sys.executable, str(HEAVY_BATCH), "--run-date", day, "--datasets", "orders"],
        env={**os.environ, **bench.environ, "PREFECT_API_URL": bench.api_url, **machine}
        | rows_url(ROWS),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: "RUNNING" in job.states(day) or killed.poll() is not None)
    assert killed.poll() is None, killed.communicate()
    killed.kill()
    killed.communicate()
    bench.run(day, environ=rows_url(ROWS)).fails(f"orders {day}: execution {day}-", "is at work")
    job.open()
    attached = bench.heavy_batch(day, "orders", "--json", environ=machine | rows_url(ROWS)).report
    assert attached["attached"]
    arn = attached["execution"].replace(":execution:", ":stateMachine:").rpartition(":")[0]
    executions = client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
    assert [each["status"] for each in executions] == ["SUCCEEDED"]
    assert job.states(day) == ["SUCCEEDED"]
    record_rows(request, bench, "the command that follows an execution")
