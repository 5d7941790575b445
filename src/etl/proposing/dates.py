"""How the dates or timestamps of a column are written, where it is not ISO 8601."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etl.date_formats import date_reader
from etl.model import Type

# One letter reads one digit or two.
_DATES = (
    *("yyyy/M/d", "yyyy.M.d", "d.M.yyyy", "d/M/yyyy", "M/d/yyyy", "d-M-yyyy", "M-d-yyyy"),
    *("MMM d yyyy", "MMM d, yyyy", "d MMM yyyy", "d-MMM-yyyy"),
)
_TIMES = ("H:mm:ss", "H:mm", "H:mm:ss.SSS", "H:mm:ss.SSSSSS")
_LONGEST = 40
_TRIED = 200


class AmbiguousDates(Exception):
    """Every value could be read in two ways."""


def find_date_type(values: Sequence[str], *, misfit_percent: float) -> Type | None:
    """The type, with its format, that most of the texts are of; None if there is none.

    Raises:
        AmbiguousDates: Days and months cannot be told apart.
    """
    distinct = list(dict.fromkeys(values))
    if max(map(len, distinct)) > _LONGEST and misfit_percent == 0:
        return None
    found = [
        type_
        for type_ in _candidates(distinct[0], distinct[-1])
        if _fits(type_, distinct[:_TRIED], misfit_percent) and _fits(type_, values, misfit_percent)
    ]
    if len(found) > 1 and any(_read(found[0], v) != _read(found[1], v) for v in distinct):
        raise AmbiguousDates(f"{found[0].format} or {found[1].format}")
    return found[0] if found else None


def _candidates(*some: str) -> Iterator[Type]:
    """The formats that one of some values is of."""
    for type_ in _ALL:
        if any(_read(type_, each) for each in some):
            yield type_


def _all() -> Iterator[Type]:
    for date in _DATES:
        yield Type(kind="date", format=date)
    for date in ("yyyy-M-d", *_DATES):
        for separator in (" ", "'T'"):
            for time in _TIMES:
                for zone in ("", "XXX"):
                    yield Type(kind="timestamp", format=f"{date}{separator}{time}{zone}")


_ALL = tuple(_all())


def _read(type_: Type, value: str) -> object:
    return date_reader(type_.format, with_time=type_.kind == "timestamp")(value)


def _fits(type_: Type, values: Sequence[str], misfit_percent: float) -> bool:
    misfits = sum(_read(type_, each) is None for each in values)
    return 100 * misfits <= misfit_percent * len(values)
