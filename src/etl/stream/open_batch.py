"""A batch while it grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from types import TracebackType
from typing import Any, Protocol, Self

from etl.sources.records import Item, Lines
from etl.staging import Staged
from etl.stream.logs import Place


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a batch is committed: at the first of these.

    Attributes:
        bytes: Of the records as they came, before they are compressed.
        seconds: Since its first record.
    """

    records: int
    bytes: int
    seconds: float


class Writer(Protocol):
    """Writes the objects of one batch; nothing is visible before `commit`."""

    def add(self, item: Item, /) -> None: ...

    def finish(self) -> Staged: ...

    def commit(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...


# Makes the writer of a batch: its run date, and the names of its objects by their index.
OpenWriter = Callable[[date, Callable[[int], str]], Writer]


@dataclass
class OpenBatch:
    """The batch that records go to.

    Attributes:
        day: The date of its arrival, or the run date that was asked for.
        deadline: When it is to be committed, by the session's clock.
        bytes: Of the records as they came.
    """

    day: date
    place: Place
    writer: Writer
    deadline: float
    records: int = 0
    bytes: int = 0
    position: dict[str, Any] | None = None

    def add(self, lines: Lines, position: dict[str, Any] | None) -> None:
        """Take records, and up to where the source has been read with them."""
        self.writer.add(lines)
        self.records += lines.rows
        self.bytes += len(lines.data)
        self.position = position

    def is_due(self, limits: Limits, moment: float) -> bool:
        """Whether it is full, or old enough."""
        return (
            self.records >= limits.records or self.bytes >= limits.bytes or moment >= self.deadline
        )

    def abort(self, error: BaseException) -> None:
        """Give it up."""
        self.writer.__exit__(type(error), error, error.__traceback__)


def split_lines(lines: Lines, *, rows: int, size: int) -> tuple[Lines, Lines]:
    """The first lines, up to the one that reaches either limit, and the others.

    At least one line is among the first.
    """
    if lines.rows <= rows and len(lines.data) <= size:
        return lines, Lines(b"", 0)
    end, taken = 0, 0
    while taken < lines.rows and (taken == 0 or (taken < rows and end < size)):
        end = lines.data.index(b"\n", end) + 1
        taken += 1
    return (
        Lines(lines.data[:end], taken),
        Lines(lines.data[end:], lines.rows - taken),
    )
