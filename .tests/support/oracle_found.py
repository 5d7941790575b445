"""Values as they can be counted and compared, of the oracle and of the warehouse."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from support.oracle_json import parse
from support.oracle_specification import Items


def frozen(value: Any) -> Any:
    """A value that can be counted: lists and dicts as tuples."""
    if isinstance(value, list):
        return tuple(frozen(each) for each in value)
    if isinstance(value, dict):
        return tuple((name, frozen(each)) for name, each in value.items())
    return value


def sorted_json(value: Any) -> Any:
    """A parsed value that can be counted, the same for objects in any order."""
    if isinstance(value, dict):
        return tuple((name, sorted_json(value[name])) for name in sorted(value))
    return (
        tuple(map(sorted_json, value)) if isinstance(value, list) else (type(value).__name__, value)
    )


def as_found(kind: str, items: Items, value: Any) -> Any:
    """What the warehouse has for JSON, or an array with its elements' types, to be compared."""
    if value is not None and kind == "JSON":
        return sorted_json(parse(value))
    if value is None or kind != "SUPER":
        return value
    array = json.loads(value, parse_float=str, parse_int=str)
    return frozen([None if each is None else _found_element(items, each) for each in array])


def _found_element(items: Items, value: Any) -> Any:
    if isinstance(items, str):
        return _found_scalar(items, value)
    return {
        name: None if value[name] is None else _found_scalar(kind, value[name])
        for name, (kind, _) in items.items()
    }


def _found_scalar(kind: str, value: Any) -> Any:
    if kind == "DATE":
        return date.fromisoformat(value)
    if kind == "TIMESTAMPTZ":
        return datetime.fromisoformat(value.replace(" ", "T").removesuffix("Z") + "+00:00")
    text = value if isinstance(value, str) and kind.startswith("VARCHAR") else None
    return text if text is not None else _typed(kind, value)


def _typed(kind: str, value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if kind in ("INTEGER", "BIGINT"):
        return int(value)
    return float(value) if kind == "DOUBLE PRECISION" else Decimal(value)
