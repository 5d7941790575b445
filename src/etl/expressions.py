"""Contract expressions in compiled form: evaluated in Python, or written as Spark SQL.

`etl.contracts` parses an expression's text, checks its types and compiles it to JSON lists; this
module gives these lists their one meaning. It needs nothing but the standard library, so the Glue
job and the Lambdas carry it. A node is one of:

    ["col", name]                     a column's value
    ["integer", node, digits]         a whole number of at most that many digits
    ["run_date"]                      the date of the run
    ["lit", value, kind]              string, integer, decimal (as text), double (as text),
                                      boolean, date (as text) or null
    ["and", node, …] ["or", node, …] ["not", node]
    ["=" | "<>" | "<" | "<=" | ">" | ">=", node, node]
    ["+" | "-" | "*", node, node] ["neg", node]
    ["in", node, [lit, …]] ["between", node, low, high] ["is_null", node]
    ["matches", node, pattern]        the whole string matches (a subset that all engines share)
    ["case", [[when, then], …], otherwise]
    ["call", name, node, …]           lower, upper, trim, length, concat, coalesce, abs, round, date

NULL is handled as in SQL (three-valued logic). Whole numbers and decimals are exact: the compiler
refuses an expression whose result could need more than 38 digits.
"""

from __future__ import annotations

import decimal
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from etl.model import Expression

# Inexact is trapped: a rounding that the compiler should have refused fails instead of passing.
_EXACT = decimal.Context(
    prec=100,
    rounding=decimal.ROUND_HALF_UP,
    traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow],
)
_ROUNDING = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP)

_END_OF_TEXT = "\\z"  # Java's `$` also matches before a last line break

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": _EXACT.add,
    "-": _EXACT.subtract,
    "*": _EXACT.multiply,
}


def evaluate(expression: Expression, row: Mapping[str, object], run_date: date) -> Any:
    """The expression's value for a row.

    Args:
        expression: Compiled by `etl.contracts`.
        row: A value or None for each of `columns_of(expression)`: str, int, Decimal, float, bool,
            date, or an aware datetime, as the columns' types say.
        run_date: What `run_date` stands for.

    Returns:
        None for NULL. Arithmetic gives a Decimal, also from whole numbers.
    """

    def value(node: Expression) -> Any:
        return evaluate(node, row, run_date)

    match expression:
        case ["col", name]:
            return row[name]
        case ["run_date"]:
            return run_date
        case ["lit", text, kind]:
            return _literal_value(text, kind)
        case ["integer", node, _]:
            return value(node)
        case ["and", *nodes]:
            return _all(value(node) for node in nodes)
        case ["or", *nodes]:
            return _not(_all(_not(value(node)) for node in nodes))
        case ["not", node]:
            return _not(value(node))
        case ["is_null", node]:
            return value(node) is None
        case ["case", branches, otherwise]:
            chosen = next((then for when, then in branches if value(when)), otherwise)
            return value(chosen)
        case ["call", "coalesce", *nodes]:
            return next((found for node in nodes if (found := value(node)) is not None), None)
        case ["between", node, low, high]:
            return _all((value([">=", node, low]), value(["<=", node, high])))
        case ["in", node, literals]:
            found = value(node)
            return None if found is None else any(found == value(each) for each in literals)
        case ["matches", node, pattern]:
            found = value(node)
            return None if found is None else re.fullmatch(pattern, found) is not None
        case ["call", name, *nodes]:
            return _strict(_CALLS[name], [value(node) for node in nodes])
        case ["neg", node]:
            return _strict(_EXACT.minus, [value(node)])
        case [symbol, left, right]:
            function = _COMPARE.get(symbol) or _ARITHMETIC[symbol]
            return _strict(function, [value(left), value(right)])
    raise ValueError(f"not an expression: {expression!r}")


def _strict(function: Callable[..., Any], values: list[Any]) -> Any:
    return None if any(value is None for value in values) else function(*values)


