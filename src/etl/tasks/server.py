"""Prefect's built-in server, for flows that are run without another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

_SERVER_MODULE = "prefect.server.api.server"
# Reads the end of its input when the process that it was started by is gone, and a byte before.
_MINDER = """
import os, signal, sys, time
if not os.read(0, 1):
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.kill(int(sys.argv[1]), number)
        time.sleep(5)
"""


@contextmanager
def command_line() -> Iterator[None]:
    """What a flow needs that a command line runs, instead of a worker.

    Prefect's built-in server runs, unless another is configured; and the flow's heart does not
    beat: that is for a run whose worker may vanish, and takes up to a second to end.
    """
    with ExitStack() as held:
        _start_server()
        if process_id := _server_process_id():
            held.enter_context(dies_with_this_process(process_id))
        held.enter_context(temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}))
        yield


@contextmanager
def dies_with_this_process(process_id: int) -> Iterator[None]:
    """Have a process ended if this one is killed meanwhile; else it is left as it is."""
    reading, writing = os.pipe()
    try:
        minder = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _MINDER, str(process_id)],
            stdin=reading,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # out of Ctrl-C's reach
        )
    finally:
        os.close(reading)
    try:
        yield
    finally:
        with suppress(OSError):
            os.write(writing, b".")
        os.close(writing)
        minder.wait()


def _server_process_id() -> int | None:
    """The built-in server's, if there is one; to import it for the question takes a second."""
    module = sys.modules.get(_SERVER_MODULE)
    process = module.SubprocessASGIServer().server_process if module else None
    return process.pid if process else None


def _start_server() -> None:
    """Start the built-in server out of Ctrl-C's reach.

    A terminal sends Ctrl-C to all processes of a command. This one would be gone before the flow
    could tell it that it was stopped.
    """
    started: Future[None] = Future()

    def start() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # for what this thread starts
        try:
            get_client(sync_client=True)
        except Exception as error:
            started.set_exception(error)
        else:
            started.set_result(None)

    threading.Thread(target=start, daemon=True).start()
    started.result()
