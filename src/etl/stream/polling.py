"""A source that is asked again and again for what has come since."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from etl.sources.records import Lines
from etl.stream.feeds import Chunk
from etl.stream.signals import Stop


class Page(Protocol):
    """Records, and the position behind them."""

    @property
    def lines(self) -> Lines: ...

    @property
    def position(self) -> dict[str, Any]: ...


class Reader(Protocol):
    """Reads what lies behind a position, e.g. etl.sources.sql's."""

    def batches(self, *, after: dict[str, Any] | None) -> Iterator[Page]:
        """Page after page; from the beginning if `after` is None."""
        ...


class Polling:
    """The feed of a reader.

    Args:
        after: The position to begin behind.
        poll_seconds: From the beginning of one poll to that of the next.
        max_polls: How often to poll; None for until a stop is requested.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        after: dict[str, Any] | None,
        poll_seconds: float,
        stop: Stop,
        max_polls: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.has_ended = False
        self._reader = reader
        self._position = after
        self._poll_seconds = poll_seconds
        self._polls_left = max_polls
        self._stop = stop
        self._clock = clock
        self._pages: Iterator[Page] | None = None
        self._next_poll = clock()

    def read(self, wait_seconds: float | None) -> Chunk | None:
        """The next page; None at the end of a poll, or if the next is not due within the time."""
        if self._pages is None and not self._begin_poll(wait_seconds):
            self.has_ended = self._stop.is_requested
            return None
        assert self._pages is not None
        page = None if self._stop.is_requested else next(self._pages, None)
        if page is None:
            self._end_poll()
            return None
        self._position = page.position
        return Chunk(lines=page.lines, position=page.position)

    def rewind(self, position: dict[str, Any] | None) -> None:
        """Go on behind another position, at once; what is read again counts as one poll."""
        if self._pages is None and self._polls_left is not None:
            self._polls_left += 1  # its end was counted, and what it read is read again
        self._pages, self._position, self._next_poll = None, position, self._clock()
        self.has_ended = self._stop.is_requested

    def _begin_poll(self, wait_seconds: float | None) -> bool:
        wait = max(0.0, self._next_poll - self._clock())
        is_due = wait_seconds is None or wait <= wait_seconds
        if self._stop.wait(wait if is_due else wait_seconds) or not is_due:
            return False
        self._next_poll = self._clock() + self._poll_seconds
        self._pages = self._reader.batches(after=self._position)
        return True

    def _end_poll(self) -> None:
        self._pages = None
        if self._polls_left is not None:
            self._polls_left -= 1
        self.has_ended = self._stop.is_requested or self._polls_left == 0
