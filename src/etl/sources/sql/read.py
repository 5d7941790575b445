"""A run date's rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from etl.model import Contract
from etl.sources.records import Lines, OpenSource, SourceContext
from etl.sources.sql.reader import SqlReader, open_reader
from etl.sources.sql.snapshot import Snapshot
from etl.sources.sql.windows import end_of_day, make_progress, plan_window, read_previous


def open_sql(
    contract: Contract,
    context: SourceContext,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> OpenSource:
    """The run date's rows, and what the next run date is to know.

    Raises:
        ContractError, SecretError, SourceError: As `open_reader`; while iterating also a
            SourceError for a table that cannot be read, and a StorageError for its state.
    """
    reading = _Reading(open_reader(contract, context), context, now)
    detects = contract.detect_deletes and context.backfill_from is None
    return OpenSource(
        items=reading.items(keep_open=detects),
        progress=reading.progress,
        keys=reading.keys if detects else None,
    )


class _Reading:
    def __init__(
        self, reader: SqlReader, context: SourceContext, now: Callable[[], datetime]
    ) -> None:
        self._reader = reader
        self._context = context
        self._now = now
        self._progress: dict[str, Any] = {}
        self._open = ExitStack()
        self._snapshot: Snapshot | None = None

    def items(self, *, keep_open: bool) -> Iterator[Lines]:
        """The rows. The snapshot stays open for `keys` if they have come to their end."""
        with ExitStack() as stack:
            began_at = self._now()
            self._snapshot = stack.enter_context(self._reader.snapshot())
            yield from self._rows(self._snapshot, began_at)
            if keep_open:
                self._open = stack.pop_all()

    def keys(self) -> Iterator[Lines]:
        """The primary keys of all rows, in the snapshot that `items` was read from."""
        assert self._snapshot is not None
        with self._open:
            yield from self._snapshot.keys()

    def progress(self) -> dict[str, Any]:
        """What the next run date begins from."""
        return self._progress

    def _rows(self, snapshot: Snapshot, began_at: datetime) -> Iterator[Lines]:
        options, context, marks = self._reader.options, self._context, snapshot.table.marks
        previous = None
        if marks:
            previous = read_previous(context, options, is_time=marks.is_time)
        window = plan_window(context, options, previous, is_time=bool(marks and marks.is_time))
        yield from snapshot.rows(window)
        if options.watermark and context.backfill_from is None:
            ended = began_at >= end_of_day(context.run_date) and window.upper is not None
            latest = window.upper if ended else snapshot.latest
            self._progress = make_progress(options, previous, latest)
