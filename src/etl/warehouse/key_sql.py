"""How SQL tells keys apart: exactly, as every other layer does.

Redshift ignores a VARCHAR's trailing blanks when it compares, and counts them in its length
(Database Developer Guide, "Character types"). So text is compared along with its length. The bare
text stays beside it: rows that lie on one slice are joined there only by the DISTKEY itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from etl.model import Column
from etl.warehouse.sql import identifier


def same_key(key: Iterable[Column], one: str, other: str) -> str:
    """A condition: rows of two tables, named as a query names them, have the same key."""
    return " AND ".join(
        same_value(each, f"{one}.{identifier(each.name)}", f"{other}.{identifier(each.name)}")
        for each in key
    )


def same_value(column: Column, one: str, other: str) -> str:
    """A condition: two expressions have the same value of a key's column."""
    same = f"{one} = {other}"
    return f"{same} AND {_length(one)} = {_length(other)}" if _is_text(column) else same


def key_parts(key: Iterable[Column], values: Iterable[str]) -> str:
    """What tells keys apart in PARTITION BY, GROUP BY and ORDER BY.

    Args:
        values: Each column's, as the query writes it.
    """
    return ", ".join(
        f"{value}, {_length(value)}" if _is_text(column) else value
        for column, value in zip(key, values, strict=True)
    )


def distinct_keys(key: Sequence[Column], values: Sequence[str], rows: str, more: str = "") -> str:
    """A query of the different keys among rows.

    Args:
        values: Each column's, as the query writes it.
        rows: White space, FROM and what follows.
        more: A constant that stands beside each key.
    """
    names = ", ".join((*values, more) if more else values)
    if not any(map(_is_text, key)):
        return f"SELECT DISTINCT {names}{rows}"
    return f"SELECT {names}{rows}\nGROUP BY {key_parts(key, values)}"


def _is_text(column: Column) -> bool:
    return column.type.kind == "string"


def _length(value: str) -> str:
    return f"OCTET_LENGTH({value})"
