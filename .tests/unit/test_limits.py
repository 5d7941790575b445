"""Rules that footers decide: never one that a row breaks."""

from __future__ import annotations

import io
import random
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from parquet_samples import RUN_DATE, parquet_bytes, sale

from etl.expressions import evaluate
from etl.model import Rule
from etl.validation.figures import Figures
from etl.validation.limits import is_never_false
from etl.validation.parquet_footers import open_parquet, row_group_limits

A, B = ["col", "a"], ["col", "b"]


def number(value: int) -> list[Any]:
    return ["integer", ["lit", value, "integer"], 1]


@pytest.mark.parametrize(
    ("rule", "decided"),
    [
        ([">=", A, number(1)], True),
        ([">=", A, number(2)], False),
        ([">", A, number(1)], False),
        (["<=", A, number(5)], True),
        (["<", A, number(5)], False),
        (["<", number(0), A], True),
        (["<=", A, B], True),
        (["<", A, B], False),
        ([">=", B, A], True),
        ([">=", A, B], False),
        (["between", A, number(1), B], True),
        (["between", B, number(1), A], False),
        (["and", [">=", A, number(1)], ["<=", A, number(5)]], True),
        (["and", [">=", A, number(1)], ["<=", A, number(4)]], False),
        (["or", [">", A, number(9)], ["<=", A, B]], True),
        (["or", [">", A, number(9)], ["<=", B, A]], False),
        (["=", A, number(1)], False),
        (["not", [">", A, number(9)]], False),
        ([">=", ["+", A, B], number(0)], False),
        ([">=", ["col", "c"], number(0)], False),
        (["<=", A, ["lit", None, "integer"]], False),
    ],
)
def test_rules_are_decided_by_the_extremes(rule: Any, decided: bool) -> None:
    limits = {"a": (1, 5), "b": (5, 9)}
    assert is_never_false(rule, limits, RUN_DATE) is decided


def test_no_rule_that_is_decided_is_broken_by_a_row() -> None:
    rng = random.Random("limits")

    def some(depth: int) -> Any:
        if depth and rng.random() < 0.4:
            return [rng.choice(["and", "or"]), some(depth - 1), some(depth - 1)]
        values = [rng.choice([A, B, number(rng.randint(0, 6))]) for _ in range(3)]
        if rng.random() < 0.2:
            return ["between", *values]
        return [rng.choice(["<", "<=", ">", ">=", "=", "<>"]), *values[:2]]

    decided = 0
    for _ in range(3000):
        rows = [
            {name: rng.choice([None, *range(2, 5)]) for name in "ab"}
            for _ in range(rng.randint(1, 3))
        ]
        values = {name: [row[name] for row in rows if row[name] is not None] for name in ("a", "b")}
        limits = {name: (min(each), max(each)) for name, each in values.items() if each}
        rule = some(2)
        if is_never_false(rule, limits, RUN_DATE):
            decided += 1
            assert not any(evaluate(rule, row, RUN_DATE) is False for row in rows)
    assert decided > 500


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ([">=", ["col", "subtotal"], number(0)], 1),
        ([">=", ["col", "subtotal"], number(-1)], 0),
        (["<=", ["col", "sold_on"], ["run_date"]], 2),
        (["<=", ["col", "discount"], ["col", "subtotal"]], 1),
        ([">=", ["col", "weight"], ["lit", 0.0, "double"]], 1),
        (["<=", ["col", "status"], ["lit", "q", "string"]], 0),
    ],
)
def test_violations_are_counted_whichever_row_group_they_are_in(rule: Any, broken: int) -> None:
    rows = [sale(each) for each in range(1000)]
    rows[500] |= {"subtotal": Decimal("-0.50"), "discount": None, "weight": float("nan")}
    rows[700] |= {"sold_on": date(2026, 1, 2), "discount": Decimal("100.26")}
    rows[701] |= {"sold_on": date(2026, 1, 2), "weight": None}
    body = parquet_bytes(rows, row_group_size=100)
    file = open_parquet("x", io.BytesIO(body), size=len(body))
    figures = Figures([file], run_date=RUN_DATE)
    figure = figures.violations(Rule(name="rule", expression=rule))
    figures.read()
    assert figure() == broken


def test_limits_are_told_of_numbers_and_dates_alone() -> None:
    body = parquet_bytes([sale(1), sale(2, subtotal=Decimal("7.00"))])
    file = open_parquet("x", io.BytesIO(body), size=len(body))
    columns = ("subtotal", "sold_on", "line", "weight", "status", "is_gift", "discount")
    (found,) = row_group_limits([file], columns)
    assert found == {
        "subtotal": (Decimal("7.00"), Decimal("100.25")),
        "sold_on": (RUN_DATE, RUN_DATE),
        "line": (1, 1),
    }
