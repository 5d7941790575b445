"""--plan: what a run would do, before and after there has been one; and that it does nothing."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from support.own_clouds import RunCloud, attach, entered
from support.pipeline_runs import Bench, rows_url

from etl import flow_arguments
from etl.planning import command
from etl.settings import load_settings
from local_cloud.source_orders import expected_counts

DAY, NEXT_DAY = "2026-02-01", "2026-02-02"
ROWS = 200
BUCKETS = ("raw", "processed", "quarantine", "artifacts")


@pytest.fixture(scope="module")
def bench(
    run_cloud: RunCloud, prefect_api_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """The tables of a cloud of its own, in which nothing has been run."""
    home = tmp_path_factory.mktemp("planned") / "home"
    variables = attach(run_cloud, home)
    with entered(variables):
        yield Bench(boto3.client, load_settings("local").glue.database, prefect_api_url)
    run_cloud(home, "down")


def plan(bench: Bench, *arguments: str) -> tuple[int, str, str]:
    """The exit code, standard output and standard error of a plan with these options."""
    options = flow_arguments.pipeline_arguments(["--plan", *arguments])
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**bench.environ, **rows_url(ROWS)}.items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = command.main(options)
    return code, out.getvalue(), err.getvalue()


def planned(bench: Bench, *arguments: str) -> dict[str, Any]:
    code, out, err = plan(bench, "--json", *arguments)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def stages(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in found["stages"]}


def objects(bench: Bench) -> dict[str, list[str]]:
    return {each: bench.keys(f"s3://etl-local-{each}/") for each in BUCKETS}


def test_plan_says_what_a_run_does_and_does_nothing(bench: Bench) -> None:
    before = objects(bench)
    first = planned(bench, "--run-date", DAY)
    assert first["basis"].startswith("none")
    assert all(each["rows"] is None for each in first["stages"])
    assert objects(bench) == before and bench.table() == []

    report = bench.run_json(DAY, "--engine", "duckdb", environ=rows_url(ROWS))
    after = objects(bench)
    told = planned(bench, "--run-date", NEXT_DAY, "--engine", "duckdb")
    assert told["basis"] == f"by what the run of {DAY} did"
    assert list(stages(told)) == [each["name"] for each in report["stages"]]
    for each in report["stages"]:
        own = stages(told)[each["name"]]
        assert {name: own[name] for name in each} == each
    assert stages(told)["extract"]["rows"] == ROWS
    assert stages(told)["load"]["rows"] == expected_counts(ROWS).loaded
    assert objects(bench) == after


def test_plan_by_the_other_engine_knows_no_time_and_the_least_cost(bench: Bench) -> None:
    told = planned(bench, "--run-date", DAY, "--engine", "spark")
    assert told["engine"].startswith("Spark on Glue")
    transform = stages(told)["transform"]
    assert transform["seconds"] is None
    # Two workers of one DPU for a minute, at 0.44 dollars a DPU hour.
    assert transform["cost_usd"] == pytest.approx(2 * 0.44 / 60)


def test_plan_of_a_replay_needs_what_raw_keeps(bench: Bench) -> None:
    told = planned(bench, "--run-date", DAY, "--replay")
    assert f"the {ROWS:,} records of s3://etl-local-raw/" in stages(told)["replay"]["does"]
    code, out, err = plan(bench, "--run-date", NEXT_DAY, "--replay")
    assert (code, out) == (1, "")
    assert f"raw keeps nothing of orders {NEXT_DAY}" in err and "\nTraceback" not in err


def test_plan_of_files_says_how_many_there_are(bench: Bench) -> None:
    code, out, _ = plan(bench, "--run-date", DAY, "--dataset", "airports")
    assert code == 0
    assert "file faa, 1 file of " in out and "no date of the dataset has been run" in out
