"""Expressions outside the subset, or with types that do not fit, are refused with the fix."""

from __future__ import annotations

import pytest
from support.expression_cases import COLUMNS

from etl.contracts.compile import compile_condition, compile_expression
from etl.contracts.static_types import ExpressionError


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("", "not an expression", "docs/contracts.md"),
        ("d >", "not an expression", "docs/contracts.md"),
        ("s = 'x", "not an expression", "docs/contracts.md"),
        ("d > 1; d > 2", "not in the subset", "docs/contracts.md"),
        ("select 1", "not in the subset", "docs/contracts.md"),
        ("d in (select 1)", "not in the subset", "docs/contracts.md"),
        ("drop table orders", "not in the subset", "docs/contracts.md"),
        ("d / 2", "not in the subset", "docs/contracts.md"),
        ("i % 2", "not in the subset", "docs/contracts.md"),
        ("s like 'a%'", "not in the subset", "docs/contracts.md"),
        ("sum(d)", "not in the subset", "docs/contracts.md"),
        ("levenshtein(s, t)", "not in the subset", "docs/contracts.md"),
        ("current_date", "not in the subset", "run_date"),
        ("trim(both 'x' from s)", "not in the subset", "docs/contracts.md"),
        ("orders.d", "not in the subset", "docs/contracts.md"),
        ("d as total", "not in the subset", "docs/contracts.md"),
        ("cast(d as int)", "casts are not", "the type that you need"),
        ("d::int", "casts are not", "the type that you need"),
        ("timestamp '2026-01-01'", "casts are not", "date '2026-01-01'"),
        ("dd > 1", "did you mean", "run_date"),
        ('"D" > 1', '"D" is not a column', "run_date"),
        ("1e3", "plain number", "exponent"),
        ("d = null", "compares with NULL", "is null"),
        ("i in (1, null)", "compares with NULL", "is null"),
        ("i in ()", "list of literals", "x in"),
        ("i in (big)", "list of literals", "x in"),
        ("b is true", "null only", "="),
        ("b > false", "orders booleans", "="),
        ("b between false and true", "orders booleans", "="),
        ("x + 1", "not an exact number", "DECIMAL"),
        ("s + 1", "not an exact number", "DECIMAL"),
        ("day - 1", "not an exact number", "DECIMAL"),
        ("-s", "not an exact number", "DECIMAL"),
        ("x > d", "mixes a DOUBLE", "one type"),
        ("x in (1, 2)", "looks for a DOUBLE", "ranges"),
        ("d = s", "mixes a decimal and text", "like with like"),
        ("day >= '2026-01-01'", "mixes a date and text", "date '2026-01-01'"),
        ("day < at", "mixes a date and a timestamp", "date(…)"),
        ("date '2026-02-30' = day", "not a date", "date '2026-01-01'"),
        ("date('2026-01-01') = day", "takes the date of text", "timestamp"),
        ("not d", "is a decimal where true or false", "docs/contracts.md"),
        ("d and b", "is a decimal where true or false", "docs/contracts.md"),
        ("lower(d)", "is a decimal where text", "docs/contracts.md"),
        ("length(i)", "is a whole number where text", "docs/contracts.md"),
        ("s || i", "is a whole number where text", "docs/contracts.md"),
        ("round(d, i)", "number of decimals", "round(x, 2)"),
        ("round(d, -1)", "number of decimals", "round(x, 2)"),
        ("lower('É')", "not ASCII", "case that you want"),
        ("coalesce(null, null)", "always NULL", "value"),
        ("case when b then 1 else 'x' end", "mixes", "like with like"),
        ("d * d * d * d", "more than 38", "narrower"),
        ("n + 1", "more than 38", "narrower"),
        ("n > 1", "more than 38", "narrower"),
        ("big * big", "more than 38", "narrower"),
        ("1" * 39, "more than 38", "narrower"),
        ("s = '\x00'", "control characters", "leave them out"),
    ],
)
def test_expression_outside_the_subset_is_refused(text: str, what: str, fix: str) -> None:
    with pytest.raises(ExpressionError) as refusal:
        compile_expression(text, COLUMNS)

    assert what in str(refusal.value)
    assert fix in refusal.value.fix


def test_condition_must_be_true_or_false() -> None:
    with pytest.raises(ExpressionError, match='"d" is a decimal, not a condition'):
        compile_condition("d", COLUMNS)


@pytest.mark.parametrize(
    ("text", "kind", "digits", "scale"),
    [
        ("i", "integer", 10, 0),
        ("big", "integer", 19, 0),
        ("d", "decimal", 10, 2),
        ("d + i", "decimal", 11, 2),
        ("d * d", "decimal", 21, 4),
        ("i * 3", "integer", 12, 0),
        ("round(d * d, 2)", "decimal", 22, 2),
        ("coalesce(d, 0.125)", "decimal", 10, 3),
        ("length(s)", "integer", 10, 0),
        ("-0.05", "decimal", 0, 2),
        ("s || t", "string", 0, 0),
        ("case when b then null else day end", "date", 0, 0),
        ("coalesce(x, 1)", "double", 0, 0),
    ],
)
def test_static_type_says_how_large_a_number_can_get(
    text: str, kind: str, digits: int, scale: int
) -> None:
    found = compile_expression(text, COLUMNS).type

    assert (found.kind, found.digits, found.scale) == (kind, digits, scale)


def test_names_are_folded_as_sql_folds_them() -> None:
    assert compile_expression("D > 0", COLUMNS) == compile_expression("d > 0", COLUMNS)
