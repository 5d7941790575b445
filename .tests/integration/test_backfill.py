"""A range of dates: the same warehouse in any order, and on with it after whatever stopped it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from support.pipeline_runs import Bench, fault_url, rows_url

from local_cloud.source_orders import expected_counts

DAYS = ("2026-05-11", "2026-05-12", "2026-05-13")
RANGE = (DAYS[0], DAYS[2])
ROWS = 50
ENGINE = "duckdb"


def statuses(out: str) -> dict[str, str]:
    """The dates' statuses in what `--json` prints."""
    return {each["run_date"]: each["status"] for each in json.loads(out)["dates"]}


def kill_after_the_first_date(process: subprocess.Popen[str]) -> None:
    """End the process when it says that a date has succeeded, with another at work."""
    assert process.stderr
    for line in process.stderr:
        if "succeeded: " in line:
            break
    assert process.poll() is None
    process.kill()
    process.communicate()


def test_backfill_killed_midway_goes_on_and_ends_as_day_by_day_runs_in_any_order(
    make_bench: Callable[[], Bench],
) -> None:
    bench, other = make_bench(), make_bench()
    for at in (2, 0, 1):
        other.run_json(DAYS[at], environ=rows_url(ROWS))

    kill_after_the_first_date(
        bench.start_backfill(*RANGE, "--max-parallel", "2", environ=rows_url(ROWS))
    )
    resumed = bench.backfill(*RANGE, "--json", environ=rows_url(ROWS))
    assert resumed.code == 0, resumed.err
    results = json.loads(resumed.out)["dates"]
    assert [each["run_date"] for each in results] == list(DAYS)
    assert {each["rows"] for each in results} == {expected_counts(ROWS).loaded}
    assert {"skipped", "succeeded"} == {each["status"] for each in results}
    assert [row[:-1] for row in bench.table()] == [row[:-1] for row in other.table()]

    before, runs = bench.state(), runs_loaded(bench)
    again = bench.backfill(*RANGE, environ=rows_url(ROWS))
    assert again.code == 0 and "3 skipped" in again.out
    assert (bench.state(), runs_loaded(bench)) == (before, runs)

    forced = bench.backfill(DAYS[1], DAYS[1], "--force", "--json", environ=rows_url(ROWS))
    assert statuses(forced.out) == {DAYS[1]: "succeeded"}
    assert bench.table_hash() == other.table_hash()
    assert_children_of_the_flow_run(f"orders {RANGE[0]} to {RANGE[1]}")


def runs_loaded(bench: Bench) -> list[tuple[str, str]]:
    return bench.query("SELECT run_date, run_id FROM {s}.orders__ledger ORDER BY run_date")


def assert_children_of_the_flow_run(name: str) -> None:
    """The newest flow run of that name has one child for each date that it ran."""
    with get_client(sync_client=True) as prefect:
        parents = prefect.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate({"name": {"any_": [name]}})
        )
        children = [
            prefect.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate(
                    {"parent_flow_run_id": {"any_": [str(parent.id)]}}
                )
            )
            for parent in parents
        ]
    names = [sorted(child.name for child in each) for each in children]
    assert all(set(each) <= {f"orders {day}" for day in DAYS} for each in names)
    assert max(map(len, names)) >= 2


def test_backfill_of_a_failing_date_runs_the_others_and_says_why(
    make_bench: Callable[[], Bench],
) -> None:
    bench = make_bench()
    broken = bench.backfill("2026-06-12", "2026-06-14", environ=fault_url("unlucky"))
    assert broken.code == 1
    assert "2 succeeded, 1 failed" in broken.err and "answered 404" in broken.out
    assert "next: python flows/backfill.py --from 2026-06-12" in broken.err
    assert len(bench.query("SELECT run_date FROM {s}.orders__ledger")) == 2

    again = bench.backfill("2026-06-12", "2026-06-14", "--json", environ=fault_url("unlucky"))
    assert again.code == 1
    assert statuses(again.out) == {
        "2026-06-12": "skipped",
        "2026-06-13": "failed",
        "2026-06-14": "skipped",
    }


def test_backfill_of_a_range_that_makes_no_sense_is_refused_before_anything_runs(
    bench: Bench,
) -> None:
    bench.backfill("2026-05-02", "2026-05-01", environ={}).fails("begins on 2026-05-02", code=2)
    bench.backfill("2026-05-02", "2999-05-01", environ={}).fails("future", code=2)
