"""The main job in a real AWS account: `pytest .tests/live --live dev`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.live
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("loader", ["copy", "data-api"])
def test_full_pipeline_twice_in_a_real_account_gives_the_same_table(
    pytestconfig: pytest.Config, loader: str
) -> None:
    environment = pytestconfig.getoption("--live")
    command = ["flows/full_pipeline.py", "--run-date", "2026-01-01", "--env", environment]
    reports = [
        json.loads(
            subprocess.check_output(
                [sys.executable, *command, "--loader", loader, "--json"], cwd=ROOT
            )
        )
        for _ in range(2)
    ]
    for report in reports:
        rows = report["rows"]
        assert rows["extracted"] == sum(
            rows[place] for place in ("loaded", "quarantined", "deduplicated")
        )
    assert reports[0]["table_hash"] == reports[1]["table_hash"]
