"""Rules that a column's values suggest: bounds, enumerations, patterns."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from etl.proposing.columns import ProposedColumn

_FEWEST_OF_EACH = 3
_MOST_CHOICES, _FEWEST_PER_CHOICE = 12, 10
_FEWEST_ALIKE = 10
_LONGEST_PATTERN = 40
_MANY_DIGITS = 6
_NEVER_NEGATIVE = re.compile(
    r"(^|_)(amount|price|total|subtotal|qty|quantity|count|cost|age|size|weight|height|width|length"
    r"|area|duration|distance|volume|population|percent|pct|speed|tax|fee|stock|items|hours|minutes"
    r"|seconds|days)($|_)"
)
_DEGREES = {"latitude": 90, "lat": 90, "longitude": 180, "lon": 180, "lng": 180}
_RUN = re.compile(r"[0-9]+|[A-Z]+|[a-z]+|[^0-9A-Za-z]")
_CLASSES = {"0": "[0-9]", "A": "[A-Z]", "a": "[a-z]"}
_ESCAPED = frozenset(".^$*+?()[]{}|\\")


def suggest_rules(column: ProposedColumn, *, is_key: bool) -> dict[str, Any]:
    """Keys of the standard that hold for every value of the sample that is of the column's type."""
    match column.type.kind:
        case "integer" | "decimal" | "double":
            bounds = _bounds(column)
            return {"logicalTypeOptions": bounds} if bounds else {}
        case "string":
            choices = None if is_key else _choices(column)
            if choices:
                return {"enum": [{"value": each} for each in choices]}
            pattern = _pattern(column)
            return {"logicalTypeOptions": {"pattern": pattern}} if pattern else {}
    return {}


def _bounds(column: ProposedColumn) -> dict[str, int]:
    low, high = column.bounds
    if low is None:
        return {}
    for word, degrees in _DEGREES.items():
        if column.name == word or column.name.endswith(f"_{word}"):
            fits = -degrees <= low and high <= degrees
            return {"minimum": -degrees, "maximum": degrees} if fits else {}
    return {"minimum": 0} if low >= 0 and _NEVER_NEGATIVE.search(column.name) else {}


def _choices(column: ProposedColumn) -> list[str] | None:
    """The values, where they are few and each is frequent."""
    if not 2 <= len(column.distinct) <= _MOST_CHOICES:
        return None
    counts = Counter(each for each in column.values if each is not None)
    is_frequent = counts.total() >= _FEWEST_PER_CHOICE * len(counts)
    is_plain = all(isinstance(each, str) and each.isprintable() for each in counts)
    seldom = min(counts.values()) < _FEWEST_OF_EACH
    return sorted(counts) if is_frequent and is_plain and not seldom else None


def _pattern(column: ProposedColumn) -> str | None:
    """The one shape that all values have, if it has a letter or sign that never changes."""
    values = [each for each in column.distinct if isinstance(each, str)]
    if len(values) < _FEWEST_ALIKE or not all(each.isascii() for each in values):
        return None
    if max(map(len, values)) > _LONGEST_PATTERN or not all(each.isprintable() for each in values):
        return None
    split = [_RUN.findall(each) for each in values]
    if len({tuple(map(_shape, runs)) for runs in split}) != 1:
        return None
    places = [{runs[index] for runs in split} for index in range(len(split[0]))]
    if not all(map(_is_stable, places)):
        return None
    parts = [_part(runs) for runs in places]
    is_code = any("[0-9]" in each for each in parts) and any("[" not in each for each in parts)
    return f"^{''.join(parts)}$" if is_code and len(parts) > 1 else None


def _shape(run: str) -> str:
    """aaa of abc, 00 of 12, a sign as itself."""
    if run[0].isdigit():
        return "0" * len(run)
    if run.isalpha():
        return ("A" if run.isupper() else "a") * len(run)
    return run


def _is_stable(runs: set[str]) -> bool:
    """Whether digits are padded with zeros, or so many that they will not become more."""
    some = next(iter(runs))
    is_padded = any(each.startswith("0") for each in runs)
    return not some.isdigit() or is_padded or len(some) >= _MANY_DIGITS


def _part(runs: set[str]) -> str:
    """What matches the runs of one place, which all have the same shape."""
    if len(runs) == 1:
        (run,) = runs
        if not run.isdigit():
            return "".join(f"\\{each}" if each in _ESCAPED else each for each in run)
    shape = _shape(next(iter(runs)))
    return _CLASSES[shape[0]] + (f"{{{len(shape)}}}" if len(shape) > 1 else "")
