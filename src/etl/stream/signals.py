"""SIGTERM and SIGINT as a wish to stop: the first asks, the second insists.

Standard library only: a program listens before it spends a second on its other imports.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ABORT_SECONDS = 5.0


class StopRequestedError(Exception):
    """A stop was requested before anything was read."""


class Stop:
    """Whether the program has been asked to stop.

    Its file descriptor becomes readable then, so that whoever waits for input can wait for it too.
    """

    def __init__(self) -> None:
        self.is_requested = False
        self._interrupts = False
        self._readable, self._writable = os.pipe()

    @classmethod
    def on_signals(cls) -> Stop:
        """One that SIGTERM and SIGINT request.

        A second signal raises KeyboardInterrupt, and soon ends a process that still waits for S3.
        """
        stop = cls()

        def handle(signum: int, frame: FrameType | None) -> None:
            if stop.is_requested:
                _end_soon()
                raise KeyboardInterrupt
            stop.request()
            # Not by print: the signal may have come while standard error was being written to.
            os.write(2, b"\nstopping: what was read is being committed; a second signal aborts\n")
            if stop._interrupts:
                raise StopRequestedError

        signal.signal(signal.SIGTERM, handle)
        signal.signal(signal.SIGINT, handle)
        return stop

    def request(self) -> None:
        """Ask to stop."""
        if not self.is_requested:
            self.is_requested = True
            os.write(self._writable, b"!")

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """A block that a signal ends at once: there is nothing to commit in it.

        Raises:
            StopRequestedError: A stop is or was requested.
        """
        self._interrupts = True
        try:
            if self.is_requested:
                raise StopRequestedError
            yield
        finally:
            self._interrupts = False

    def fileno(self) -> int:
        """Readable once a stop is requested."""
        return self._readable

    def wait(self, seconds: float | None) -> bool:
        """Wait until a stop is requested, or the time is over; whether it is requested."""
        select.select([self], [], [], seconds)
        return self.is_requested


def _end_soon() -> None:
    def end() -> None:
        os.write(2, b"\naborted while requests were under way\n")
        os._exit(130)

    timer = threading.Timer(_ABORT_SECONDS, end)
    timer.daemon = True
    timer.start()
