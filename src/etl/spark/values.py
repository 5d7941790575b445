"""Values on the fast path, as Spark SQL: what Spark makes of one, and when it may.

A value is sure if the judge is certain to get the same. Every condition errs towards the judge:
what it cannot show is unsure, never wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from etl.expressions import ascii_only_columns, to_spark_sql
from etl.judge import NO_PARTITION
from etl.model import Column, Contract, Type
from etl.spark.line_checks import is_provable, is_text
from etl.spark.sql import END, identifier, quote, rlike
from etl.spark.types import spark_type

_TIMESTAMP = (
    r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-][0-9]{2}:[0-5][0-9])\z"
)
_DOUBLE = r"^-?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,4})?\z"


@dataclass(frozen=True)
class Value:
    """SQL of one value as its column wants it, and of a condition under which it is sure."""

    typed: str
    sure: str


def read_value(column: Column, contract: Contract, raw: str) -> Value:
    """A received value, `raw` being SQL of what `read_type` made of it."""
    if column.value_map and column.type.kind != "string":
        raw = _mapped(column, raw)
    if column.value_map and column.type.kind == "string":
        value = _mapped_value(column, raw, is_text=contract.source.encoding == "text")
    elif contract.source.encoding == "text":
        value = _text_value(column.type, raw)
    else:
        value = _json_value(column.type, raw, column.path[-1])
    sure = _partitions(column, contract, value)
    if contract.drop_empty:
        sure = f"({sure} AND {_filled(column.type, raw)})"
    required = contract.requires(column)
    return Value(value.typed, _given(required, raw, sure))


def _filled(kind: Type, raw: str) -> str:
    """A condition under which a value that is not NULL holds nothing that is empty."""
    match kind.kind:
        case "string":
            return rlike(raw, "[!-~]")  # something visible
        case "array":
            assert kind.element is not None
            element = f"`$e` IS NOT NULL AND {_filled(kind.element, '`$e`')}"
            return f"(size({raw}) > 0 AND forall({raw}, `$e` -> {element}))"
        case "object":
            fields = [(field.type, f"{raw}.{identifier(field.name)}") for field in kind.fields]
            some = " OR ".join(f"{value} IS NOT NULL" for _, value in fields)
            filled = [f"({value} IS NULL OR {_filled(inner, value)})" for inner, value in fields]
            return f"(({some}) AND {' AND '.join(filled)})"
    return "true"


def _mapped_value(column: Column, raw: str, *, is_text: bool) -> Value:
    typed = _mapped(column, raw)
    proof = "true" if is_text else _is_string(raw, column.path[-1])
    return Value(typed, f"({_short_enough(column.type, typed)} AND {proof})")


def _mapped(column: Column, raw: str) -> str:
    whens = " ".join(
        f"WHEN {quote(given)} THEN {'NULL' if meant is None else quote(meant)}"
        for given, meant in column.value_map.items()
    )
    return f"(CASE {raw} {whens} ELSE {raw} END)"


def _partitions(column: Column, contract: Contract, value: Value) -> str:
    """A condition under which the value is sure and can name a partition, if it has to."""
    if column.name not in contract.partition_columns or column.type.kind != "string":
        return value.sure
    refused = ", ".join(map(quote, NO_PARTITION))
    return f"({value.sure} AND {value.typed} NOT IN ({refused}))"


def _given(required: bool, raw: str, sure: str) -> str:
    return f"({raw} IS NOT NULL AND {sure})" if required else f"({raw} IS NULL OR {sure})"


def _json_value(kind: Type, raw: str, key: str | None) -> Value:
    """`key` is None for an element of an array, which no key stands before."""
    match kind.kind:
        case "string":
            return Value(raw, f"({_short_enough(kind, raw)} AND {_is_string(raw, key)})")
        case "integer":
            small = f"{raw} BETWEEN -2147483648L AND 2147483647L"
            return Value(_cast(kind, raw), small if kind.bits == 32 else "true")
        case "decimal":
            provable = key is not None and is_provable(key)
            return _exact_decimal(kind, raw) if provable else Value(_cast(kind, raw), "false")
        case "double":
            return _finite_double(raw)
        case "date" | "timestamp" if kind.format:
            return Value(f"CAST(NULL AS {_ddl(kind)})", "false")  # Spark reads more than it says
        case "date":
            return _day(raw)
        case "timestamp":
            return _timestamp(raw)
        case "array":
            assert kind.element is not None
            element = _element(kind.element, "`$e`")
            every = f"forall({raw}, `$e` -> coalesce(`$e` IS NULL OR {element}, false))"
            return Value(_cast(kind, raw), every)
    return Value(raw, "true")


def _element(element: Type, raw: str) -> str:
    if element.kind != "object":
        return _json_value(element, raw, None).sure
    conditions = []
    for field in element.fields:
        value = f"{raw}.{identifier(field.name)}"
        sure = _json_value(field.type, value, field.name).sure
        conditions.append(_given(field.required, value, sure))
    return f"({' AND '.join(conditions)})"


def _text_value(kind: Type, raw: str) -> Value:
    typed = _cast(kind, raw)
    match kind.kind:
        case "string":
            return Value(raw, _short_enough(kind, raw))
        case "integer":
            bounded = _bounded_integer(kind, f"CAST({raw} AS BIGINT)")
            return Value(typed, f"({rlike(raw, '^-?[0-9]{1,18}' + END)} AND {bounded.sure})")
        case "decimal":
            whole = f"^-?[0-9]{{1,{max(1, kind.precision - kind.scale)}}}"
            fraction = rf"(?:\.[0-9]{{1,{kind.scale}}})?" if kind.scale else ""
            return Value(typed, f"({rlike(raw, whole + fraction + END)} AND {typed} IS NOT NULL)")
        case "double":
            value = _finite_double(f"CAST({raw} AS DOUBLE)")
            return Value(value.typed, f"({rlike(raw, _DOUBLE)} AND {value.sure})")
        case "boolean":
            return Value(f"(lower({raw}) = 'true')", f"lower({raw}) IN ('true', 'false')")
        case "date" | "timestamp" if kind.format:
            return Value(f"CAST(NULL AS {_ddl(kind)})", "false")  # Spark reads more than it says
        case "date":
            return _day(raw)
        case "timestamp":
            return _timestamp(raw)
    return Value(typed, "false")


def computed_value(column: Column, contract: Contract, run_date: date) -> Value:
    """A derived column's value; NULL is sure, since compiled expressions cannot overflow."""
    assert column.derive is not None
    raw = f"({to_spark_sql(column.derive, run_date)})"
    value = _fitted(column.type, raw)
    return Value(value.typed, _given(column.required, raw, _partitions(column, contract, value)))


