"""Expressions over Arrow batches mean what `etl.expressions.evaluate` says, value by value."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.expression_cases import COLUMNS, CONDITIONS, PATTERNS
from support.expression_cases import ROWS as CASE_ROWS

from etl.contracts.compile import compile_expression
from etl.contracts.patterns import compile_pattern
from etl.expressions import evaluate
from etl.validation import arrow_expressions
from etl.validation.arrow_expressions import count_false
from etl.validation.arrow_schema import arrow_type

RUN_DATE = date(2026, 1, 1)
TYPES = {
    "i": pa.int32(),
    "j": pa.int64(),
    "d": pa.decimal128(12, 2),
    "e": pa.decimal128(38, 10),
    "f": pa.float64(),
    "s": pa.string(),
    "t": pa.string(),
    "b": pa.bool_(),
    "day": pa.date32(),
    "at": pa.timestamp("us", "UTC"),
}
CASES = pa.RecordBatch.from_pylist(
    CASE_ROWS, pa.schema([(name, arrow_type(kind)) for name, kind in COLUMNS.items()])
)
DAYS = st.dates(date(1960, 1, 1), date(2100, 1, 1))
INSTANTS = st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=timezone.utc)
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "i": st.integers(-(2**31), 2**31 - 1) | st.integers(-2, 2),
    "j": st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2),
    "d": st.decimals(-(10**9), 10**9, places=2),
    "e": st.decimals(-(10**27), 10**27, places=10),
    "f": st.floats(allow_nan=False, allow_infinity=False),
    "s": st.text(max_size=5) | st.sampled_from(["SE", " ß ", "İi", "ﬁ", ""]),
    "t": st.sampled_from(["SE", "se", "ss"]),
    "b": st.booleans(),
    "day": DAYS,
    "at": INSTANTS,
}
ROWS = st.fixed_dictionaries({name: st.none() | each for name, each in VALUES.items()})


def _nodes() -> st.SearchStrategy[Any]:
    integers = st.integers(-3, 3).map(lambda n: ["integer", ["lit", n, "integer"], 1])
    number = st.sampled_from(
        [["integer", ["col", "i"], 10], ["integer", ["col", "j"], 19], ["col", "d"], ["col", "e"]]
    ) | (integers | st.just(["lit", "2.50", "decimal"]))
    number = st.recursive(
        number,
        lambda inner: (
            st.builds(lambda op, a, b: [op, a, b], st.sampled_from("+-*"), inner, inner)
            | st.builds(lambda a: ["neg", a], inner)
            | st.builds(lambda a: ["call", "abs", a], inner)
            | st.builds(lambda a, n: ["call", "round", a, ["lit", n, "integer"]], inner, NUMERALS)
            | st.builds(lambda a, b: ["call", "coalesce", a, b], inner, inner)
        ),
        max_leaves=3,
    )
    text = st.sampled_from([["col", "s"], ["col", "t"], ["lit", "SE", "string"]])
    text = st.recursive(
        text,
        lambda inner: (
            st.builds(
                lambda f, a: ["call", f, a], st.sampled_from(["lower", "upper", "trim"]), inner
            )
            | st.builds(lambda a, b: ["call", "concat", a, b], inner, inner)
            | st.builds(lambda a, b: ["call", "coalesce", a, b], inner, inner)
        ),
        max_leaves=3,
    )
    day = st.sampled_from(
        [
            ["col", "day"],
            ["run_date"],
            ["lit", "2026-01-01", "date"],
            ["call", "date", ["col", "at"]],
        ]
    )
    double = st.sampled_from([["col", "f"], ["lit", "0.1", "double"]])
    length = text.map(lambda a: ["integer", ["call", "length", a], 10])
    comparison = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    condition = st.one_of(
        [
            st.builds(lambda op, a, b: [op, a, b], comparison, kind, kind)
            for kind in (number, text, day, double, length)
        ]
        + [
            st.builds(lambda a, b, c: ["between", a, b, c], number, number, number),
            st.builds(lambda a: ["is_null", a], number | text | day),
            st.builds(lambda a: ["in", a, [["lit", "SE", "string"], ["lit", "", "string"]]], text),
            st.builds(lambda a: ["matches", a, "[A-Z]{2}"], text),
            st.just(["col", "b"]),
        ]
    )
    return st.recursive(
        condition,
        lambda inner: (
            st.builds(lambda op, *a: [op, *a], st.sampled_from(["and", "or"]), inner, inner)
            | st.builds(lambda a: ["not", a], inner)
            | st.builds(lambda a, b, c: ["case", [[a, b]], c], inner, inner, inner)
        ),
        max_leaves=4,
    )


NUMERALS = st.integers(0, 3)


def batch_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, pa.schema(TYPES))


@settings(max_examples=400, deadline=None)
@given(expression=_nodes(), rows=st.lists(ROWS, min_size=1, max_size=5))
def test_count_false_any_expression_agrees_with_evaluate(
    expression: Any, rows: list[dict[str, Any]]
) -> None:
    expected = sum(evaluate(expression, row, RUN_DATE) is False for row in rows)
    assert count_false(expression, batch_of(rows), RUN_DATE) == expected


@pytest.mark.parametrize("text", CONDITIONS)
def test_count_false_shared_condition_agrees_with_evaluate(text: str) -> None:
    expression = compile_expression(text, COLUMNS).expression
    expected = sum(evaluate(expression, each, RUN_DATE) is False for each in CASE_ROWS)
    assert count_false(expression, CASES, RUN_DATE) == expected


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("column", ["s", "t"])
def test_count_false_shared_pattern_agrees_with_evaluate(pattern: str, column: str) -> None:
    expression = ["matches", ["col", column], compile_pattern(pattern)]
    expected = sum(evaluate(expression, each, RUN_DATE) is False for each in CASE_ROWS)
    assert count_false(expression, CASES, RUN_DATE) == expected


def row(**values: Any) -> dict[str, Any]:
    return dict.fromkeys(TYPES) | values


@pytest.mark.parametrize(
    "expression",
    [
        [">=", ["integer", ["+", ["col", "j"], ["col", "j"]], 20], ["lit", 0, "integer"]],
        [">=", ["*", ["col", "e"], ["col", "e"]], ["lit", "0", "decimal"]],
        ["and", ["col", "b"], ["lit", None, "null"]],
    ],
)
def test_count_false_what_arrow_refuses_is_evaluated_by_row(
    expression: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(j=2**62, e=Decimal("1E20"), b=False), row(j=-(2**62), e=Decimal(0), b=True)]
    asked: list[Any] = []

    def spy(*arguments: Any) -> Any:
        asked.append(arguments)
        return evaluate(*arguments)

    monkeypatch.setattr(arrow_expressions, "evaluate", spy)
    expected = sum(evaluate(expression, each, RUN_DATE) is False for each in rows)
    assert count_false(expression, batch_of(rows), RUN_DATE) == expected
    assert len(asked) == 2


def test_count_false_common_rules_need_no_python_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_expressions, "evaluate", None)
    rules: list[Any] = [
        ["between", ["col", "d"], ["integer", ["lit", 0, "integer"], 1], ["col", "d"]],
        ["=", ["integer", ["call", "length", ["col", "t"]], 10], ["lit", 2, "integer"]],
        ["<=", ["col", "day"], ["run_date"]],
        ["in", ["call", "lower", ["col", "t"]], [["lit", "se", "string"]]],
        [
            ">=",
            ["-", ["col", "d"], ["call", "coalesce", ["col", "d"], ["lit", 0, "integer"]]],
            ["lit", "0.00", "decimal"],
        ],
    ]
    day_after = RUN_DATE + timedelta(days=1)
    batch = batch_of([row(d=Decimal("-1.00"), t="SWE", day=day_after), row()])
    assert [count_false(rule, batch, RUN_DATE) for rule in rules] == [1, 1, 1, 1, 0]
