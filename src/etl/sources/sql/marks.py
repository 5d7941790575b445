"""How a watermark column is compared with points in time, by what the database keeps it as.

Outside, a mark is a datetime in UTC, or a whole number for a column of whole numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, and_, literal, not_, or_
from sqlalchemy import types as sqltypes

Mark = datetime | int

_TEXT_TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?"
)
# No zone is further from UTC than this.
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Window:
    """Marks from `lower` on and below `upper`; None for no bound."""

    lower: Mark | None = None
    upper: datetime | None = None


class IntegerMarks:
    """Whole numbers. Time says nothing of them, so they have no upper bound."""

    is_time = False

    def read(self, value: Any) -> Mark | None:
        """What a stored value stands for; None if it is no mark."""
        return value if isinstance(value, int) else None

    def within(self, column: ColumnElement[Any], window: Window) -> list[ColumnElement[bool]]:
        """The conditions that a column's marks lie in the window."""
        return [] if window.lower is None else [column >= window.lower]

    def keeps(self, value: Any, window: Window) -> bool:
        """Whether a value that fulfils the conditions lies in the window indeed."""
        return True

    def is_unplaced(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """The condition that the column holds no mark."""
        return column.is_(None)


class TimeMarks(IntegerMarks):
    """Timestamps, with or without a zone."""

    is_time = True

    def __init__(self, zone: tzinfo, *, has_zone: bool) -> None:
        self._zone = zone
        self._has_zone = has_zone

    def read(self, value: Any) -> Mark | None:
        """What a stored value stands for; None if it is no mark."""
        return instant_of(value, self._zone)

    def within(self, column: ColumnElement[Any], window: Window) -> list[ColumnElement[bool]]:
        """The conditions that a column's marks lie in the window."""
        conditions = []
        if isinstance(window.lower, datetime):
            conditions.append(column >= self._bound(column, window.lower))
        if window.upper is not None:
            conditions.append(column < self._bound(column, window.upper))
        return conditions

    def _bound(self, column: ColumnElement[Any], mark: datetime) -> ColumnElement[Any]:
        local = mark if self._has_zone else mark.astimezone(self._zone).replace(tzinfo=None)
        return literal(local, column.type)


class DayMarks(TimeMarks):
    """Dates: those of run dates, whatever the zone."""

    def _bound(self, column: ColumnElement[Any], mark: datetime) -> ColumnElement[Any]:
        return literal(mark.astimezone(UTC).date(), column.type)


class TextMarks(TimeMarks):
    """SQLite's timestamps: text, in any of the forms that `instant_of` reads.

    Such forms need not sort as time does, but all begin with the day: SQL goes by that, and
    `keeps` by the time.
    """

    def __init__(self, zone: tzinfo) -> None:
        super().__init__(zone, has_zone=False)

    def within(self, column: ColumnElement[Any], window: Window) -> list[ColumnElement[bool]]:
        """The conditions that a column's marks lie in the window, or up to two days beside it."""
        conditions: list[ColumnElement[bool]] = [_begins_with_day(column)]
        if isinstance(window.lower, datetime):
            conditions.append(column >= _day(window.lower - _DAY))
        if window.upper is not None:
            conditions.append(column < _day(window.upper + 2 * _DAY))
        return conditions

    def keeps(self, value: Any, window: Window) -> bool:
        """Whether a value's time lies in the window; a day that does not exist is kept."""
        mark = self.read(value)
        if not isinstance(mark, datetime):
            return True
        is_late_enough = not isinstance(window.lower, datetime) or mark >= window.lower
        return is_late_enough and (window.upper is None or mark < window.upper)

    def is_unplaced(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """The condition that the column holds no mark."""
        return or_(column.is_(None), not_(_begins_with_day(column)))

    def might_overtake(self, column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
        """The condition for all rows that are later than a value, but whose text sorts before."""
        mark = self.read(value)
        first = _day(mark - _DAY) if isinstance(mark, datetime) else value
        return and_(_begins_with_day(column), column >= first, column < value)

    def is_later(self, value: Any, than: Any) -> bool:
        """Whether a value's time is later than another's."""
        mark, other = instant_of(value, self._zone), instant_of(than, self._zone)
        return mark is not None and other is not None and mark > other


Marks = IntegerMarks | TimeMarks


def choose_marks(type_: Any, dialect: str, zone: tzinfo) -> Marks | None:
    """How a column of a type, as the database describes it, is compared; None if it cannot be."""
    if isinstance(type_, sqltypes.Integer):
        return IntegerMarks()
    if isinstance(type_, (sqltypes.Boolean, sqltypes.Float, sqltypes.LargeBinary)):
        return None
    if dialect == "sqlite":  # takes any word for a type, and text in any column
        return TextMarks(zone)
    if isinstance(type_, sqltypes.DateTime):
        return TimeMarks(zone, has_zone=bool(type_.timezone))
    return DayMarks(zone, has_zone=False) if isinstance(type_, sqltypes.Date) else None


def instant_of(value: Any, zone: tzinfo) -> datetime | None:
    """The point in time, in UTC, that a stored value stands for; None if it stands for none.

    Text is `YYYY-MM-DD`, or that with `HH:MM[:SS[.ffffff]]` after a space or T and then perhaps
    Z or an offset.
    """
    if isinstance(value, str):
        if not _TEXT_TIMESTAMP.fullmatch(value):
            return None
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        return None
    try:
        return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        return None


def _begins_with_day(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return column.op("GLOB", is_comparison=True)("-".join("[0-9]" * n for n in (4, 2, 2)) + "*")


def _day(mark: datetime) -> str:
    return mark.date().isoformat()
