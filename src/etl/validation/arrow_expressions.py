"""Contract expressions over whole Arrow batches: what `etl.expressions.evaluate` means, fast.

Arrow's kernels do what they do exactly; whatever they refuse (an overflow, more than 38 digits, a
pair of types without a kernel) is evaluated row by row by `evaluate` itself. Text functions run in
Python over a column's distinct values, so that both use the same Unicode.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from etl.expressions import columns_of, evaluate
from etl.model import Expression

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "=": pc.equal,
    "<>": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "+": pc.add_checked,
    "-": pc.subtract_checked,
    "*": pc.multiply_checked,
}
_REFUSALS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OverflowError)
_TEXT: dict[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper}


def count_false(expression: Expression, batch: pa.RecordBatch, run_date: date) -> int:
    """In how many rows the boolean expression is false; NULL is not false, as in SQL's CHECK.

    Of a dictionary-encoded column, which the expression must read alone, each value is tried once.
    """
    coded = [
        each
        for each in columns_of(expression)
        if pa.types.is_dictionary(batch.schema.field(each).type)
    ]
    if not coded:
        return _total(_is_false(expression, batch, run_date))
    (name,) = coded
    codes = batch.column(name)
    null = len(codes.dictionary)
    values = pa.concat_arrays([codes.dictionary, pa.nulls(1, codes.dictionary.type)])
    is_false = _is_false(expression, pa.record_batch([values], [name]), run_date)
    return _total(is_false.take(pc.fill_null(codes.indices, null)))


def _total(flags: pa.Array) -> int:
    return int(pc.sum(flags).as_py() or 0)


def _is_false(expression: Expression, batch: pa.RecordBatch, run_date: date) -> pa.Array:
    try:
        found = _arrow(expression, batch, run_date)
    except _REFUSALS:
        rows = batch.select(sorted(columns_of(expression))).to_pylist()
        return pa.array([evaluate(expression, row, run_date) is False for row in rows], pa.bool_())
    if isinstance(found, pa.Scalar):
        found = pa.repeat(found, batch.num_rows)
    return pc.invert(found)


def _arrow(expression: Expression, batch: pa.RecordBatch, run_date: date) -> Any:
    """The expression's value: an array of one value a row, or a scalar for all rows."""

    def value(node: Expression) -> Any:
        return _arrow(node, batch, run_date)

    match expression:
        case ["col", name]:
            return batch.column(name)
        case ["run_date"]:
            return pa.scalar(run_date)
        case ["lit", literal, kind]:
            return _literal(literal, kind)
        case ["integer", node, _]:
            return pc.cast(value(node), pa.int64())
        case ["and", *nodes]:
            return _fold(pc.and_kleene, [value(node) for node in nodes])
        case ["or", *nodes]:
            return _fold(pc.or_kleene, [value(node) for node in nodes])
        case ["not", node]:
            return pc.invert(value(node))
        case ["is_null", node]:
            return pc.is_null(value(node))
        case ["case", branches, otherwise]:
            conditions = pc.make_struct(*(value(when) for when, _ in branches))
            return pc.case_when(
                conditions, *(value(then) for _, then in branches), value(otherwise)
            )
        case ["between", node, low, high]:
            return value(["and", [">=", node, low], ["<=", node, high]])
        case ["in", node, literals]:
            return value(["or", *(["=", node, each] for each in literals)])
        case ["matches", node, pattern]:
            return pc.match_substring_regex(value(node), rf"\A(?:{pattern})\z")
        case ["call", name, *nodes]:
            return _call(name, [value(node) for node in nodes])
        case ["neg", node]:
            return pc.negate_checked(value(node))
        case [symbol, left, right]:
            return _BINARY[symbol](*_comparable(value(left), value(right)))
    raise ValueError(f"not an expression: {expression!r}")


def _literal(literal: Any, kind: str) -> pa.Scalar:
    match kind:
        case "decimal":
            return pa.scalar(Decimal(literal))
        case "date":
            return pa.scalar(date.fromisoformat(literal))
        case "double":
            return pa.scalar(float(literal))
    return pa.scalar(literal)


def _fold(function: Callable[[Any, Any], Any], values: list[Any]) -> Any:
    first, *others = values
    for other in others:
        first = function(first, other)
    return first


def _comparable(left: Any, right: Any) -> tuple[Any, Any]:
    """Both operands; refused where Arrow would compare or compute through a rounded float."""
    if pa.types.is_floating(left.type) != pa.types.is_floating(right.type):
        raise pa.ArrowNotImplementedError("exact and floating numbers mixed")
    return left, right


def _call(name: str, values: list[Any]) -> Any:
    match name:
        case "length":
            return pc.cast(pc.utf8_length(values[0]), pa.int64())
        case "trim":
            return pc.utf8_trim(values[0], characters=" ")
        case "concat":
            return pc.binary_join_element_wise(*values, "", null_handling="emit_null")
        case "coalesce":
            return pc.coalesce(*values)
        case "abs":
            return pc.abs_checked(values[0])
        case "date":
            return pc.cast(values[0], pa.date32())
        case "round" if not pa.types.is_floating(values[0].type):
            return pc.round(values[0], values[1].as_py(), "half_towards_infinity")
        case "lower" | "upper":
            return _map_distinct(values[0], _TEXT[name])
    raise pa.ArrowNotImplementedError(name)


def _map_distinct(values: Any, function: Callable[[str], str]) -> Any:
    """`function` of every text, called once per distinct one; NULL stays NULL."""
    if isinstance(values, pa.Scalar):
        text = values.as_py()
        return pa.scalar(None if text is None else function(text), pa.string())
    encoded = values.dictionary_encode()
    mapped = pa.array([function(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return mapped.take(encoded.indices)
