"""What a contract means for one raw line, in plain Python.

A line is parsed, its names are normalised, empty values dropped, values mapped and cast, columns
derived; then the filter decides whether the row is wanted, and if so, the rules whether it is good.

This is the reference: an engine may take a row by itself only where it is sure to get what the
judge gets, and asks the judge about every other row. Standard library only, so that Spark's
workers carry it.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, NoReturn

from etl.casts import Caster, caster, fit
from etl.expressions import evaluate
from etl.model import UNKNOWN_FIELDS, Column, Contract, Encoding
from etl.partitioning import NO_VALUE
from etl.received import Number, Unfit, Unlike, shorten, show
from etl.tidying import drop_empty, normalise_names
from etl.unknown_fields import Found, KnownFields, label, nest, to_text

INVALID_UTF8_KEY = "_invalid_utf8_base64"  # how etl.sources.lines wraps what is not UTF-8,
MALFORMED_KEY = "_malformed"  # and what breaks its file's format: the key's value says how
MAX_DEPTH = 1000
# Texts that a partition's folder cannot be named after: engines take both for NULL.
NO_PARTITION = ("", NO_VALUE)

_SHALLOW = 200
_SHOWN_FIELDS = 5
# A text without an end is one too: else each quote in it would be tried as another one's start.
_DEPTH_TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


@dataclass(frozen=True)
class Accepted:
    """A row that meets its contract: a value or None for every data column, in column order."""

    row: dict[str, Any]


@dataclass(frozen=True)
class Rejected:
    """Why a line is no row of its contract: "<column>: <what>", "rule <name>: <what>" or
    "record: <what>"."""

    reasons: list[str]


@dataclass(frozen=True)
class Filtered:
    """A row that can be read, but that the contract's filter leaves out."""


Verdict = Accepted | Rejected | Filtered


def judge_line(line: str, contract: Contract, run_date: date) -> Verdict:
    """Judge one raw line. For many lines of a contract make one `Judge`."""
    return Judge(contract, run_date)(line)


def reason_label(reason: str) -> str:
    """What a reason is about: a column's name, "rule <name>" or "record"."""
    return reason.partition(":")[0]


class Judge:
    """Judges the lines of one run. It can be pickled."""

    def __init__(self, contract: Contract, run_date: date) -> None:
        self._contract = contract
        self._run_date = run_date
        encoding = contract.source.encoding
        self._names = [column.name for column in contract.data_columns]
        self._casters = [
            (column.name, column.path, column_caster(column, encoding))
            for column in contract.received_columns
        ]
        self._required = {column.name for column in contract.columns if column.required}
        self._required.update(contract.primary_key)
        self._known = KnownFields(contract) if contract.unknown_fields != "ignore" else None

    def __call__(self, line: str) -> Verdict:
        """Judge one raw line."""
        cast = self.cast(line)
        if isinstance(cast, Rejected):
            return cast
        reasons = self._derive(cast.row)
        if not reasons and not self._is_wanted(cast.row):
            return Filtered()
        reasons = reasons or self._broken_rules(cast.row)
        return Rejected(reasons) if reasons else cast

    def cast(self, line: str) -> Accepted | Rejected:
        """Judge what was received alone: derived columns stay None and rules are not asked."""
        row = dict.fromkeys(self._names)
        try:
            with room_for_depth(line):
                received = parse_line(line)
                record = tidy(received, self._contract)
                unknown = self._judge_unknown(received, row)
        except Unfit as error:
            return Rejected([f"record: {error}"])
        reasons = self._cast(record, row) + unknown
        return Rejected(reasons) if reasons else Accepted(row)

    def _judge_unknown(self, received: dict[str, Any], row: dict[str, Any]) -> list[str]:
        """Keep the fields that the contract does not name, or refuse them, as it says."""
        found = list(self._known.others(received)) if self._known else []
        if not found:
            return []
        if self._contract.unknown_fields == "stop":
            return [f"record: fields that the contract does not know: {_labels(found)}"]
        try:
            row[UNKNOWN_FIELDS.name] = fit(UNKNOWN_FIELDS.type, to_text(nest(found)))
        except Unfit as error:
            return [f"{UNKNOWN_FIELDS.name}: {error}"]
        return []

    def _cast(self, record: dict[str, Any], row: dict[str, Any]) -> list[str]:
        reasons = []
        for name, path, cast in self._casters:
            try:
                row[name] = cast(_find(record, path))
            except Unfit as error:
                reasons.append(f"{name}: {error}")
                continue
            reasons += self._unusable(name, row)
        return reasons

    def _derive(self, row: dict[str, Any]) -> list[str]:
        reasons = []
        for column in self._contract.columns:
            if column.derive is None:
                continue
            try:
                row[column.name] = fit(column.type, evaluate(column.derive, row, self._run_date))
            except Unfit as error:
                reasons.append(f"{column.name}: {error}")
                continue
            reasons += self._unusable(column.name, row)
        return reasons

    def _unusable(self, name: str, row: dict[str, Any]) -> list[str]:
        if row[name] is None and name in self._required:
            return [f"{name}: required, but missing or null"]
        if name in self._contract.partition_columns and row[name] in NO_PARTITION:
            return [f"{name}: cannot name a partition, got {show(row[name])}"]
        return []

    def _is_wanted(self, row: dict[str, Any]) -> bool:
        wanted = self._contract.filter
        return wanted is None or evaluate(wanted, row, self._run_date) is True

    def _broken_rules(self, row: dict[str, Any]) -> list[str]:
        return [
            f"rule {rule.name}: {rule.description or 'is not met'}"
            for rule in self._contract.rules
            if evaluate(rule.expression, row, self._run_date) is False
        ]


