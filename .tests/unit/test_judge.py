"""The judge holds each type, each kind of line and each rule to the contract's words."""

from __future__ import annotations

import json
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from support.contracts import make_column, make_contract
from support.line_cases import (
    ACCEPTED_LINES,
    JSON_VALUES,
    REFUSED_LINES,
    RUN_DATE,
    TEXT_VALUES,
    Refused,
    json_contract,
    text_contract,
    whole_row,
)

from etl.judge import (
    MAX_DEPTH,
    Accepted,
    Judge,
    Rejected,
    Verdict,
    judge_line,
    reason_label,
    room_for_depth,
)
from etl.model import Rule, Type

JSON_JUDGE = Judge(json_contract(), RUN_DATE)
TEXT_JUDGE = Judge(text_contract(), RUN_DATE)


def _check(found: Verdict, column: str, expected: Any, contract: Any) -> None:
    if isinstance(expected, Refused):
        assert isinstance(found, Rejected)
        assert len(found.reasons) == 1
        assert found.reasons[0].startswith(f"{column}: {expected}")
        return
    assert found == Accepted(whole_row(contract, {column: expected}))
    assert isinstance(found, Accepted)
    assert type(found.row[column]) is type(expected)
    assert str(found.row[column]) == str(expected)  # 1.5 is not 1.50, -0.0 is not 0.0


@pytest.mark.parametrize("column, text, expected", JSON_VALUES)
def test_judge_json_value_gets_its_one_meaning(column: str, text: str, expected: Any) -> None:
    found = JSON_JUDGE(f'{{"id": 1, "{column}": {text}}}')
    _check(found, column, expected, json_contract())


@pytest.mark.parametrize("column, text, expected", TEXT_VALUES)
def test_judge_text_value_gets_its_one_meaning(column: str, text: str, expected: Any) -> None:
    found = TEXT_JUDGE(json.dumps({"id": "1", column: text}))
    _check(found, column, expected, text_contract())


@pytest.mark.parametrize("line, reasons", REFUSED_LINES)
def test_judge_bad_line_gets_every_reason(line: str, reasons: list[str]) -> None:
    assert JSON_JUDGE(line) == Rejected(reasons)


@pytest.mark.parametrize("line, values", ACCEPTED_LINES)
def test_judge_odd_but_sound_line_is_accepted(line: str, values: dict[str, Any]) -> None:
    assert JSON_JUDGE(line) == Accepted(whole_row(json_contract(), values))


def test_judge_text_that_is_no_text_is_refused() -> None:
    assert TEXT_JUDGE('{"id": "1", "text": 5}') == Rejected(["text: expected text, got 5"])
    assert isinstance(TEXT_JUDGE('{"id": "1", "text": null}'), Accepted)


def test_judge_line_without_a_judge_means_the_same() -> None:
    assert judge_line('{"id": 1}', json_contract(), RUN_DATE) == JSON_JUDGE('{"id": 1}')


def test_judge_rule_that_is_null_is_met() -> None:
    rule = Rule(name="positive", expression=[">", ["col", "n"], ["lit", 0, "integer"]])
    columns = [make_column(name, Type(kind="integer")) for name in ("id", "n")]
    judge = Judge(make_contract(*columns, rules=(rule,)), RUN_DATE)
    assert isinstance(judge('{"id": 1}'), Accepted)
    assert isinstance(judge('{"id": 1, "n": 0}'), Rejected)


def test_judge_derived_column_may_use_an_earlier_one_and_must_fit() -> None:
    amount = Type(kind="decimal", precision=4, scale=2)
    columns = [
        make_column("id", Type(kind="integer")),
        make_column("a", amount, path=(), derive=["+", ["col", "id"], ["lit", "0.5", "decimal"]]),
        make_column("b", amount, path=(), derive=["*", ["col", "a"], ["col", "a"]], required=True),
    ]
    judge = Judge(make_contract(*columns), RUN_DATE)
    assert judge('{"id": 1}') == Accepted({"id": 1, "a": Decimal("1.50"), "b": Decimal("2.25")})
    assert judge('{"id": 10}') == Rejected(["b: does not fit decimal(4,2), got 110.2500"])


