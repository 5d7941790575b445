"""Values on the fast path, as DuckDB's SQL: what DuckDB makes of one, and when it may.

A value is sure if the judge is certain to get the same. Every condition errs towards the judge:
what it cannot show is unsure, never wrong. A received value is JSON text as yyjson writes it, NULL
where it is missing or null: strings keep their quotes, numbers are the shortest that are read as
the same double, or as they were received where that is an integer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from etl.duckdb.expressions import to_duckdb_sql
from etl.duckdb.spelling import json_structure, usual_value
from etl.duckdb.sql import identifier, is_plain, matches, quote
from etl.duckdb.types import duckdb_type
from etl.expressions import ascii_only_columns
from etl.judge import NO_PARTITION
from etl.model import Column, Contract, Field, Type

_TIMESTAMP = (
    r'"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?'
    r'(?:Z|[+-][01][0-9]:[0-5][0-9])"'
)
_TEXT_DOUBLE = r'"-?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,4})?"'


@dataclass(frozen=True)
class Value:
    """SQL of one value as its column wants it, and of a condition under which it is sure."""

    typed: str
    sure: str


def read_value(column: Column, contract: Contract, raw: str) -> Value:
    """A received value, `raw` being SQL of its JSON text."""
    is_text = contract.source.encoding == "text"
    if is_text:
        raw = f"nullif({raw}, '\"\"')"
    meant = _mapped(column, raw) if column.value_map else raw
    value = _text_value(column.type, meant) if is_text else _json_value(column.type, meant)
    sure = partitions(column, contract, value)
    if column.value_map:  # a backslash could be another spelling of what is mapped
        sure = f"({sure} AND NOT contains({raw}, '\\'))"
    if contract.drop_empty:
        sure = f"({sure} AND {_filled(column.type, value.typed)})"
    return Value(value.typed, _given(contract.requires(column), meant, sure))


def _mapped(column: Column, raw: str) -> str:
    whens = " ".join(
        f"WHEN {quote(_json(given))} THEN {'NULL' if meant is None else quote(_json(meant))}"
        for given, meant in column.value_map.items()
    )
    return f"(CASE {raw} {whens} ELSE {raw} END)"


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _filled(kind: Type, typed: str) -> str:
    """A condition under which a value that is not NULL holds nothing that is empty."""
    if kind.kind == "string":
        return f"regexp_matches({typed}, '[!-~]')"  # something visible
    return "false" if kind.kind == "array" else "true"


def partitions(column: Column, contract: Contract, value: Value) -> str:
    """A condition under which the value is sure and can name a partition, if it has to."""
    if column.name not in contract.partition_columns or column.type.kind != "string":
        return value.sure
    refused = ", ".join(map(quote, NO_PARTITION))
    return f"({value.sure} AND {value.typed} NOT IN ({refused}))"


def _given(required: bool, raw: str, sure: str) -> str:
    return f"({raw} IS NOT NULL AND {sure})" if required else f"({raw} IS NULL OR {sure})"


def _json_value(kind: Type, raw: str) -> Value:
    match kind.kind:
        case "string":
            return _string(kind, raw)
        case "integer":
            typed = _cast(kind, raw)
            is_number = matches(raw, "-?[0-9]{1,19}")
            return Value(typed, f"({is_number} AND {typed} IS NOT NULL)")
        case "decimal":
            return _decimal(kind, raw)
        case "double":
            return _finite_double(raw, f"{raw} BETWEEN '-' AND ':'")
        case "boolean":
            return Value(f"({raw} = 'true')", f"({raw} IN ('true', 'false'))")
        case "date" | "timestamp" if kind.format:
            return Value(_null(kind), "false")
        case "date":
            return _day(raw)
        case "timestamp":
            return _timestamp(kind, raw)
        case "array":
            assert kind.element is not None
            return _array(kind, kind.element, raw)
    return Value(_null(kind), "false")


def _text_value(kind: Type, raw: str) -> Value:
    match kind.kind:
        case "string":
            return _string(kind, raw)
        case "integer":
            typed = _cast(kind, _inside(raw))
            is_number = matches(raw, '"-?[0-9]{1,18}"')
            return Value(typed, f"({is_number} AND {typed} IS NOT NULL)")
        case "decimal":
            value = _decimal(kind, raw)
            return Value(value.typed, f"(starts_with({raw}, '\"') AND {value.sure})")
        case "double":
            return _finite_double(_inside(raw), matches(raw, _TEXT_DOUBLE))
        case "boolean":
            small = f"lower({raw})"
            return Value(f"({small} = '\"true\"')", f"({small} IN ('\"true\"', '\"false\"'))")
        case "date" | "timestamp" if not kind.format:
            return _json_value(kind, raw)
    return Value(_null(kind), "false")


def _string(kind: Type, raw: str) -> Value:
    plain = f"CASE WHEN contains({raw}, '\\') THEN {raw} ->> '$' ELSE {_inside(raw)} END"
    typed = f"({plain})"
    sure = f"starts_with({raw}, '\"') AND strlen({typed}) <= {kind.max_bytes}"
    return Value(typed, f"({sure} AND NOT contains({raw}, '\\u0000'))")


def _decimal(kind: Type, raw: str) -> Value:
    whole = f"-?[0-9]{{1,{max(1, kind.precision - kind.scale)}}}"
    if kind.precision == kind.scale:
        whole = "-?0"
    fraction = rf"(?:\.[0-9]{{1,{kind.scale}}}0*)?" if kind.scale else r"(?:\.0+)?"
    typed = _cast(kind, _inside(raw))
    is_exact = matches(raw, f'"?{whole}{fraction}"?')
    return Value(typed, f"({is_exact} AND {typed} IS NOT NULL)")


def _finite_double(raw: str, is_number: str) -> Value:
    typed = f"TRY_CAST({raw} AS DOUBLE)"
    # The judge makes -0.0 plain 0.0.
    plain = f"({typed} <> 0 OR NOT starts_with({raw}, '-'))"
    return Value(typed, f"({is_number} AND isfinite({typed}) AND {plain})")


def _day(raw: str) -> Value:
    typed = f"TRY_CAST({_inside(raw)} AS DATE)"
    same = f"('\"' || CAST({typed} AS VARCHAR) || '\"') = {raw}"
    return Value(typed, f"(strlen({raw}) = 12 AND {same} AND {raw} >= '\"0001')")


def _timestamp(kind: Type, raw: str) -> Value:
    typed = _cast(kind, _inside(raw))
    return Value(typed, f"({matches(raw, _TIMESTAMP)} AND {typed} IS NOT NULL)")


def _array(kind: Type, element: Type, raw: str) -> Value:
    """One in its usual spelling is read at once. Of any other, elements are read as JSON text each,
    so that they are asked what columns are asked."""
    fields = element.fields if element.kind == "object" else ()
    if element.kind == "object":
        if not all(is_plain(each.name) for each in fields):
            return Value(_null(kind), "false")
        elements = f"from_json({raw}, {quote(json.dumps([{f.name: 'JSON' for f in fields}]))})"
        value, words = _object(fields), "OBJECT"
        once = " AND ".join(_stands_once(each.name, raw, elements) for each in fields)
        are_objects = f"list_transform(json_type({raw}, '$[*]'), lambda t: t = '{words}')"
        shape = f"coalesce(list_bool_and({are_objects}), true) AND {once}"
    else:
        elements = f"from_json({raw}, '[\"JSON\"]')"
        value = _element(element, "CAST(e AS VARCHAR)")
        shape = "true"
    typed = f"list_transform({elements}, lambda e: {value.typed})"
    typed = f"CAST({typed} AS {duckdb_type(kind)})"
    each = f"list_transform({elements}, lambda e: coalesce({value.sure}, false))"
    sure = f"starts_with({raw}, '[') AND {shape} AND coalesce(list_bool_and({each}), true)"
    pattern = usual_value(kind)
    if pattern is None:
        return Value(typed, f"({sure})")
    is_all = matches(raw, pattern)
    at_once = f"from_json({raw}, {quote(json.dumps(json_structure(kind)))})"
    return Value(
        f"(CASE WHEN {is_all} THEN {at_once} ELSE {typed} END)",
        f"(CASE WHEN {is_all} THEN true ELSE {sure} END)",
    )


def _object(fields: tuple[Field, ...]) -> Value:
    values = [(each, _element(each.type, _field(each.name), each.required)) for each in fields]
    typed = ", ".join(f"{identifier(each.name)}: {value.typed}" for each, value in values)
    return Value(f"{{{typed}}}", " AND ".join(value.sure for _, value in values))


def _field(name: str) -> str:
    return f"CAST(e.{identifier(name)} AS VARCHAR)"


def _element(kind: Type, raw: str, required: bool = False) -> Value:
    raw = f"nullif({raw}, 'null')"
    value = _json_value(kind, raw)
    return Value(value.typed, _given(required, raw, value.sure))


def _stands_once(name: str, raw: str, elements: str) -> str:
    """Whether no element has the name twice: of two, engines take different ones."""
    key = quote(f'"{name}":')
    times = f"(strlen({raw}) - strlen(replace({raw}, {key}, ''))) // strlen({key})"
    there = f"list_count(list_transform({elements}, lambda e: e.{identifier(name)}))"
    return f"{times} = {there}"


def computed_value(column: Column, contract: Contract, run_date: date) -> Value:
    """A derived column's value; NULL is sure, since compiled expressions cannot overflow."""
    assert column.derive is not None
    raw = f"({to_duckdb_sql(column.derive, run_date)})"
    value = _fitted(column.type, raw)
    return Value(value.typed, _given(column.required, raw, partitions(column, contract, value)))


