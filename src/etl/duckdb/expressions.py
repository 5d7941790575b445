"""Contract expressions as DuckDB's SQL; `etl.expressions` says what they mean."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from etl.duckdb.sql import identifier, matches, quote
from etl.model import Expression


def to_duckdb_sql(expression: Expression, run_date: date) -> str:
    """The expression as text.

    It means what `evaluate` means for a connection whose time zone is UTC, except for letters that
    `ascii_only_columns` tells of. Whole numbers come out as DECIMAL.
    """

    def sql(node: Expression) -> str:
        return to_duckdb_sql(node, run_date)

    match expression:
        case ["col", name]:
            return identifier(name)
        case ["run_date"]:
            return f"DATE '{run_date.isoformat()}'"
        case ["lit", value, kind]:
            return _literal(value, kind)
        case ["integer", node, digits]:
            return f"CAST({sql(node)} AS DECIMAL({digits}, 0))"
        case ["and" | "or" as word, *nodes]:
            return "(" + f" {word.upper()} ".join(sql(node) for node in nodes) + ")"
        case ["not", node]:
            return f"(NOT {sql(node)})"
        case ["is_null", node]:
            return f"({sql(node)} IS NULL)"
        case ["case", branches, otherwise]:
            whens = (f"WHEN {sql(when)} THEN {sql(then)}" for when, then in branches)
            return f"(CASE {' '.join(whens)} ELSE {sql(otherwise)} END)"
        case ["between", node, low, high]:
            return f"({sql(node)} BETWEEN {sql(low)} AND {sql(high)})"
        case ["in", node, literals]:
            return f"({sql(node)} IN ({', '.join(sql(each) for each in literals)}))"
        case ["matches", node, pattern]:
            return matches(sql(node), pattern)
        case ["call", "date", node]:
            return f"CAST(make_timestamp(epoch_us({sql(node)})) AS DATE)"
        case ["call", "round", node, ["lit", digits, _]]:
            return f"round({sql(node)}, {digits})"
        case ["call", name, *nodes]:
            return _call(name, [sql(node) for node in nodes])
        case ["neg", node]:
            return f"(- {sql(node)})"
        case [symbol, left, right]:
            return f"({sql(left)} {symbol} {sql(right)})"
    raise ValueError(f"not an expression: {expression!r}")


def _call(name: str, arguments: list[str]) -> str:
    match name:
        case "length":
            return f"CAST(length({arguments[0]}) AS DECIMAL(10, 0))"
        case "trim":
            return f"trim({arguments[0]}, ' ')"
        case "concat":  # the function of that name skips NULL
            return f"({' || '.join(arguments)})"
    return f"{name}({', '.join(arguments)})"


def _literal(value: Any, kind: str) -> str:
    match kind:
        case "integer" | "decimal":
            return _exact(Decimal(value))
        case "double":
            return f"CAST('{value}' AS DOUBLE)"
        case "date":
            return f"DATE '{value}'"
        case "boolean":
            return "true" if value else "false"
        case "null":
            return "NULL"
    return quote(value)


def _exact(value: Decimal) -> str:
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), "NaN and infinities are no decimals"
    scale = max(0, -exponent)
    precision = max(len(digits) + max(0, exponent), scale, 1)
    return f"CAST('{value:f}' AS DECIMAL({precision}, {scale}))"
