"""Lines in their usual spelling into judged rows: sooner than value by value.

A source writes most of its records alike: the same names in the same order. What a sample of them
looks like becomes one pattern of the whole line; a line that matches is read at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from etl.duckdb.rows import CHUNK, insert_judged
from etl.duckdb.spelling import (
    ANY_SCALAR,
    ANY_STRING,
    json_structure,
    member,
    name_ends,
    usual_value,
    without_spaces,
)
from etl.duckdb.sql import LINE, identifier, is_plain, matches, quote
from etl.duckdb.types import duckdb_type
from etl.duckdb.values import Value, partitions, read_value
from etl.judge import INVALID_UTF8_KEY, MALFORMED_KEY, room_for_depth
from etl.model import Column, Contract

_WRAPPERS = {INVALID_UTF8_KEY, MALFORMED_KEY}
_READ = "$read"
_JSON = "JSON"  # of a value that is left as it came

# By name: a column, or what is wanted inside an object.
Wanted = dict[str, "Column | Wanted"]
Pairs = tuple[tuple[str, Any], ...]


class _Unusual(Exception):
    """There is no pattern for such a line."""


def judge_usual_lines(contract: Contract, run_date: date, sample: Sequence[str]) -> str | None:
    """SQL that puts lines into the table of judged rows; unsure are those unlike the sample.

    Args:
        sample: Lines that the judge accepts, from which the others' spelling is taken.

    Returns:
        None where every line is to be read value by value.
    """
    if contract.drop_empty or not sample:
        return None
    try:
        longest = max(map(_members, sample), key=len)
        pattern, structure = _object(longest, _wanted(contract), contract)
    except _Unusual:
        return None
    matching = {
        each: sum(bool(re.fullmatch(each, line)) for line in sample)
        for each in (without_spaces(pattern), pattern)
    }
    pattern = max(matching, key=matching.__getitem__)
    if matching[pattern] * 2 < len(sample):
        return None  # too many would be read twice
    received = contract.received_columns
    values = [_value(column, contract, structure) for column in received]
    typed = ", ".join(
        f"{value.typed} AS {identifier(column.name)}"
        for column, value in zip(received, values, strict=True)
    )
    read = (
        f'SELECT {LINE}, "$object", "$usual",'
        f' from_json(CASE WHEN "$usual" THEN {LINE} END, {quote(json.dumps(structure))})'
        f" AS {identifier(_READ)}"
        f' FROM (SELECT *, {matches(LINE, pattern)} AS "$usual" FROM {CHUNK})'
    )
    sure = " AND ".join(['"$usual"', *(value.sure for value in values)])
    known = f'SELECT {LINE}, "$object", {typed}, coalesce({sure}, false) AS "$sure" FROM ({read})'
    return insert_judged(contract, run_date, known)


def _members(line: str) -> Pairs:
    with room_for_depth(line):
        found = json.loads(line, object_pairs_hook=tuple, parse_int=str, parse_float=str)
    assert isinstance(found, tuple)
    return found


def _wanted(contract: Contract) -> Wanted:
    wanted: Wanted = {}
    for column in contract.received_columns:
        *outer, name = column.path
        around = wanted
        for each in outer:
            inside = around.setdefault(each, {})
            if not isinstance(inside, dict):
                raise _Unusual
            around = inside
        if name in around:
            raise _Unusual  # two columns take what stands there
        around[name] = column
    return wanted


def _object(
    members: Pairs, wanted: Mapping[str, Any], contract: Contract
) -> tuple[str, dict[str, Any]]:
    """The pattern of an object, and the wanted ones of its members as `from_json` wants them."""
    names = [name for name, _ in members]
    is_usual = len(set(names)) == len(names) and all(map(is_plain, names))
    if not names or not is_usual or not _WRAPPERS.isdisjoint(names):
        raise _Unusual
    structure: dict[str, Any] = {}
    patterns: list[str] = []
    spelt = name_ends(names, (*wanted, *_WRAPPERS))
    for (name, value), end in zip(members, spelt, strict=True):
        asked = wanted.get(name)
        pattern, read = _member(value, asked, contract)
        is_needed = isinstance(asked, dict) or (asked is not None and contract.requires(asked))
        text = (", ?" if patterns else "") + member(end, pattern)
        patterns.append(text if is_needed or not patterns else f"(?:{text})?")
        if read is not None:
            structure[name] = read
    return rf"\{{{''.join(patterns)}\}}", structure


def _member(value: Any, asked: Column | Wanted | None, contract: Contract) -> tuple[str, Any]:
    if isinstance(asked, dict):
        if not isinstance(value, tuple):
            raise _Unusual
        return _object(value, asked, contract)
    usual = None if asked is None else _usual(asked, contract)
    if asked is not None and usual is not None:
        is_needed = contract.requires(asked)
        return usual if is_needed else f"(?:{usual}|null)", json_structure(asked.type)
    if isinstance(value, list | tuple):
        raise _Unusual
    return ANY_SCALAR, None if asked is None else _JSON


def _usual(column: Column, contract: Contract) -> str | None:
    """The pattern of a column's values that DuckDB reads as the column's type."""
    if contract.source.encoding == "text" or column.value_map:
        return None
    if column.type.kind == "string":
        return ANY_STRING
    pattern = usual_value(column.type)
    if column.type.kind == "decimal" and pattern is not None:
        return f'(?:{pattern}|"{pattern}")'
    return pattern


def _value(column: Column, contract: Contract, structure: dict[str, Any]) -> Value:
    read: Any = structure
    for step in column.path:
        read = read.get(step, {})
    place = identifier(_READ, *column.path)
    if read == _JSON:
        return read_value(column, contract, f"nullif(CAST({place} AS VARCHAR), 'null')")
    if not read:
        place = f"CAST(NULL AS {duckdb_type(column.type)})"
    fits = f"{place} IS NOT NULL"  # it may have another name, which ends alike
    if column.type.kind == "string":
        fits = f"strlen({place}) <= {column.type.max_bytes}"
    elif not contract.requires(column):
        fits = "true"
    sure = partitions(column, contract, Value(place, fits))
    return Value(place, f"coalesce({sure}, {not contract.requires(column)})")