def _fitted(kind: Type, raw: str) -> Value:
    match kind.kind:
        case "string":
            return Value(raw, f"strlen({raw}) <= {kind.max_bytes}")
        case "integer" | "decimal":
            typed = _cast(kind, raw)
            return Value(typed, f"({typed} = {raw})")
        case "double":
            # A decimal becomes the nearest double in Python, which DuckDB does not promise.
            typed = _cast(kind, raw)
            return Value(typed, f"(typeof({raw}) = 'DOUBLE' AND isfinite({typed}))")
    return Value(_cast(kind, raw), "true")


def is_wanted(contract: Contract, run_date: date) -> str:
    """SQL of whether the filter keeps a row."""
    if contract.filter is None:
        return "true"
    return f"coalesce({to_duckdb_sql(contract.filter, run_date)}, false)"


def expression_conditions(contract: Contract, run_date: date) -> list[str]:
    """SQL of what must hold so that derived columns, filter and rules mean in DuckDB what they
    mean to the judge, and that a row which the filter keeps breaks no rule."""
    expressions = [column.derive for column in contract.columns if column.derive is not None]
    expressions += [rule.expression for rule in contract.rules]
    expressions += [contract.filter] if contract.filter is not None else []
    columns = {each for expression in expressions for each in ascii_only_columns(expression)}
    conditions = [
        f"coalesce(strlen({identifier(each)}) = length({identifier(each)}), true)"
        for each in sorted(columns)
    ]
    rules = [
        f"coalesce({to_duckdb_sql(rule.expression, run_date)}, true)" for rule in contract.rules
    ]
    if contract.filter is not None and rules:
        rules = [f"(NOT {is_wanted(contract, run_date)} OR ({' AND '.join(rules)}))"]
    return conditions + rules


def _inside(raw: str) -> str:
    """What stands between quotes, if there are any."""
    return f"trim({raw}, '\"')"


def _cast(kind: Type, value: str) -> str:
    return f"TRY_CAST({value} AS {duckdb_type(kind)})"


def _null(kind: Type) -> str:
    return f"CAST(NULL AS {duckdb_type(kind)})"
