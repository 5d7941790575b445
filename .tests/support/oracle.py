"""What a day's records come to in quarantine and warehouse, by docs/contracts.md alone.

An independent second opinion for tests: nothing here is imported from `etl`. It takes the words of
the specification one by one and is in no hurry.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from support.oracle_json import NotJson, parse
from support.oracle_values import Refused, fit_value, read_value

Row = dict[str, Any]
Items = str | dict[str, tuple[str, bool]]  # a scalar, or fields: physical type, required


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a specification.

    Attributes:
        path: The names that lead to the value in a record; () for a derived column.
        items: What an array holds.
        derive: The expression as the contract has it, and what it means.
        options: Of the contract's `logicalTypeOptions` and `enum`.
    """

    name: str
    type: str
    path: tuple[str, ...] = ()
    required: bool = False
    items: Items = ""
    format: str = ""
    map_values: dict[str, str | None] = field(default_factory=dict)
    derive: tuple[str, Callable[[Row, date], Any]] | None = None
    options: dict[str, Any] = field(default_factory=dict)


UNKNOWN = Column(name="_unknown_fields", type="JSON")


@dataclass(frozen=True, kw_only=True)
class Specification:
    """A dataset: `support.oracle_contracts` writes its contract, the oracle reads it as it is.

    Attributes:
        format: "jsonl", "json" or "csv"; of "csv" `header` are the file's names.
        keep: The filter, and what it means; so are `rules`.
    """

    name: str
    format: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    load_mode: str
    latest_by: str | None = None
    header: tuple[str, ...] = ()
    normalise_names: bool = False
    drop_empty: bool = False
    keep: tuple[str, Callable[[Row, date], bool | None]] | None = None
    rules: dict[str, tuple[str, Callable[[Row, date], bool | None]]] = field(default_factory=dict)
    lineage: bool = False
    keeps_unknown: bool = False
    source_options: dict[str, Any] = field(default_factory=dict)
    raw_options: dict[str, Any] = field(default_factory=dict)

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that records decide, of processed files and warehouse."""
        return (*self.columns, UNKNOWN) if self.keeps_unknown else self.columns


@dataclass(frozen=True)
class Record:
    """What a source sends: bytes of JSON, or the fields of a CSV row."""

    sent: bytes | tuple[str, ...]

    def line(self, header: tuple[str, ...]) -> str | None:
        """The record as one line of JSON, which later stages see; None if it cannot be one."""
        if isinstance(self.sent, tuple):
            fields = dict(zip(header, self.sent, strict=False))
            is_whole = len(self.sent) == len(header)
            return json.dumps(fields, ensure_ascii=False) if is_whole else None
        try:
            return self.sent.decode().strip(" \t\r\n")
        except UnicodeDecodeError:
            return None

    def payload(self, header: tuple[str, ...]) -> Any:
        """What must come back of it from quarantine, as `sent_by` finds it there."""
        if (line := self.line(header)) is not None:
            return line
        return self.sent if isinstance(self.sent, tuple) else self.sent.strip(b" \t\r\n")


def sent_by(payload: str) -> Any:
    """What a quarantined payload says was sent."""
    if payload.startswith(('{"_invalid_utf8_base64"', '{"_malformed"')):
        wrapped = json.loads(payload)
        if "_fields" in wrapped:
            return tuple(wrapped["_fields"])
        return base64.b64decode(wrapped["_invalid_utf8_base64"])
    return payload


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


def frozen(value: Any) -> Any:
    """A value that can be counted: lists and dicts as tuples."""
    if isinstance(value, list):
        return tuple(frozen(each) for each in value)
    if isinstance(value, dict):
        return tuple((name, frozen(each)) for name, each in value.items())
    return value


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
    unknown = _others(specification, record, _names(specification))
    if specification.normalise_names:
        record = _normalised(record)
    if specification.drop_empty:
        record = _filled(record) or {}
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


def _names(specification: Specification) -> dict[str, Any]:
    """The names that a record may have; those of an object, or of an array's, as such a tree."""
    known: dict[str, Any] = {}
    for column in specification.columns:
        names = known
        for name in column.path[:-1]:
            names = names.setdefault(name, {})
        if column.path:
            fields = [] if isinstance(column.items, str) else list(column.items)
            names[column.path[-1]] = dict.fromkeys(fields, {})
    return known


def _others(
    specification: Specification, value: dict[str, Any], names: dict[str, Any]
) -> dict[str, Any]:
    """The fields that are not among the names, where they stand."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        known = _words(name) if specification.normalise_names else name
        if known not in names:
            found[name] = _filled(inner) if specification.drop_empty else inner
            if found[name] is None and specification.drop_empty:
                del found[name]
        elif names[known] and isinstance(inner, dict):
            found[name] = _others(specification, inner, names[known])
        elif names[known] and isinstance(inner, list):
            rests = [
                _others(specification, each, names[known]) if isinstance(each, dict) else {}
                for each in inner
            ]
            while rests and not rests[-1]:
                rests.pop()
            found[name] = rests
        if known in names and not found.get(name):
            found.pop(name, None)
    return found


_TWICE = object()  # stands where two fields became one


def _normalised(value: Any) -> Any:
    if isinstance(value, list):
        return [_normalised(each) for each in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for name, inner in value.items():
        normal = _words(name)
        found[normal] = _TWICE if normal in found else _normalised(inner)
    return found


def _words(name: str) -> str:
    """`User Name`, `userName`, `USER-NAME` and `_user.name` are user_name."""
    spaced = ""
    for at, letter in enumerate(name):
        before, after = name[at - 1 : at], name[at + 1 : at + 2]
        small_before = before.isascii() and (before.islower() or before.isdigit())
        last_capital = before.isascii() and before.isupper() and after.isascii() and after.islower()
        if letter.isascii() and letter.isupper() and (small_before or last_capital):
            spaced += " "
        spaced += letter if letter.isalnum() else " "
    return "_".join(spaced.split()).lower() or name


def _filled(value: Any) -> Any:
    """The value without what is empty in it; None if nothing is left."""
    if isinstance(value, str) and type(value) is str:
        return value if value.strip() else None
    if isinstance(value, list):
        return [inner for each in value if (inner := _filled(each)) is not None] or None
    if isinstance(value, dict):
        kept = {name: _filled(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each is not None} or None
    return value


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
