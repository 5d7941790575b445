"""What a flow's process has started does not outlive it."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

SCRIPT = """
import subprocess, sys
from etl.tasks.server import dies_with_this_process
sleeper = subprocess.Popen(["sleep", "300"], stdout=subprocess.DEVNULL)
with dies_with_this_process(sleeper.pid):
    print(sleeper.pid, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen[str]:
    """A process with another that is to die with it."""
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def is_gone(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_process_dies_with_the_one_that_is_killed(
    owner: subprocess.Popen[str],
) -> None:
    assert owner.stdout and owner.stdin
    sleeper = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    deadline = time.monotonic() + 30
    while not is_gone(sleeper) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert is_gone(sleeper)


def test_process_is_left_to_its_starter_by_one_that_ends_in_order(
    owner: subprocess.Popen[str],
) -> None:
    assert owner.stdout and owner.stdin
    sleeper = psutil.Process(int(owner.stdout.readline()))
    owner.communicate("\n")
    try:
        assert owner.returncode == 0 and not is_gone(sleeper)
    finally:
        sleeper.kill()
