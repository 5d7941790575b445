"""Rows of a contract's types at random, as the JSON lines that bring them."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from etl.model import Contract, Type

_INSTANTS = st.datetimes(timezones=st.just(timezone.utc))


def values(kind: Type, *, nulls_inside: bool = True) -> st.SearchStrategy[Any]:
    """Values of a type, NULL left out but for the elements of arrays."""
    match kind.kind:
        case "string":
            text = st.text(
                st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
            )
            return text.filter(lambda each: len(each.encode()) <= kind.max_bytes)
        case "integer":
            limit = 1 << (kind.bits - 1)
            return st.integers(-limit, limit - 1)
        case "decimal":
            digits = 10**kind.precision - 1
            return st.integers(-digits, digits).map(lambda number: _decimal(number, kind.scale))
        case "double":
            return st.floats(allow_nan=False, allow_infinity=False).map(lambda each: each + 0.0)
        case "boolean":
            return st.booleans()
        case "date":
            return st.dates()
        case "timestamp":
            return _INSTANTS
        case "array":
            assert kind.element is not None
            element = values(kind.element)
            return st.lists(st.none() | element if nulls_inside else element, max_size=3)
    return st.fixed_dictionaries(
        {
            field.name: values(field.type) if field.required else st.none() | values(field.type)
            for field in kind.fields
        }
    )


def rows(contract: Contract, *, nulls_inside: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """Rows with a value or None for each received column."""
    columns = {}
    for column in contract.received_columns:
        of_column = values(column.type, nulls_inside=nulls_inside)
        columns[column.name] = of_column if column.required else st.none() | of_column
    return st.fixed_dictionaries(columns)


def line_of(contract: Contract, row: dict[str, Any]) -> bytes:
    """The JSON line that brings a row, with its newline."""
    record: dict[str, Any] = {}
    for column in contract.received_columns:
        inner = record
        for step in column.path[:-1]:
            inner = inner.setdefault(step, {})
        inner[column.path[-1]] = row[column.name]
    return json.dumps(record, default=_as_json).encode() + b"\n"


def _decimal(number: int, scale: int) -> Decimal:
    digits = tuple(map(int, str(abs(number))))
    return Decimal((int(number < 0), digits, -scale))


def _as_json(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    assert isinstance(value, date | datetime)
    return value.isoformat()
