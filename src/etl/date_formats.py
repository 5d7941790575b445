"""Dates and timestamps as others write them: the part of Java's DateTimeFormatter patterns that
cannot be misread.

`d.M.yyyy` reads 31.1.2026 and 31.01.2026, `MM/dd/yyyy HH:mm` reads 01/31/2026 09:15, which is taken
to be UTC. Standard library only, so that Spark's workers carry it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timezone
from functools import lru_cache

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
# Letter and count → the group's name and what matches. One letter reads one digit or two.
_PARTS = {
    "yyyy": ("year", "[0-9]{4}"),
    "MM": ("month", "[0-9]{2}"),
    "M": ("month", "[0-9]{1,2}"),
    "MMM": ("name", "[A-Za-z]{3}"),
    "dd": ("day", "[0-9]{2}"),
    "d": ("day", "[0-9]{1,2}"),
    "HH": ("hour", "[0-9]{2}"),
    "H": ("hour", "[0-9]{1,2}"),
    "mm": ("minute", "[0-9]{2}"),
    "ss": ("second", "[0-9]{2}"),
    "SSS": ("fraction", "[0-9]{3}"),
    "SSSSSS": ("fraction", "[0-9]{6}"),
    "XXX": ("zone", "Z|[+-][0-9]{2}:[0-9]{2}"),
}
_TOKEN = re.compile(r"([A-Za-z])\1*|'([^']*)'|[^A-Za-z']")
_DAY = {"year", "day"}
_TIME = {"hour", "minute"}

Reader = Callable[[str], datetime | None]


class DateFormatError(ValueError):
    """A format that is not read; the message says why."""


@lru_cache(maxsize=256)
def date_reader(pattern: str, *, with_time: bool) -> Reader:
    """What turns text of this format into a point in time, UTC; None for other text.

    Args:
        with_time: Whether the format must have the time of the day; it must not otherwise.

    Raises:
        DateFormatError: The format has letters that are not read, or lacks a part.
    """
    spelled, parts = "", []
    for token in _TOKEN.finditer(pattern):
        if token[1]:
            name, matches = _part(token[0])
            parts.append(name)
            spelled += f"(?P<{name}>{matches})"
        else:
            spelled += re.escape(token[0] if token[2] is None else token[2] or "'")
    _check(pattern, parts, with_time=with_time)
    compiled = re.compile(spelled)

    def read(text: str) -> datetime | None:
        found = compiled.fullmatch(text)
        return _moment(found.groupdict()) if found else None

    return read


def _part(letters: str) -> tuple[str, str]:
    if letters not in _PARTS:
        raise DateFormatError(f'"{letters}" is not one of {", ".join(_PARTS)}')
    return _PARTS[letters]


def _check(pattern: str, parts: list[str], *, with_time: bool) -> None:
    if len(set(parts)) < len(parts):
        raise DateFormatError(f'"{pattern}" has a part twice')
    months = {"month", "name"} & set(parts)
    if not _DAY <= set(parts) or len(months) != 1:
        raise DateFormatError(f'"{pattern}" needs a year, a month and a day')
    times = set(parts) - _DAY - months
    if with_time and not _TIME <= times:
        raise DateFormatError(f'"{pattern}" needs hours and minutes')
    if not with_time and times:
        raise DateFormatError(f'"{pattern}" has a time, which a date has not')


def _moment(parts: dict[str, str]) -> datetime | None:
    month = _MONTHS.get(parts["name"].lower()) if "name" in parts else int(parts["month"])
    if month is None:
        return None
    try:
        zone = datetime.fromisoformat(f"2000-01-01T00:00:00{parts.get('zone', 'Z')}").tzinfo
        moment = datetime(
            int(parts["year"]),
            month,
            int(parts["day"]),
            int(parts.get("hour", 0)),
            int(parts.get("minute", 0)),
            int(parts.get("second", 0)),
            int(parts.get("fraction", "0").ljust(6, "0")),
            tzinfo=zone,
        )
        return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def read_day(pattern: str, text: str) -> date | None:
    """The day that a text of this format is; None for other text."""
    moment = date_reader(pattern, with_time=False)(text)
    return moment and moment.date()


def read_moment(pattern: str, text: str) -> datetime | None:
    """The point in time that a text of this format is; None for other text."""
    return date_reader(pattern, with_time=True)(text)
