"""Prefect's built-in server, for flows that are run without another."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings


@contextmanager
def command_line() -> Iterator[None]:
    """What a flow needs that a command line runs, instead of a worker.

    Prefect's built-in server runs, unless another is configured; and the flow's heart does not
    beat: that is for a run whose worker may vanish, and takes up to a second to end.
    """
    _start_server()
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


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