def test_judge_derived_column_that_is_required_refuses_null() -> None:
    whole = Type(kind="integer")
    derived = make_column("b", whole, path=(), derive=["col", "a"], required=True)
    columns = [make_column("id", whole), make_column("a", whole), derived]
    judge = Judge(make_contract(*columns), RUN_DATE)
    assert judge('{"id": 1}') == Rejected(["b: required, but missing or null"])


def test_judge_part_of_the_key_is_required_without_saying_so() -> None:
    columns = [make_column(name, Type(kind="integer")) for name in ("id", "day")]
    judge = Judge(make_contract(*columns, primary_key=("id", "day")), RUN_DATE)
    assert judge('{"id": 1}') == Rejected(["day: required, but missing or null"])


def test_judge_run_date_decides_what_lies_in_the_future() -> None:
    line = '{"id": 1, "day": "2026-01-01"}'
    earlier = Judge(json_contract(), date(2025, 12, 31))
    assert earlier(line) == Rejected(["rule not_after_run: is not met"])


def test_judge_rule_with_a_description_says_it() -> None:
    rule = Rule(name="never", expression=["lit", False, "boolean"], description="no row will do")
    judge = Judge(make_contract(rules=(rule,)), RUN_DATE)
    assert judge('{"id": 1}') == Rejected(["rule never: no row will do"])


@pytest.mark.parametrize("opening, closing", ["[]", ('{"a":', "}")])
def test_judge_depth_up_to_the_limit_is_accepted_and_beyond_refused(
    opening: str, closing: str
) -> None:
    def nested(depth: int) -> str:
        inner = depth - 1  # the record itself is one level
        return f'{{"id": 1, "other": {opening * inner}{1 if inner else ""}{closing * inner}}}'

    assert isinstance(JSON_JUDGE(nested(MAX_DEPTH)), Accepted)
    assert JSON_JUDGE(nested(MAX_DEPTH + 1)) == Rejected(["record: nested deeper than 1000 levels"])
    assert isinstance(JSON_JUDGE(nested(1_000_000)), Rejected)


def test_judge_gives_each_thread_room_for_depth_as_long_as_it_is_at_work() -> None:
    inner = MAX_DEPTH - 1
    line = f'{{"id": 1, "other": {"[" * inner}1{"]" * inner}}}'
    before = sys.getrecursionlimit()
    with ExitStack() as late:
        with room_for_depth(line):
            late.enter_context(room_for_depth(line))
        assert sys.getrecursionlimit() > before + MAX_DEPTH
    assert sys.getrecursionlimit() == before
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(JSON_JUDGE, [line] * 2000))
    assert all(isinstance(each, Accepted) for each in found)
    assert sys.getrecursionlimit() == before


def test_judge_brackets_in_text_are_no_depth() -> None:
    line = json.dumps({"id": 1, "other": '["\\' * 5000})
    assert isinstance(JSON_JUDGE(line), Accepted)


@pytest.mark.parametrize(
    "text", ['"' + "x" * 10_000_000 + '"', "9" * 10_000_000, "0." + "1" * 10_000_000, "[" * 10_000]
)
def test_judge_ten_megabytes_are_judged(text: str) -> None:
    for column in ("text", "number", "amount", "other"):
        found = JSON_JUDGE(f'{{"id": 1, "{column}": {text}}}')
        if isinstance(found, Rejected):
            assert all(len(reason) < 200 for reason in found.reasons)


def test_judge_pickled_judges_the_same() -> None:
    copy = pickle.loads(pickle.dumps(JSON_JUDGE))
    assert copy('{"id": 1, "amount": "1.5"}') == JSON_JUDGE('{"id": 1, "amount": "1.5"}')


@pytest.mark.parametrize(
    "reason, label",
    [("a: expected b: c", "a"), ("rule r: d", "rule r"), ("record: not UTF-8", "record")],
)
def test_reason_label_is_what_the_reason_is_about(reason: str, label: str) -> None:
    assert reason_label(reason) == label