def _all(values: Iterable[bool | None]) -> bool | None:
    unknown = False
    for value in values:
        if value is False:
            return False
        unknown = unknown or value is None
    return None if unknown else True


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _literal_value(value: Any, kind: str) -> Any:
    match kind:
        case "decimal":
            return Decimal(value)
        case "double":
            return float(value)
        case "date":
            return date.fromisoformat(value)
    return value


def _round(value: int | Decimal, digits: int) -> int | Decimal:
    if isinstance(value, int) or _scale(value) <= digits:
        return value
    return value.quantize(Decimal(1).scaleb(-digits), context=_ROUNDING)


def _scale(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "NaN and infinities are no decimals"
    return -exponent


def _date(value: date) -> date:
    return value.astimezone(timezone.utc).date() if isinstance(value, datetime) else value


_CALLS: dict[str, Callable[..., Any]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": lambda text: text.strip(" "),
    "length": len,
    "concat": lambda *texts: "".join(texts),
    "abs": _EXACT.abs,
    "round": _round,
    "date": _date,
}


def columns_of(expression: Expression) -> frozenset[str]:
    """The names of the columns that the expression reads."""
    return frozenset(node[1] for node in _walk(expression) if node[0] == "col")


def ascii_only_columns(expression: Expression) -> frozenset[str]:
    """The columns whose non-ASCII values Spark's text may treat otherwise than `evaluate`.

    Python and the JVM know different versions of Unicode, so their `lower` and `upper` agree
    for certain on ASCII only.
    """
    found: frozenset[str] = frozenset()
    for node in _walk(expression):
        if node[:2] in (["call", "lower"], ["call", "upper"]):
            found |= columns_of(node)
    return found


def _walk(expression: Expression) -> Iterator[Expression]:
    """The expression's nodes, itself first."""
    yield expression
    match expression:
        case ["lit" | "col" | "run_date", *_]:
            children: list[Expression] = []
        case ["case", branches, otherwise]:
            children = [node for branch in branches for node in branch] + [otherwise]
        case ["in", node, literals]:
            children = [node, *literals]
        case _:
            children = [each for each in expression[1:] if isinstance(each, list)]
    for child in children:
        yield from _walk(child)


def to_spark_sql(expression: Expression, run_date: date) -> str:
    """The expression as text for Spark 3.5 SQL.

    It means what `evaluate` means for a session with ANSI mode off, time zone UTC and default
    parser settings, except where `ascii_only_columns` says. Whole numbers come out as DECIMAL.
    """

    def sql(node: Expression) -> str:
        return to_spark_sql(node, run_date)

    match expression:
        case ["col", name]:
            return f"`{name}`"
        case ["run_date"]:
            return f"DATE '{run_date.isoformat()}'"
        case ["lit", value, kind]:
            return _spark_literal(value, kind)
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
            return f"({sql(node)} RLIKE {_spark_string('^' + pattern + _END_OF_TEXT)})"
        case ["call", "length", node]:
            return f"CAST(length({sql(node)}) AS DECIMAL(10, 0))"
        case ["call", "date", node]:
            return f"CAST({sql(node)} AS DATE)"
        case ["call", "round", node, ["lit", digits, _]]:
            return f"round({sql(node)}, {digits})"
        case ["call", name, *nodes]:
            return f"{name}({', '.join(sql(node) for node in nodes)})"
        case ["neg", node]:
            return f"(- {sql(node)})"
        case [symbol, left, right]:
            return f"({sql(left)} {symbol} {sql(right)})"
    raise ValueError(f"not an expression: {expression!r}")


def _spark_literal(value: Any, kind: str) -> str:
    match kind:
        case "integer" | "decimal":
            return f"({value}BD)"
        case "double":
            return f"CAST('{value}' AS DOUBLE)"
        case "date":
            return f"DATE '{value}'"
        case "boolean":
            return "true" if value else "false"
        case "null":
            return "NULL"
    return _spark_string(value)


def _spark_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
