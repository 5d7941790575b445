"""Prefect's built-in server, for flows that are run without another."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import Future

from prefect.client.orchestration import get_client


def start_server() -> None:
    """Start Prefect's built-in server, unless another is configured, out of Ctrl-C's reach.

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