def _labels(found: list[Found]) -> str:
    names = list(dict.fromkeys(shorten(label(path)) for path, _ in found))
    more = f" and {len(names) - _SHOWN_FIELDS} more" if len(names) > _SHOWN_FIELDS else ""
    return ", ".join(names[:_SHOWN_FIELDS]) + more


def tidy(record: dict[str, Any], contract: Contract) -> dict[str, Any]:
    """A received record as the contract has it read: names normalised, empty values dropped."""
    if contract.normalise_names:
        record = normalise_names(record)
    if contract.drop_empty:
        record = drop_empty(record) or {}
    return record


def column_caster(column: Column, encoding: Encoding) -> Caster:
    """What turns a received value into the column's, once its map has been asked."""
    cast = caster(column.type, encoding)
    return partial(_cast_mapped, column.value_map, cast) if column.value_map else cast


def _cast_mapped(value_map: dict[str, str | None], cast: Caster, value: Any) -> Any:
    return cast(value_map.get(value, value) if type(value) is str else value)


def parse_line(line: str) -> dict[str, Any]:
    """The line's one JSON object, numbers as `Number`.

    Raises:
        Unfit: The line is anything else.
    """
    try:
        record = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise Unfit(f"not valid JSON: {error.msg} at character {error.pos + 1}") from None
    if not isinstance(record, dict):
        raise Unlike(f"expected one JSON object, got {show(record)}")
    if record.get(INVALID_UTF8_KEY) is not None:
        raise Unfit("not UTF-8")
    if record.get(MALFORMED_KEY) is not None:
        raise Unfit(shorten(str(record[MALFORMED_KEY])))
    return record


def _refuse_constant(name: str) -> NoReturn:
    raise Unfit(f"not valid JSON: {name} is no JSON number")


_DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_refuse_constant)


class _Recursion:
    """Raises the limit on recursion, which is the process's, while any thread needs it raised."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = self._limit_before = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._threads:
                self._limit_before = sys.getrecursionlimit()
                sys.setrecursionlimit(self._limit_before + 3 * MAX_DEPTH)
            self._threads += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._threads -= 1
            if not self._threads:
                sys.setrecursionlimit(self._limit_before)


_recursion = _Recursion()


@contextmanager
def room_for_depth(line: str) -> Iterator[None]:
    """Let json and tidying recurse as deep as MAX_DEPTH, whatever the depth of the caller."""
    if line.count("[") + line.count("{") < _SHALLOW:
        yield
        return
    if _depth(line) > MAX_DEPTH:
        raise Unfit(f"nested deeper than {MAX_DEPTH} levels")
    with _recursion:
        yield


def _depth(line: str) -> int:
    depth = deepest = 0
    for token in _DEPTH_TOKENS.finditer(line):
        match token[0]:
            case "[" | "{":
                depth += 1
                deepest = max(deepest, depth)
            case "]" | "}":
                depth -= 1
    return deepest


def _find(record: dict[str, Any], path: tuple[str, ...]) -> Any:
    """The value at the path; None if it, or an object on the way to it, is missing or null."""
    value: Any = record
    for step in path:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise Unlike(f"expected object around {step}, got {show(value)}")
        value = value.get(step)
    return value
