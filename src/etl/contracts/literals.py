"""The literals of expressions."""

from __future__ import annotations

import re
from datetime import date

from etl.contracts.static_types import Compiled, ExpressionError, Static


def compile_string(text: str) -> Compiled:
    """A text literal."""
    if not text.isprintable() and any(ord(each) < 32 for each in text):
        raise ExpressionError(
            f"the literal {text!r} holds control characters", fix="leave them out"
        )
    return Compiled(["lit", text, "string"], Static("string"))


def compile_number(text: str) -> Compiled:
    """A number's literal: 12, -3, 0.50."""
    if re.fullmatch(r"-?[0-9]+", text):
        digits = len(text.lstrip("-").lstrip("0")) or 1
        literal = Compiled(["lit", int(text), "integer"], Static("integer", digits=digits))
    elif re.fullmatch(r"-?[0-9]*\.[0-9]+", text):
        whole, _, fraction = text.lstrip("-").partition(".")
        literal = Compiled(
            [
                "lit",
                f"{'-' * text.startswith('-')}{whole.lstrip('0') or '0'}.{fraction}",
                "decimal",
            ],
            Static("decimal", digits=len(whole.lstrip("0")), scale=len(fraction)),
        )
    else:
        raise ExpressionError(f'"{text}" is not a plain number', fix="write it without an exponent")
    return Compiled(literal.expression, literal.type.checked(text))


def compile_date(text: str) -> Compiled:
    """A date's literal, from YYYY-MM-DD."""
    try:
        parsed = date.fromisoformat(text)
    except ValueError as error:
        raise ExpressionError(f"'{text}' is not a date", fix="write date '2026-01-01'") from error
    return Compiled(["lit", parsed.isoformat(), "date"], Static("date"))
