"""A run harmed at any of its calls, and run again, leaves what one clean run leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.contracts import write_contract
from support.fault_points import LAUNCHER, Left, Point, choose_points, forget_day, read_left
from support.faults_table import Row, record
from support.pipeline_runs import Bench, rows_url

DAY = "2026-05-04"
POINTS = 32  # of each loader and load mode
SAMPLED_POINTS = 4


@pytest.fixture(params=["replace", "merge"])
def contracts(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with the contract of orders, loaded in one of the modes."""

    def edit(document: dict[str, Any]) -> None:
        properties = document["schema"][0]["customProperties"]
        mode = next(each for each in properties if each["property"] == "loadMode")
        mode["value"] = request.param

    write_contract(tmp_path, edit)
    return tmp_path


@pytest.fixture(params=["copy", "data-api"])
def loader(request: pytest.FixtureRequest) -> str:
    """How rows are loaded."""
    return str(request.param)


def run_harmed(bench: Bench, loader: str, contracts: Path, plan: dict[str, str]) -> int:
    """The flow in a process of its own, with a plan of `support.faulty_flow`; its exit code."""
    process = subprocess.run(
        [sys.executable, str(LAUNCHER), "--run-date", DAY, "--loader", loader],
        env={
            **os.environ,
            **bench.environ,
            **rows_url(100),
            "PREFECT_API_URL": bench.api_url,
            "FAULT_PLAN": json.dumps(plan),
            "FAULT_CONTRACTS": str(contracts),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert "\nTraceback" not in process.stdout, process.stdout
    return process.returncode


@pytest.mark.timeout(3600)
def test_run_harmed_at_a_call_and_run_again_leaves_what_a_clean_run_leaves(
    make_bench: Callable[[], Bench],
    loader: str,
    contracts: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    clean, calls = make_bench(), tmp_path / "calls.txt"
    forget_day(clean, DAY)
    assert run_harmed(clean, loader, contracts, {"record": str(calls)}) == 0
    expected = read_left(clean, DAY)
    assert expected.table and expected.processed and expected.quarantine
    is_sample = request.config.getoption("--faults") == "sample"
    points = choose_points(calls.read_text().splitlines(), SAMPLED_POINTS if is_sample else POINTS)
    for point in points:
        row = harm_once(make_bench(), point, loader, contracts, expected)
        record(request.node, row)
        assert (row.rows_lost, row.rows_twice) == (0, 0), row


def harm_once(bench: Bench, point: Point, loader: str, contracts: Path, expected: Left) -> Row:
    """Harm a fresh run at the point, run it again, and compare."""
    forget_day(bench, DAY)
    code = run_harmed(bench, loader, contracts, {"at": point.call, "fault": point.fault})
    if "killed" in point.fault:
        assert code == -9, f"{point}: the run did not come to it"
    again = bench.run_json(DAY, "--loader", loader, contracts=contracts, environ=rows_url(100))
    assert again["rows"]["extracted"] == 100
    left = read_left(bench, DAY)
    return Row(
        fault=point.fault,
        where=point.call,
        rows_lost=expected.lost(left),
        rows_twice=expected.twice(left),
        recovered_by="a retry in the same run" if code == 0 else "the same command again",
    )
