"""What a day's records come to in quarantine and warehouse, by docs/contracts.md alone.

An independent second opinion for tests: nothing here is imported from `etl`. It takes the words of
the specification one by one and is in no hurry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from support.oracle_found import frozen, sorted_json
from support.oracle_json import NotJson, parse
from support.oracle_specification import UNKNOWN, Column, Items, Record, Row, Specification
from support.oracle_tidying import filled, known_names, left_over, normalised
from support.oracle_values import Refused, fit_value, read_value


@dataclass
class Day:
    """What a run makes of a day's records.

    Attributes:
        rejected: What was sent, with what the first reason is about.
    """

    rows: list[Row] = field(default_factory=list)
    rejected: Counter[tuple[Any, str]] = field(default_factory=Counter)
    filtered: int = 0
    deduplicated: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """Where the records went, in the words of the transform's metrics."""
        rest = {
            "valid": len(self.rows),
            "quarantined": self.rejected.total(),
            "filtered": self.filtered,
            "deduplicated": self.deduplicated,
        }
        return {"read": sum(rest.values()), **rest}


class _Misread(Exception):
    """A row goes to quarantine; the message is what it is about."""


def judge_day(specification: Specification, records: Iterable[Record], run_date: date) -> Day:
    """Each record in one of four places."""
    day = Day()
    newest: dict[tuple[Any, ...], tuple[Any, Row]] = {}
    for record in records:
        line = record.line(specification.header)
        try:
            if line is None:
                raise _Misread("record")
            row = _read(specification, line, run_date)
            if specification.keep and specification.keep[1](row, run_date) is not True:
                day.filtered += 1
                continue
            _hold_to_rules(specification, row, run_date)
        except _Misread as misread:
            day.rejected[record.payload(specification.header), str(misread)] += 1
            continue
        key = tuple(row[name] for name in specification.key)
        rank = (_latest(specification, row), line)
        if key in newest:
            day.deduplicated += 1
        if key not in newest or rank > newest[key][0]:
            newest[key] = rank, row
    day.rows = [row for _, row in newest.values()]
    return day


def table_of(specification: Specification, days: dict[date, Day]) -> Counter[tuple[Any, ...]]:
    """The warehouse's rows, the run date last, when each date holds what its last run made."""
    if specification.load_mode == "replace":
        return Counter(
            (*_values(specification, row), run_date)
            for run_date, day in days.items()
            for row in day.rows
        )
    newest: dict[tuple[Any, ...], tuple[Any, Row, date]] = {}
    for run_date, day in days.items():
        for row in day.rows:
            key = tuple(row[name] for name in specification.key)
            rank = (_latest(specification, row), run_date)
            if key not in newest or rank > newest[key][0]:
                newest[key] = rank, row, run_date
    return Counter((*_values(specification, row), at) for _, row, at in newest.values())


def _values(specification: Specification, row: Row) -> tuple[Any, ...]:
    return tuple(frozen(row[column.name]) for column in specification.stored)


def _latest(specification: Specification, row: Row) -> tuple[bool, Any]:
    """Where a row stands among those of its key: NULL is before all others."""
    value = row[specification.latest_by] if specification.latest_by else None
    return (False, 0) if value is None else (True, value)


def _read(specification: Specification, line: str, run_date: date) -> Row:
    try:
        record = parse(line)
    except NotJson:
        raise _Misread("record") from None
    if not isinstance(record, dict):
        raise _Misread("record")
    unknown = left_over(specification, record, known_names(specification))
    if specification.normalise_names:
        record = normalised(record)
    if specification.drop_empty:
        record = filled(record) or {}
    row: Row = {UNKNOWN.name: sorted_json(unknown) if unknown else None}
    first = ""
    for column in specification.columns:
        if column.derive:
            continue
        try:
            row[column.name] = _received(specification, column, record)
        except Refused:
            first = first or column.name
    if first:
        raise _Misread(first)
    _derive(specification, row, run_date)
    return {column.name: row[column.name] for column in specification.stored}


def _derive(specification: Specification, row: Row, run_date: date) -> None:
    first = ""
    for column in specification.columns:
        if column.derive is None:
            continue
        try:
            value = fit_value(column.type, column.derive[1](row, run_date))
        except Refused:
            row[column.name], first = None, first or column.name
            continue
        row[column.name] = value
        if value is None and column.required:
            first = first or column.name
    if first:
        raise _Misread(first)


def _received(specification: Specification, column: Column, record: dict[str, Any]) -> Any:
    value: Any = record
    for name in column.path:
        if value is not None:
            if not isinstance(value, dict):
                raise Refused
            value = value.get(name)
    if type(value) is str and value in column.map_values:
        value = column.map_values[value]
    if column.type == "SUPER":
        value = None if value is None else _array(column.items, value)
    else:
        is_text = specification.format == "csv"
        value = read_value(column.type, value, is_text=is_text, format=column.format)
    if value is None and (column.required or column.name in specification.key):
        raise Refused
    return value


def _array(items: Items, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Refused
    return [None if each is None else _element(items, each) for each in value]


def _element(items: Items, value: Any) -> Any:
    if isinstance(items, str):
        return read_value(items, value, is_text=False)
    if not isinstance(value, dict):
        raise Refused
    found = {
        name: read_value(kind, value.get(name), is_text=False) for name, (kind, _) in items.items()
    }
    if any(found[name] is None for name, (_, required) in items.items() if required):
        raise Refused
    return found


def _hold_to_rules(specification: Specification, row: Row, run_date: date) -> None:
    for column in specification.columns:
        value = row[column.name]
        if value is not None and not all(
            _meets(option, bound, value) for option, bound in column.options.items()
        ):
            raise _Misread("rule")
    for name, (_, is_met) in specification.rules.items():
        if is_met(row, run_date) is False:
            raise _Misread(f"rule {name}")


def _meets(option: str, bound: Any, value: Any) -> bool:
    match option:
        case "minimum":
            return bool(value >= bound)
        case "exclusiveMaximum":
            return bool(value < bound)
        case "maxLength":
            return len(value) <= int(bound)
        case "pattern":
            return all(letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for letter in value) and value != ""
    assert option == "enum", option
    return value in bound
