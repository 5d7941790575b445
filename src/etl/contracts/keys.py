"""Which columns identify a row."""

from __future__ import annotations

from collections.abc import Sequence

from etl.contracts.problems import Problems
from etl.contracts.properties import Property
from etl.model import Column

_KEY_KINDS = ("string", "integer", "decimal", "date", "timestamp", "boolean")


def read_primary_key(found: Sequence[Property], where: str, problems: Problems) -> tuple[str, ...]:
    """The primary key's columns, in the order of `primaryKeyPosition`."""
    keys = [each for each in found if each.definition.primaryKey]
    for each in found:
        position = each.definition.primaryKeyPosition
        if position is not None and position > 0 and not each.definition.primaryKey:
            problems.add(
                f"{each.where}.primaryKeyPosition",
                f'"{each.column_name}" is no part of the primary key',
                fix="add primaryKey: true",
            )
    if not keys:
        problems.add(
            f"{where}.properties",
            "there is no primary key",
            fix="mark the columns that identify a row with primaryKey: true",
        )
    positions = [each.definition.primaryKeyPosition or -1 for each in keys]
    if len(keys) > 1 and sorted(positions) != list(range(1, len(keys) + 1)):
        problems.add(
            f"{keys[-1].where}.primaryKeyPosition",
            f"the key's positions are {', '.join(map(str, positions))}",
            fix=f"number the {len(keys)} columns of the key from 1",
        )
    ordered = sorted(keys, key=lambda each: each.definition.primaryKeyPosition or -1)
    return tuple(each.column_name for each in ordered)


def check_key_types(
    key: Sequence[str], columns: Sequence[Column], found: Sequence[Property], problems: Problems
) -> None:
    """A key's values must be comparable without doubt."""
    where = {each.column_name: each.where for each in found}
    for column in columns:
        if column.name in key and column.type.kind not in _KEY_KINDS:
            problems.add(
                f"{where[column.name]}.primaryKey",
                f'"{column.name}" is {column.type.kind}, which cannot be a key',
                fix="use text, whole numbers, decimals, dates or timestamps",
            )
