"""`make demo-events` in a home of its own: a first tour with nothing up, and a second one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

LINES = {
    "POST a batch of 50 events, one bad": "202: 49 accepted, 1 rejected, stored",
    "the same again": "202: the same answer",
    "its Idempotency-Key, another body": "409: this Idempotency-Key came with other records",
    "a record that breaks the contract": "422: no record meets the contract: ",
    "a good CSV file of airports": "25 rows processed, the file moved to completed/",
    "a good JSON file of orders": "40 rows processed, the file moved to completed/",
    "a bad CSV file": "dead letter after 3 tries: 1 of 25 records are bad: record 25: longitude",
    "mended and redriven": "25 rows processed, the file moved to completed/",
    "what was told of it": "alert: a message to etl-local-incoming failed in local",
    "the archiver, a dry run": "1 of ",
    "the state machine, 2026-01-01": "succeeded (",
}


@pytest.mark.timeout(360)
def test_tour_shows_every_step_also_a_second_time(
    run_cloud: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    command = (sys.executable, "-m", "local_cloud.tour")
    home = tmp_path / "home"
    for how in ("s): airports", "has run before): airports"):
        done = run_cloud(home, command=command)
        assert done.returncode == 0, done.stderr[-3000:]
        shown = done.stdout.splitlines()
        for step, answer in LINES.items():
            (line,) = [each for each in shown if each.startswith(f"{step}  ")]
            assert line.removeprefix(step).strip().startswith(answer)
        assert f"{how} 3,376 rows, orders 1,949 rows" in done.stdout
        assert "what to try next" in shown
