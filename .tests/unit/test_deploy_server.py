"""What `make server` starts ends with it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest
from tools.deploy import server

from local_cloud.context import Child

DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
run = [sys.executable, "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(run, start_new_session=True).pid, flush=True)
time.sleep(600)
"""


def test_end_of_a_command_that_does_not_listen_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither it nor what it started in a session of its own, as a worker starts flow runs."""
    monkeypatch.setattr(server, "_STOP_SECONDS", 1)
    output = tmp_path / "output"
    with output.open("w") as file:
        child = Child([sys.executable, "-c", DEAF], stdout=file)
    while not output.read_text().endswith("\n"):
        time.sleep(0.05)
    started = psutil.Process(child.pid).children(recursive=True)
    assert int(output.read_text()) in {each.pid for each in started}

    server._end(child)

    left = psutil.wait_procs(started, timeout=3)[1]
    assert [each for each in left if each.status() != psutil.STATUS_ZOMBIE] == []
