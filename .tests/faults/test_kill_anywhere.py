"""A run harmed at any of its calls, and run again, leaves what one clean run leaves."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.fault_points import (
    Left,
    Point,
    choose_points,
    describe_difference,
    same_report,
)
from support.faults_table import Row, record
from support.flow_processes import FlowProcesses
from support.harmed_days import LOADERS, FirstDay, HarmedDay, LaterDay, engine_of
from support.pipeline_runs import Bench

POINTS = 32  # of each load mode and loader
MODES = ("replace", "merge")
SAMPLED = {("replace", "data-api"): (13, 29), ("merge", "copy"): (14, 30)}
ALWAYS = {
    "shop GET|s3 GetObject landing": ("killed after",),  # while it is staged
    "s3 PutObject raw/.*_manifest.json": ("killed before",),
}
ALWAYS_BY = {
    "spark": {
        "glue StartJobRun": ("unanswered", "killed after"),
        "glue GetJobRun ": ("killed after",),  # while Glue runs
    },
    "duckdb": {
        "s3 PutObject processed/": ("unanswered", "killed before", "killed after"),
        "s3 PutObject quarantine/": ("killed before", "killed after"),
    },
    "copy": {
        "warehouse COPY": ("killed after",),
        "warehouse COMMIT": ("killed before", "killed after", "unanswered"),
        r"warehouse SELECT \(SELECT COUNT": ("killed before",),
    },
    "data-api": {
        "redshift-data BatchExecuteStatement LOCK": ("killed after", "unanswered"),
        "redshift-data DescribeStatement of BatchExecuteStatement LOCK": ("killed after",),
        r"redshift-data ExecuteStatement SELECT \(SELECT COUNT": ("killed before",),
    },
}
ALWAYS_FIRST = {"glue BatchCreatePartition": ("killed before", "killed after")}


@dataclass(frozen=True)
class Clean:
    """What a clean run leaves and reports, and where others are harmed."""

    left: Left
    report: dict[str, Any]
    points: list[Point]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each point: they are chosen when a worker has seen a clean run's calls."""
    is_sample = metafunc.config.getoption("--faults") == "sample"
    every = {(mode, loader): range(POINTS) for mode in MODES for loader in LOADERS}
    chosen = [
        (mode, loader, number)
        for (mode, loader), numbers in (SAMPLED if is_sample else every).items()
        for number in numbers
    ]
    metafunc.parametrize("mode,loader,number", chosen)


@pytest.fixture(scope="module")
def flows(
    cloud: dict[str, str], prefect_api_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FlowProcesses]:
    started = FlowProcesses(tmp_path_factory.mktemp("flows"), prefect_api_url)
    yield started
    started.close()


@pytest.fixture(scope="module")
def day_of(
    make_bench: Callable[[], Bench], flows: FlowProcesses, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], HarmedDay]:
    """Makes a load mode's day, once."""
    made: dict[str, HarmedDay] = {}

    def make(mode: str) -> HarmedDay:
        if mode not in made:
            folder = tmp_path_factory.mktemp("contracts")
            made[mode] = (
                FirstDay(folder, make_bench)
                if mode == "replace"
                else LaterDay(folder, make_bench, flows)
            )
        return made[mode]

    return make


@pytest.fixture(scope="module")
def clean_of(
    day_of: Callable[[str], HarmedDay],
    flows: FlowProcesses,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, str], Clean]:
    """Makes a clean run of a load mode's day by a loader, once."""
    made: dict[tuple[str, str], Clean] = {}

    def make(mode: str, loader: str) -> Clean:
        if (mode, loader) not in made:
            folder = tmp_path_factory.mktemp("clean")
            made[mode, loader] = run_cleanly(day_of(mode), flows, mode, loader, folder)
        return made[mode, loader]

    return make


def run_cleanly(
    day: HarmedDay, flows: FlowProcesses, mode: str, loader: str, folder: Path
) -> Clean:
    bench, calls = day.begin(), folder / "calls.txt"
    report = day.command.run(flows, bench, loader, {"record": str(calls)}).report
    assert report["table_rows"] == day.table_rows
    left = day.read(bench)
    dataset = day.command.dataset
    assert all(left.rows[kind] for kind in (dataset, "processed", "quarantine", "partitions"))
    always = (
        ALWAYS
        | ALWAYS_BY[engine_of(mode, loader)]
        | ALWAYS_BY[loader]
        | (ALWAYS_FIRST if mode == "replace" else {})
    )
    points = choose_points(calls.read_text().splitlines(), POINTS, always=always)
    return Clean(left=left, report=report, points=agreed(points, folder, f"{mode}-{loader}"))


def agreed(points: list[Point], folder: Path, name: str) -> list[Point]:
    """What the first of a session's workers has chosen: threads may have another order here."""
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if session is None:
        return points
    mine = folder / "points.json"
    mine.write_text(json.dumps([vars(each) for each in points]))
    shared = folder.parents[1] / f"{name}-{session}.json"
    with contextlib.suppress(FileExistsError):
        shared.hardlink_to(mine)
    return [Point(**each) for each in json.loads(shared.read_text())]


@pytest.mark.timeout(1800)  # the first of a load mode makes its day, and a clean run
def test_run_harmed_at_a_call_and_run_again_leaves_what_a_clean_run_leaves(
    mode: str,
    loader: str,
    number: int,
    day_of: Callable[[str], HarmedDay],
    clean_of: Callable[[str, str], Clean],
    flows: FlowProcesses,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    day, clean = day_of(mode), clean_of(mode, loader)
    point, done = clean.points[number], tmp_path / "done"
    bench = day.begin()
    plan = {"at": point.call, "nth": point.nth, "fault": point.fault, "done": str(done)}
    ended = day.command.run(flows, bench, loader, plan)
    assert done.exists(), f"the run did not come to {point}: {ended}"
    assert (ended.code == -signal.SIGKILL) == point.fault.startswith("killed"), ended
    assert "Traceback" not in ended.errors, ended.errors
    recovered_by = "the run itself"
    if ended.code != 0:
        ended = day.command.run(flows, bench, loader, {})
        recovered_by = "the same command again"
    left = day.read(bench)
    row = Row(
        fault=point.what,
        where=point.where,
        rows_lost=clean.left.lost(left),
        rows_twice=clean.left.twice(left),
        recovered_by=recovered_by,
    )
    record(request.node, row)
    assert (row.rows_lost, row.rows_twice) == (0, 0), describe_difference(clean.left, left)
    assert same_report(ended.report) == same_report(clean.report)
