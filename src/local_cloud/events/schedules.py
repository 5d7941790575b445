"""When an EventBridge schedule is due: rate(…) and cron(…), in UTC.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_NAMES = {name: number for names in (_MONTHS, _DAYS) for number, name in enumerate(names, 1)}
_STEP = re.compile(r"([^/]+)/(\d+)")


class ScheduleError(Exception):
    """A schedule that is none, or that is not run here."""


@dataclass(frozen=True)
class Rate:
    """Every so often since the rule was made."""

    every: timedelta

    def is_due(self, minute: datetime, since: datetime) -> bool:
        """Whether the rule fires in this minute."""
        minutes = (minute - since.replace(second=0, microsecond=0)) // timedelta(minutes=1)
        return minutes > 0 and minutes % (self.every // timedelta(minutes=1)) == 0


@dataclass(frozen=True)
class Cron:
    """The minutes, hours, days of month, months, days of week (SUN is 1) and years that count."""

    fields: tuple[frozenset[int], ...]

    def is_due(self, minute: datetime, since: datetime) -> bool:
        """Whether the rule fires in this minute."""
        weekday = minute.isoweekday() % 7 + 1
        parts = (minute.minute, minute.hour, minute.day, minute.month, weekday, minute.year)
        return all(part in field for part, field in zip(parts, self.fields, strict=True))


def parse_schedule(text: str) -> Rate | Cron:
    """Read a rule's ScheduleExpression.

    Raises:
        ScheduleError: It is none, or uses L, W or #.
    """
    if rate := _RATE.fullmatch(text):
        every = timedelta(**{f"{rate[2]}s": int(rate[1])})
        if not every:
            raise ScheduleError(f"{text} is never due")
        return Rate(every)
    if cron := _CRON.fullmatch(text):
        bounds = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
        given = zip(cron.groups(), bounds, strict=True)
        return Cron(tuple(_field(field, low, high) for field, (low, high) in given))
    raise ScheduleError(f"{text} is neither rate(…) nor cron(…) as this cloud runs them")


def _field(text: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        step = 1
        if stepped := _STEP.fullmatch(part):
            part, step = stepped[1], int(stepped[2])
            part = part if part == "*" or "-" in part else f"{part}-{high}"
        if part in ("*", "?"):
            first, last = low, high
        else:
            start, _, end = part.partition("-")
            first = _number(start)
            last = _number(end) if end else first
        if not (low <= first <= last <= high and step > 0):
            raise ScheduleError(f"{text} is not within {low} to {high}")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str) -> int:
    if text.isdecimal():
        return int(text)
    if text.upper() in _NAMES:
        return _NAMES[text.upper()]
    raise ScheduleError(f"{text} in a schedule is not run by this cloud")
