"""What an expression means, held against exact arithmetic and SQL's truth tables."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.expression_cases import COLUMNS, CONDITIONS, ROWS, RUN_DATE, VALUES

from etl.contracts.compile import compile_expression
from etl.contracts.static_types import ExpressionError
from etl.expressions import ascii_only_columns, columns_of, evaluate, to_spark_sql
from etl.model import Expression

UNKNOWN = None
TRUTHS = (True, False, UNKNOWN)


def compiled(text: str) -> Expression:
    return compile_expression(text, COLUMNS).expression


def value_of(text: str, **row: Any) -> Any:
    return evaluate(compiled(text), {**dict.fromkeys(COLUMNS), **row}, RUN_DATE)


def truth(value: bool | None) -> Expression:
    return ["lit", value, "null" if value is None else "boolean"]


@pytest.mark.parametrize("left", TRUTHS)
@pytest.mark.parametrize("right", TRUTHS)
def test_and_or_follow_sql_truth_tables(left: bool | None, right: bool | None) -> None:
    rank = {False: 0, UNKNOWN: 1, True: 2}  # AND is the lesser of the two, OR the greater
    lesser, greater = sorted((left, right), key=rank.__getitem__)

    assert evaluate(["and", truth(left), truth(right)], {}, RUN_DATE) is lesser
    assert evaluate(["or", truth(left), truth(right)], {}, RUN_DATE) is greater


@pytest.mark.parametrize(("value", "expected"), [(True, False), (False, True), (None, None)])
def test_not_of_unknown_is_unknown(value: bool | None, expected: bool | None) -> None:
    assert evaluate(["not", truth(value)], {}, RUN_DATE) is expected


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("d > 0", {}, None),
        ("d is null", {}, True),
        ("d is not null", {}, False),
        ("d in (1, 2)", {}, None),
        ("d in (1, 2.0)", {"d": Decimal("2.00")}, True),
        ("d between 0 and w", {"d": Decimal(-1)}, False),
        ("d between 0 and w", {"d": Decimal(1)}, None),
        ("coalesce(d, i)", {"i": 3}, 3),
        ("coalesce(d, i)", {}, None),
        ("case when b then 1 else 2 end", {}, 2),
        ("case when b then 1 end", {"b": False}, None),
        ("case i when 1 then 'one' else 'other' end", {"i": 1}, "one"),
        ("d - coalesce(d, 0) + w", {"w": Decimal("1.5")}, None),
        ("s || t", {"s": "a"}, None),
        ("s || t", {"s": "a", "t": ""}, "a"),
        ("trim(s)", {"s": " \ta\u00a0 "}, "\ta\u00a0"),
        ("length(s)", {"s": "a😀e\u0301"}, 4),
        ("upper(s)", {"s": "straße"}, "STRASSE"),
        ("s < t", {"s": "Z", "t": "a"}, True),
        ("s < t", {"s": "\uffff", "t": "\U00010000"}, True),
        ("round(d)", {"d": Decimal("2.50")}, 3),
        ("round(d)", {"d": Decimal("-2.50")}, -3),
        ("round(d, 1)", {"d": Decimal("0.05")}, Decimal("0.1")),
        ("round(i, 2)", {"i": 5}, 5),
        ("abs(big)", {"big": -(2**63)}, 2**63),
        ("-n", {"n": Decimal("0." + "1" * 38)}, Decimal("-0." + "1" * 38)),
        ("x >= 0.1", {"x": 0.1}, True),
        ("day = run_date", {"day": RUN_DATE}, True),
        ("day >= date '2026-01-02'", {"day": RUN_DATE}, False),
        ("b = false", {"b": False}, True),
    ],
)
def test_evaluate_gives_what_sql_says(text: str, row: dict[str, Any], expected: Any) -> None:
    assert value_of(text, **row) == expected


def test_date_of_a_timestamp_is_its_day_in_utc() -> None:
    late = datetime(2026, 1, 1, 23, 30, tzinfo=timezone(timedelta(hours=-2)))

    assert value_of("date(at)", at=late) == date(2026, 1, 2)


AMOUNTS = st.decimals(min_value=-9999999999, max_value=9999999999, places=2)
WHOLE = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@given(d=AMOUNTS, big=WHOLE)
def test_arithmetic_is_exact(d: Decimal, big: int) -> None:
    found = value_of("d * d * 0.125 - big + d * 3", d=d, big=big)

    exact = Fraction(d) ** 2 / 8 - big + Fraction(d) * 3
    assert Fraction(found) == exact


@given(d=AMOUNTS, digits=st.integers(min_value=0, max_value=3))
def test_round_goes_half_away_from_zero(d: Decimal, digits: int) -> None:
    found = value_of(f"round(d, {digits})", d=d)

    scaled = abs(Fraction(d)) * 10**digits
    nearest = (2 * scaled + 1) // 2
    assert Fraction(found) == Fraction(nearest, 10**digits) * (1 if d >= 0 else -1)


NUMBERS = st.recursive(
    st.sampled_from(["i", "big", "d", "n", "7", "0.05", "-1"]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("round({}, {})".format, inner, st.integers(min_value=0, max_value=4)),
        st.builds("abs({})".format, inner),
        st.builds("coalesce({}, {})".format, inner, inner),
        st.builds("case when b then {} else {} end".format, inner, inner),
    ),
    max_leaves=5,
)
EXTREMES = st.fixed_dictionaries(
    {
        "i": st.sampled_from([None, 0, -1, 2**31 - 1, -(2**31)]),
        "big": st.sampled_from([None, 3, 2**63 - 1, -(2**63)]),
        "d": st.sampled_from([None, *map(Decimal, ("0.05", "9999999999.99", "-9999999999.99"))]),
        "n": st.sampled_from([None, Decimal("0." + "9" * 38), Decimal("-0." + "9" * 38)]),
        "b": st.sampled_from(TRUTHS),
    }
)


@given(text=NUMBERS, row=EXTREMES)
def test_number_never_outgrows_its_static_type(text: str, row: dict[str, Any]) -> None:
    try:
        found = compile_expression(text, COLUMNS)
    except ExpressionError as error:
        assert "more than 38" in str(error)
        return

    result = evaluate(found.expression, row, RUN_DATE)

    if result is not None:
        assert abs(Fraction(result)) < 10**found.type.digits
        assert Fraction(result) * 10**found.type.scale % 1 == 0


@given(
    row=st.fixed_dictionaries(
        {
            "i": st.none() | st.integers(-(2**31), 2**31 - 1),
            "big": st.none() | WHOLE,
            "d": st.none() | AMOUNTS,
            "w": st.none() | AMOUNTS,
            "n": st.none() | st.decimals(min_value=0, max_value="0.9", places=38),
            "x": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "s": st.none() | st.text(),
            "t": st.none() | st.text(),
            "b": st.none() | st.booleans(),
            "day": st.none() | st.dates(),
            "at": st.none() | st.datetimes(timezones=st.just(timezone.utc)),
        }
    )
)
def test_typed_row_always_has_a_value(row: dict[str, Any]) -> None:
    for text in CONDITIONS:
        assert value_of(text, **row) in TRUTHS
    for text in VALUES:
        value_of(text, **row)


@pytest.mark.parametrize("text", [*CONDITIONS, *VALUES])
def test_compiled_expression_survives_json(text: str) -> None:
    expression = compiled(text)

    again = json.loads(json.dumps(expression))

    assert again == expression
    assert [evaluate(again, row, RUN_DATE) for row in ROWS] == [
        evaluate(expression, row, RUN_DATE) for row in ROWS
    ]


def test_columns_of_names_the_columns_and_not_the_run_date() -> None:
    expression = compiled(
        "case when day <= run_date and i in (1, 2) then coalesce(s, 'd') else lower(t) end"
    )

    assert columns_of(expression) == {"day", "i", "s", "t"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lower(s) = t", {"s"}),
        ("upper(trim(s) || coalesce(t, 'x')) = 'A'", {"s", "t"}),
        ("length(s) > 1 and trim(t) = 'a'", set()),
    ],
)
def test_ascii_only_columns_are_those_whose_case_changes(text: str, expected: set[str]) -> None:
    assert ascii_only_columns(compiled(text)) == expected


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("d - coalesce(i, 0)", "(`d` - coalesce(CAST(`i` AS DECIMAL(10, 0)), (0BD)))"),
        ("big > -1.50", "(CAST(`big` AS DECIMAL(19, 0)) > (-1.50BD))"),
        ("s = 'it''s \\'", "(`s` = 'it\\'s \\\\')"),
        ("day <= run_date", "(`day` <= DATE '2026-01-01')"),
        ("not (b and s is null)", "(NOT (`b` AND (`s` IS NULL)))"),
        ("x > 0.5", "(`x` > CAST('0.5' AS DOUBLE))"),
        ("date(at) = date '2026-01-31'", "(CAST(`at` AS DATE) = DATE '2026-01-31')"),
        ("case when b then 'y' end", "(CASE WHEN `b` THEN 'y' ELSE NULL END)"),
    ],
)
def test_spark_sql_says_every_type(text: str, sql: str) -> None:
    assert to_spark_sql(compiled(text), RUN_DATE) == sql


@pytest.mark.parametrize("node", [["sqrt", ["col", "d"], ["col", "d"]], ["?"], []])
def test_unknown_node_is_an_error(node: Expression) -> None:
    with pytest.raises((ValueError, KeyError)):
        evaluate(node, {"d": Decimal(1)}, RUN_DATE)
