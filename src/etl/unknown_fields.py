"""What a record has beside the fields that its contract names.

Standard library only, so that Spark's workers carry it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from etl.model import Contract, Type
from etl.received import Number
from etl.tidying import drop_empty, normalise_name

Path = tuple[str | int, ...]  # names as received; a number is an array's element
Found = tuple[Path, Any]
# The names that an object may have: an object's, or an array of objects', are in turn such a tree.
Names = dict[str, Any]


class KnownFields:
    """The fields that a contract names; it finds the others."""

    def __init__(self, contract: Contract) -> None:
        self._names = _names(contract)
        self._spelt = normalise_name if contract.normalise_names else str
        self._drop_empty = contract.drop_empty

    def others(self, record: dict[str, Any]) -> Iterator[Found]:
        """The fields of a parsed, untidied record that the contract does not name.

        Where it drops empty values, they are as good as missing.
        """
        return self._others(record, self._names, ())

    def _others(self, value: dict[str, Any], names: Names, above: Path) -> Iterator[Found]:
        for name, inner in value.items():
            known = self._spelt(name)
            path = (*above, name)
            if known not in names:
                kept = drop_empty(inner) if self._drop_empty else inner
                if kept is not None or not self._drop_empty:
                    yield path, kept
            elif names[known] and isinstance(inner, dict):
                yield from self._others(inner, names[known], path)
            elif names[known] and isinstance(inner, list):
                for index, each in enumerate(inner):
                    if isinstance(each, dict):
                        yield from self._others(each, names[known], (*path, index))


def label(path: Iterable[str | int]) -> str:
    """A path as messages have it, e.g. items[].colour; an element's place does not count."""
    text = "".join("[]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def nest(found: Iterable[Found]) -> dict[str, Any]:
    """The fields where they stood: objects and arrays hold nothing else; {} fills an array up."""
    rest: dict[str, Any] = {}
    for path, value in found:
        place: Any = rest
        for step, following in pairwise(path):
            if isinstance(step, int):
                place += [{} for _ in range(len(place), step + 1)]
                place = place[step]
            else:
                place = place.setdefault(step, [] if isinstance(following, int) else {})
        place[path[-1]] = value
    return rest


def to_text(value: Any) -> str:
    """A parsed value as JSON again, numbers as they were written."""
    match value:
        case Number():
            return str(value)
        case dict():
            inside = (f"{to_text(name)}:{to_text(inner)}" for name, inner in value.items())
            return "{" + ",".join(inside) + "}"
        case list():
            return "[" + ",".join(map(to_text, value)) + "]"
    text = json.dumps(value, ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()  # half a surrogate pair is escaped


def _names(contract: Contract) -> Names:
    known: Names = {}
    for column in contract.received_columns:
        *outer, last = column.path
        names = known
        for step in outer:
            names = names.setdefault(step, {})
        names.setdefault(last, _inside(column.type))
    return known


def _inside(kind: Type) -> Names:
    fields = kind.element.fields if kind.element else ()
    return {each.name: _inside(each.type) for each in fields}
