"""Runs of one dataset at the same time: one of a date is carried, others say why they are not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.access_log import stands_for
from support.faults_table import Row, record
from support.gated_jobs import GatedJob, make_gated_job, wait_until
from support.pipeline_runs import Bench, Outcome, rows_url

from etl.settings import load_settings
from local_cloud.source_orders import expected_counts

DAY, NEXT_DAY = "2026-05-20", "2026-05-21"
ROWS = 100
SETTINGS = load_settings("local")
pytestmark = pytest.mark.timeout(1800)
EXECUTIONS = "arn:aws:states:us-east-1:123456789012:execution"


@pytest.fixture
def job(client: Callable[[str], Any]) -> Iterator[GatedJob]:
    """A Glue job that waits until the test has seen what it wants to see."""
    with make_gated_job(client, "two-at-once") as made:
        yield made


@pytest.fixture
def machines(tmp_path: Path) -> list[dict[str, str]]:
    """Variables of two machines, which know nothing of each other's processes."""
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    return [{"TMPDIR": str(folder)} for folder in folders]


def look(client: Callable[[str], Any], execution: str, run_date: str) -> dict[str, Any]:
    """What the state machine's first step answers for a date."""
    now = f"{run_date}T23:59:59+00:00"
    run = {"dataset": "orders", "run_date": run_date, "execution": execution, "started_at": now}
    event = {"step": "look", "run": run, "given": {"input": {}}, "entered_at": now}
    answer = client("lambda").invoke(
        FunctionName=SETTINGS.state_machine.function_name, Payload=json.dumps(event).encode()
    )
    found: dict[str, Any] = json.loads(answer["Payload"].read())
    return found


def count_lost_and_twice(bench: Bench, days: int) -> tuple[int, int]:
    """Rows of the days that are not in the table, and those that are more than once."""
    ((rows, keys),) = bench.query("SELECT COUNT(*), COUNT(DISTINCT order_id) FROM {s}.orders")
    return days * expected_counts(ROWS).loaded - keys, rows - keys


def test_date_started_twice_at_once_on_two_machines_is_carried_by_one(
    bench: Bench,
    job: GatedJob,
    machines: list[dict[str, str]],
    client: Callable[[str], Any],
    request: pytest.FixtureRequest,
) -> None:
    environ = {**rows_url(ROWS), **job.environ, "ETL_LEASE__SECONDS": "6"}
    both = [bench.start_command(DAY, "--json", environ=environ | each) for each in machines]
    wait_until(lambda: any(each.poll() is not None for each in both))
    (stands_back,) = [each for each in both if each.poll() is not None]
    (carries,) = [each for each in both if each is not stands_back]
    out, err = stands_back.communicate()
    refused = Outcome(stands_back.returncode, out, err)
    refused.fails(f"orders {DAY}: run ", f"process {carries.pid} on", "is at work on it, since")

    beside = look(client, f"{EXECUTIONS}:m:beside", DAY)
    assert beside["errorType"] == "LeaseHeldError", beside
    job.open()
    out, err = carries.communicate(timeout=300)
    assert carries.returncode == 0, err
    assert json.loads(out)["rows"]["loaded"] == expected_counts(ROWS).loaded
    assert job.states(DAY) == ["SUCCEEDED"]
    lost, twice = count_lost_and_twice(bench, days=1)
    row = Row(
        fault="started twice at once",
        where="two machines, one date",
        rows_lost=lost,
        rows_twice=twice,
        recovered_by="one stands back",
    )
    record(request.node, row)
    assert (lost, twice) == (0, 0)


@pytest.fixture
def execution(client: Callable[[str], Any]) -> Iterator[str]:
    """An execution that is at work, and does nothing."""
    states = client("stepfunctions")
    stands_for("idle", SETTINGS.state_machine.name)
    definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600}}}
    definition["States"]["Wait"]["End"] = True  # type: ignore[index]
    machine = states.create_state_machine(
        name="idle",
        definition=json.dumps(definition),
        roleArn=f"arn:aws:iam::123456789012:role/{SETTINGS.state_machine.name}",
    )["stateMachineArn"]
    yield states.start_execution(stateMachineArn=machine, name=DAY)["executionArn"]
    states.delete_state_machine(stateMachineArn=machine)


def test_flow_beside_an_execution_stands_back_until_that_has_ended(
    bench: Bench, execution: str, client: Callable[[str], Any]
) -> None:
    day, name = "2026-05-22", execution.rpartition(":")[2]
    before = bench.state()
    assert look(client, execution, day)["dataset"] == "orders"
    bench.run(day, environ=rows_url(ROWS)).fails(f"orders {day}: execution {name} is at work")
    assert bench.state() == before
    another = look(client, f"{EXECUTIONS}:idle:another", day)
    assert another["errorType"] == "LeaseHeldError"
    client("stepfunctions").stop_execution(executionArn=execution)
    assert look(client, f"{EXECUTIONS}:idle:another", day)["dataset"] == "orders"


def test_backfill_beside_the_daily_run_leaves_that_date_to_it(
    make_bench: Callable[[], Bench], job: GatedJob, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--faults") == "sample":
        pytest.skip("make faults runs it")
    bench = make_bench()
    environ = {**rows_url(ROWS), **job.environ}
    daily = bench.start_command(DAY, "--json", environ=environ)
    wait_until(lambda: "RUNNING" in job.states(DAY) or daily.poll() is not None)
    assert daily.poll() is None, daily.communicate()
    backfill = bench.start_backfill(DAY, NEXT_DAY, "--max-parallel", "2", environ=environ)
    assert backfill.stderr
    for line in backfill.stderr:
        if f"{DAY}  failed" in line:
            break
    job.open()
    out, err = backfill.communicate(timeout=300)
    assert backfill.returncode == 1 and "1 failed, 1 succeeded" in err, err
    assert f"process {daily.pid} on" in out and "is at work on it" in out, out
    assert daily.communicate(timeout=300) and daily.returncode == 0
    again = bench.backfill(DAY, NEXT_DAY, environ=environ)
    assert again.code == 0 and "2 skipped" in again.out, again
    lost, twice = count_lost_and_twice(bench, days=2)
    row = Row(
        fault="a backfill beside the daily run",
        where="one date of the range",
        rows_lost=lost,
        rows_twice=twice,
        recovered_by="one stands back",
    )
    record(request.node, row)
    assert (lost, twice) == (0, 0)
