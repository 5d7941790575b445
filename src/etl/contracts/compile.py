"""Compiles the text of a contract's expressions."""

from __future__ import annotations

from collections.abc import Mapping

import sqlglot
from sqlglot.errors import ParseError, SqlglotError

from etl.contracts.compiler import SUBSET, Compiler
from etl.contracts.static_types import Compiled, ExpressionError
from etl.model import Expression, Type


def compile_expression(text: str, columns: Mapping[str, Type]) -> Compiled:
    """Parse, check and compile one expression.

    Args:
        columns: The columns it may name.

    Raises:
        ExpressionError: It is no SQL, is outside the subset, names an unknown column, its types
            do not fit, or its exact result could need more than 38 digits.
    """
    try:
        tree = sqlglot.parse_one(text)
    except SqlglotError as error:
        raise ExpressionError(
            f'"{text}" is not an expression{_place(error)}', fix=SUBSET
        ) from error
    return Compiler(columns).visit(tree)


def compile_condition(text: str, columns: Mapping[str, Type]) -> Expression:
    """Compile an expression that is true or false of a row.

    Raises:
        ExpressionError: As `compile_expression`; or it is not a condition.
    """
    compiled = compile_expression(text, columns)
    if compiled.type.kind != "boolean":
        raise ExpressionError(
            f'"{text}" is {compiled.type}, not a condition',
            fix="write a comparison, for example subtotal >= 0",
        )
    return compiled.expression


def _place(error: SqlglotError) -> str:
    column = error.errors[0].get("col") if isinstance(error, ParseError) and error.errors else None
    return f", see character {column}" if column else ""
