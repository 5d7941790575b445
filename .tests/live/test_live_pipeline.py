"""The main job in a real AWS account: `pytest .tests/live --live dev`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.live
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("loader", ["copy", "data-api"])
def test_full_pipeline_twice_in_a_real_account_gives_the_same_table(
    pytestconfig: pytest.Config, loader: str
) -> None:
    def answer(*command: str) -> dict[str, Any]:
        arguments = (*command, "--env", str(pytestconfig.getoption("--live")), "--json")
        found: dict[str, Any] = json.loads(
            subprocess.check_output([sys.executable, *arguments], cwd=ROOT)
        )
        return found

    hashes: list[str] = []
    for _ in range(2):
        run = ("flows/full_pipeline.py", "--run-date", "2026-01-01", "--loader", loader)
        rows = answer(*run)["rows"]
        assert rows["extracted"] == sum(
            rows[place] for place in ("loaded", "quarantined", "deduplicated")
        )
        ledger = ("-m", "etl", "ledger", "--dataset", "orders", "--run-date", "2026-01-01")
        (account,) = answer(*ledger, "--hash")["datasets"]
        hashes.append(account["table_hash"])
    assert hashes[0] == hashes[1] is not None
