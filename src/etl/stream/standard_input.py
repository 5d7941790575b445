"""JSON lines from a file descriptor, read as they come and interruptible while none do."""

from __future__ import annotations

import logging
import os
import select

from etl.errors import SourceError
from etl.stream.feeds import Chunk
from etl.stream.lines import LineSplitter
from etl.stream.signals import Stop

log = logging.getLogger("etl")

_READ_BYTES = 1024 * 1024


class StandardInput:
    """The feed of a pipe, a file or a terminal.

    A last line without its newline is a record when the input ends there. It is none when a signal
    does: the producer had not completed it.
    """

    def __init__(self, file_descriptor: int, *, stop: Stop, limit_bytes: int) -> None:
        self.has_ended = False
        self._input = file_descriptor
        self._stop = stop
        self._splitter = LineSplitter(limit_bytes)

    def read(self, wait_seconds: float | None) -> Chunk | None:
        """The next records; None if none were completed.

        Raises:
            SourceError: There is no standard input.
        """
        try:
            watched = [self._input, self._stop.fileno()]
            ready, _, _ = select.select(watched, [], [], wait_seconds)
            if self._stop.is_requested:
                self._end_unfinished()
                return None
            if not ready:
                return None
            data = os.read(self._input, _READ_BYTES)
        except OSError as error:
            raise SourceError(
                f"cannot read standard input: {error.strerror}",
                fix="pipe JSON lines into the command, or redirect a file to it",
            ) from error
        self.has_ended = not data
        lines = self._splitter.split(data) if data else self._splitter.finish()
        return Chunk(lines=lines) if lines.rows else None

    def _end_unfinished(self) -> None:
        self.has_ended = True
        if self._splitter.unfinished_bytes:
            log.info(
                "stream     left out an unfinished line of %s bytes",
                f"{self._splitter.unfinished_bytes:,}",
            )
