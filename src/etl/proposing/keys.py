"""Which columns could identify a row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from etl.proposing.columns import ProposedColumn

_KINDS = ("string", "integer", "date", "timestamp", "decimal", "boolean")
_IN_A_GROUP = ("string", "integer", "date", "timestamp", "boolean")
_MOST_TOGETHER = 4
_COPIES_PERCENT = 5
_DIRTY_PERCENT = 2  # of an identifier's values may be missing or come again
_MOST_TRIED = 10
_LONGEST_CODE = 64  # bytes; what is longer is prose
_IDENTIFIER = re.compile(
    r"(^|_)(id|ids|uuid|guid|key|code|number|no|nr|num|sku|isin|iban|ean|isbn|iata|symbol"
    r"|slug|ref)$"
)
_TIME = re.compile(r"(^|_)(year|month|week|day|date|hour|time|timestamp)$")
_MEASURE = re.compile(
    r"(^|_)(amount|price|total|subtotal|sum|qty|quantity|count|cost|value|score|age|size|weight"
    r"|height|width|length|temp|temperature|rate|percent|pct|lat|latitude|lon|lng|longitude"
    r"|description|comment|comments|note|notes|message|balance|volume|distance|duration"
    r"|updated_at|created_at|modified_at)$"
)


def find_key(columns: Sequence[ProposedColumn], dataset: str) -> tuple[str, ...]:
    """The columns that identify a row, the likeliest of them; () if none do.

    A few exact copies of rows are looked over, and a few rows with no id or that of another. Many
    copies are rows that no column tells apart.
    """
    rows = _different_rows(columns)
    total = len(columns[0].values)
    has_many_copies = 100 * (total - len(rows)) > _COPIES_PERCENT * total
    usable = [each for each in columns if _is_usable(each)]
    ranked = sorted(usable, key=lambda each: _rank(each, dataset))
    for one in ranked:
        if _is_identifying([one], rows) and _is_alone_likely(one):
            return () if has_many_copies and not is_identifier(one.name) else (one.name,)
    for one in sorted(columns, key=lambda each: _rank(each, dataset)):
        if is_identifier(one.name) and _is_nearly_identifying(one):
            return (one.name,)
    likely = [each for each in ranked if each.type.kind in _IN_A_GROUP and not _is_measure(each)]
    for group in () if has_many_copies else (likely, ranked):
        for size in range(2, _MOST_TOGETHER + 1):
            for some in combinations(group[:_MOST_TRIED], size):
                if _is_identifying(some, rows):
                    chosen = {each.name for each in some}
                    return tuple(each.name for each in columns if each.name in chosen)
    return ()


def is_identifier(name: str) -> bool:
    """Whether a column's name says that it identifies something."""
    return _IDENTIFIER.search(name) is not None


def repeated_keys(columns: Sequence[ProposedColumn], key: Sequence[str]) -> int:
    """How many records have the key of an earlier one."""
    chosen = [each.values for each in columns if each.name in key]
    keys = list(zip(*chosen))
    return len(keys) - len(set(keys))


def nearest_key(columns: Sequence[ProposedColumn], dataset: str) -> tuple[tuple[str, ...], int]:
    """The columns that come nearest to identifying a row, and how many records they leave over."""
    usable = sorted(filter(_is_usable, columns), key=lambda each: _rank(each, dataset))
    chosen = {each.name for each in usable[:_MOST_TOGETHER]}
    names = tuple(each.name for each in columns if each.name in chosen)
    return names, repeated_keys(columns, names) if names else 0


def _different_rows(columns: Sequence[ProposedColumn]) -> list[int]:
    """The positions of the records that are no exact copies of earlier ones."""
    seen: set[Any] = set()
    kept = []
    for index, row in enumerate(zip(*(each.values for each in columns))):
        row = tuple(map(repr, row))
        if row not in seen:
            seen.add(row)
            kept.append(index)
    return kept


def _is_usable(column: ProposedColumn) -> bool:
    is_short = column.type.kind != "string" or column.type.max_bytes <= 2 * _LONGEST_CODE
    has_all = column.nulls == 0 and column.chosen.misfits == 0
    return column.type.kind in _KINDS and is_short and has_all


def _is_nearly_identifying(column: ProposedColumn) -> bool:
    """Whether few records have no value, or that of an earlier one."""
    repeated = len(column.values) - column.nulls - len(column.distinct)
    dirty = repeated + column.nulls + column.chosen.misfits
    is_short = column.type.kind != "string" or column.type.max_bytes <= 2 * _LONGEST_CODE
    is_few = 100 * dirty <= _DIRTY_PERCENT * len(column.values)
    return column.type.kind in _IN_A_GROUP and is_short and is_few


def _is_measure(column: ProposedColumn) -> bool:
    return _MEASURE.search(column.name) is not None


def _is_alone_likely(column: ProposedColumn) -> bool:
    if is_identifier(column.name) or _TIME.search(column.name):
        return True
    if column.type.kind in ("integer", "decimal"):  # that numbers differ may be chance
        return column.position == 1 and not _is_measure(column)
    return column.type.kind in _IN_A_GROUP and not _is_measure(column)


def _rank(column: ProposedColumn, dataset: str) -> tuple[int, int]:
    """Lower is likelier: its own id, other identifiers, the rest in the order of the file."""
    singular = dataset.removesuffix("s")
    own = (
        "id",
        f"{singular}_id",
        f"{dataset}_id",
        f"{singular}_number",
        f"{singular}_no",
        singular,
    )
    if column.name in own or column.name in ("uuid", "guid", "key"):
        return 0, column.position
    if is_identifier(column.name):
        return 1, column.position
    return (3 if _is_measure(column) else 2), column.position


def _is_identifying(columns: Sequence[ProposedColumn], rows: Sequence[int]) -> bool:
    seen: set[Any] = set()
    for key in _keys(columns, rows):
        if key in seen:
            return False
        seen.add(key)
    return True


def _keys(columns: Sequence[ProposedColumn], rows: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    values = [each.values for each in columns]
    return (tuple(each[index] for each in values) for index in rows)
