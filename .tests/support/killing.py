"""What a test does to the embedded cloud's services while a run goes on in this process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import botocore.client
import psutil
import psycopg2
import pytest
from support.faulty_flow import Harm, harm_aws, harm_warehouse

Result = TypeVar("Result")


class Meanwhile(Harm):
    """Does something, once, before or after the first call whose words begin so.

    Calls are told in the words of `support.faulty_flow.describe`.
    """

    def __init__(self, call: str, act: Callable[[], None], *, is_after: bool) -> None:
        super().__init__({})
        self._call = call
        self._act = act
        self._is_after = is_after
        self._once = threading.Lock()
        self.is_done = False

    def around(
        self, call: str, make: Callable[[], Result], *, refused: Exception, unanswered: Exception
    ) -> Result:
        """Make a call, and act at it if it is the one."""
        is_due = self._is_due(call)
        if is_due and not self._is_after:
            self._act()
        result = make()
        if is_due and self._is_after:
            self._act()
        return result

    def _is_due(self, call: str) -> bool:
        with self._once:
            is_due = not self.is_done and call.startswith(self._call)
            self.is_done = self.is_done or is_due
            return is_due


@contextmanager
def meanwhile(call: str, act: Callable[[], None], *, is_after: bool = False) -> Iterator[None]:
    """Have `act` done at the first such call that this process makes; it has to come to it."""
    with pytest.MonkeyPatch.context() as patch:
        client: Any = botocore.client.BaseClient
        patch.setattr(client, "_make_api_call", client._make_api_call)  # what is put back
        patch.setattr(psycopg2, "connect", psycopg2.connect)
        waiting = Meanwhile(call, act, is_after=is_after)
        harm_aws(waiting)
        harm_warehouse(waiting)
        yield
    assert waiting.is_done, f"no call began with {call!r}"


def wait_until(condition: Callable[[], object], *, seconds: float = 60) -> None:
    """Look until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def daemon_of(home: Path) -> psutil.Process:
    """The process that is the embedded cloud of a home."""
    return psutil.Process(int((home / "lock").read_text()))


def family_of(home: Path, is_meant: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Those of the processes that a home's cloud has started."""
    found = []
    for process in daemon_of(home).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if is_meant(process):
                found.append(process)
    return found


def drivers(home: Path) -> list[psutil.Process]:
    """The Spark drivers: Java's processes."""
    return family_of(home, lambda process: process.name() == "java")


def scripts(home: Path) -> list[psutil.Process]:
    """The processes in which Glue's scripts run, without their minders."""
    return family_of(home, lambda each: _runs(each, "script_host.py"))


def workers(home: Path, function_name: str) -> list[psutil.Process]:
    """The processes that run a Lambda function, without their minders."""
    return family_of(
        home,
        lambda each: _runs(each, "bootstrap.py")
        and each.environ().get("AWS_LAMBDA_FUNCTION_NAME") == function_name,
    )


def _runs(process: psutil.Process, name: str) -> bool:
    command = " ".join(process.cmdline())
    return name in command and "minder.py" not in command


def postmaster(home: Path) -> psutil.Process:
    """PostgreSQL's first process."""
    lock = home / "redshift" / "data" / "postmaster.pid"
    return psutil.Process(int(lock.read_text().partition("\n")[0]))


def kill(processes: list[psutil.Process]) -> None:
    """SIGKILL, as the out-of-memory killer sends it."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def is_gone(process: psutil.Process) -> bool:
    """Whether nothing of it runs."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def processes_of(home: Path) -> list[str]:
    """The command lines of whatever runs for a home: its name stands in their variables."""

    def describe(process: psutil.Process) -> str:
        try:
            command = " ".join(process.cmdline())
            texts = [command, *process.environ().values()]
            is_one = process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return ""
        return command if is_one and any(str(home) in text for text in texts) else ""

    return [each for each in map(describe, psutil.process_iter()) if each]
