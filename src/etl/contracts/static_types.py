"""The types of expressions: what an operator takes and gives.

A decimal's type says how many digits its exact value can have, by the same formulas as Spark's, so
that an expression which Spark could round or overflow is refused when the contract is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from etl.contracts.physical_types import MOST_DIGITS
from etl.contracts.problems import Refusal
from etl.model import Expression, Type

_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "decimal": "a decimal",
    "double": "a DOUBLE",
    "boolean": "true or false",
    "date": "a date",
    "timestamp": "a timestamp",
    "null": "NULL",
}
_EXACT = ("integer", "decimal")
_INTEGER_DIGITS = {32: 10, 64: 19}


class ExpressionError(Refusal):
    """An expression that cannot be used."""


@dataclass(frozen=True)
class Static:
    """The type of an expression.

    Attributes:
        kind: A model.Kind that is no array or object, or "null" for the literal.
        digits: Of a number, the most digits before the point.
        scale: Of a number, the most digits after it.
    """

    kind: str
    digits: int = 0
    scale: int = 0

    def __str__(self) -> str:
        return _NAMES[self.kind]

    def checked(self, text: str) -> Static:
        """Itself, unless `text`'s value could have more digits than any engine holds."""
        if self.digits + self.scale > MOST_DIGITS:
            raise ExpressionError(
                f'"{text}" could need {self.digits + self.scale} digits, more than {MOST_DIGITS}',
                fix="use narrower DECIMAL types, or round a part of it first",
            )
        return self


class Compiled(NamedTuple):
    """A compiled expression and the type of its value."""

    expression: Expression
    type: Static


def static_type(name: str, column: Type) -> Static:
    """The type of a column's value."""
    if column.kind in ("array", "object"):
        raise ExpressionError(
            f'"{name}" is an array', fix="expressions take columns with single values"
        )
    if column.kind == "integer":
        return Static("integer", digits=_INTEGER_DIGITS[column.bits])
    if column.kind == "decimal":
        return Static("decimal", digits=column.precision - column.scale, scale=column.scale)
    return Static(column.kind)


def sum_type(left: Static, right: Static, text: str) -> Static:
    """What + and - give."""
    return Static(
        _exact_kind([left, right]),
        digits=max(left.digits, right.digits) + 1,
        scale=max(left.scale, right.scale),
    ).checked(text)


def product_type(left: Static, right: Static, text: str) -> Static:
    """What * gives."""
    return Static(
        _exact_kind([left, right]),
        digits=left.digits + right.digits + 1,
        scale=left.scale + right.scale,
    ).checked(text)


def round_type(operand: Static, digits: int, text: str) -> Static:
    """What round() gives."""
    return Static(
        operand.kind, digits=operand.digits + 1, scale=min(operand.scale, digits)
    ).checked(text)


def unify(operands: Sequence[Compiled], text: str) -> tuple[list[Expression], Static]:
    """Bring operands that stand for one another to one type.

    Raises:
        ExpressionError: There is none.
    """
    types = [each.type for each in operands if each.type.kind != "null"]
    kinds = {each.kind for each in types}
    if kinds and kinds <= set(_EXACT):
        digits, scale = max(each.digits for each in types), max(each.scale for each in types)
        common = Static(_exact_kind(types), digits=digits, scale=scale).checked(text)
        return [each.expression for each in operands], common
    if "double" in kinds and kinds <= {"double", *_EXACT}:
        return [_as_double(each, text) for each in operands], Static("double")
    if len(kinds) == 1:
        return [each.expression for each in operands], types[0]
    if not kinds:
        raise ExpressionError(f'"{text}" is always NULL', fix="give it a value")
    named = " and ".join(sorted(_NAMES[kind] for kind in kinds))
    fix = "write a date as date '2026-01-01'" if "date" in kinds else "compare like with like"
    if kinds == {"date", "timestamp"}:
        fix = "take the timestamp's date with date(…)"
    raise ExpressionError(f'"{text}" mixes {named}', fix=fix)


def is_assignable(value: Static, column: Type) -> bool:
    """Whether a derived column of that type can hold the value, if it fits."""
    if column.kind == "decimal":
        return value.kind in _EXACT
    return value.kind == column.kind


def _exact_kind(types: Sequence[Static]) -> str:
    return "decimal" if any(each.kind == "decimal" for each in types) else "integer"


def _as_double(operand: Compiled, text: str) -> Expression:
    match operand.expression:
        case ["lit", value, "integer" | "decimal"]:
            return ["lit", repr(float(value)), "double"]
    if operand.type.kind in _EXACT:
        raise ExpressionError(
            f'"{text}" mixes a DOUBLE with exact numbers', fix="give both columns one type"
        )
    return operand.expression