def _fitted(kind: Type, raw: str) -> Value:
    match kind.kind:
        case "string":
            return Value(raw, _short_enough(kind, raw))
        case "integer":
            return _bounded_integer(kind, raw)
        case "decimal":
            return _exact_decimal(kind, raw)
        case "double":
            return _finite_double(f"CAST({raw} AS DOUBLE)")
    return Value(_cast(kind, raw), "true")


def is_wanted(contract: Contract, run_date: date) -> str:
    """SQL of whether the filter keeps a row."""
    if contract.filter is None:
        return "true"
    return f"coalesce({to_spark_sql(contract.filter, run_date)}, false)"


def expression_conditions(contract: Contract, run_date: date) -> list[str]:
    """SQL of what must hold so that derived columns, filter and rules mean in Spark what they mean
    to the judge, and that a row which the filter keeps breaks no rule."""
    expressions = [column.derive for column in contract.columns if column.derive is not None]
    expressions += [rule.expression for rule in contract.rules]
    expressions += [contract.filter] if contract.filter is not None else []
    columns = {each for expression in expressions for each in ascii_only_columns(expression)}
    conditions = [
        f"coalesce(octet_length({identifier(each)}) = length({identifier(each)}), true)"
        for each in sorted(columns)
    ]
    rules = [
        f"coalesce({to_spark_sql(rule.expression, run_date)}, true)" for rule in contract.rules
    ]
    if contract.filter is not None and rules:
        rules = [f"(NOT {is_wanted(contract, run_date)} OR ({' AND '.join(rules)}))"]
    return conditions + rules


def _cast(kind: Type, raw: str) -> str:
    return f"CAST({raw} AS {_ddl(kind)})"


def _ddl(kind: Type) -> str:
    match kind.kind:
        case "array":
            assert kind.element is not None
            return f"ARRAY<{_ddl(kind.element)}>"
        case "object":
            return (
                f"STRUCT<{', '.join(f'{identifier(f.name)}: {_ddl(f.type)}' for f in kind.fields)}>"
            )
    return spark_type(kind).simpleString()


def _short_enough(kind: Type, raw: str) -> str:
    return f"octet_length({raw}) <= {kind.max_bytes}"


def _is_string(raw: str, key: str | None) -> str:
    """A condition under which what Spark gives as text was a string."""
    return f"(NOT {_like_json(raw)} OR {is_text(key) if key else 'false'})"


def _like_json(raw: str) -> str:
    """Whether text could be Spark's rendering of a number, boolean, array or object: it starts
    with a quote (Spark's "Infinity"), a digit or sign, a bracket, or is a boolean. What most text
    starts with is looked at first."""
    capital = f"({raw} >= 'A' AND {raw} < '[')"
    small = f"({raw} >= 'a' AND {raw} < '{{' AND {raw} NOT IN ('true', 'false'))"
    ranges = [('"', "#"), ("-", ":"), ("[", "\\"), ("a", "|")]
    others = " OR ".join(
        f"({raw} >= {quote(first)} AND {raw} < {quote(end)})" for first, end in ranges
    )
    return f"(NOT {capital} AND NOT {small} AND ({others}))"


def _bounded_integer(kind: Type, raw: str) -> Value:
    limit = 1 << (kind.bits - 1)
    return Value(_cast(kind, raw), f"{raw} BETWEEN {-limit}BD AND {limit - 1}BD")


def _exact_decimal(kind: Type, raw: str) -> Value:
    typed = _cast(kind, raw)
    return Value(typed, f"{typed} = {raw}")


def _finite_double(raw: str) -> Value:
    finite = f"abs({raw}) < double('Infinity')"
    # The judge makes -0.0 plain 0.0.
    return Value(raw, f"({finite} AND ({raw} <> 0D OR CAST({raw} AS STRING) <> '-0.0'))")


def _day(raw: str) -> Value:
    typed = f"CAST({raw} AS DATE)"
    return Value(typed, f"({raw} >= '0001' AND CAST({typed} AS STRING) = {raw})")


def _timestamp(raw: str) -> Value:
    typed = f"CAST({raw} AS TIMESTAMP)"
    return Value(typed, f"({rlike(raw, _TIMESTAMP)} AND {typed} IS NOT NULL)")
