"""Lines that DuckDB reads at once, by the spelling of a sample, mean what the judge says."""

from __future__ import annotations

import json
import random
import re
from itertools import groupby

import pytest
from support.broken_lines import mutate
from support.contracts import orders_contract
from support.duckdb_judged import assert_same, judged
from support.line_cases import JSON_VALUES, RUN_DATE, TEXT_VALUES, json_contract, text_contract
from support.tidy_cases import MAPPED_LINES, MAPPED_TEXT_LINES, mapped_contract

from etl.duckdb.at_once import judge_usual_lines
from etl.duckdb.spelling import name_ends
from etl.judge import Judge, Rejected
from etl.model import Contract
from local_cloud.source_orders import expected_counts, iter_orders


def query_of(sample: str, contract: Contract) -> str:
    query = judge_usual_lines(contract, RUN_DATE, [sample])
    assert query is not None
    return query


def assert_same_as(sample: str, lines: list[str], contract: Contract, *, least: float) -> None:
    assert_same(lines, contract, query=query_of(sample, contract), least=least)


def test_is_sure_of_every_good_order() -> None:
    lines = list(iter_orders(RUN_DATE, 0, 2_000))
    query = query_of(lines[0], orders_contract())
    found = judged(lines, orders_contract(), query=query)

    unsure = [line for line, verdict in found.items() if verdict is None]
    assert len(unsure) <= expected_counts(2_000).quarantined + 5
    assert_same(lines, orders_contract(), query=query)


def test_every_value_means_what_the_judge_says() -> None:
    contract = json_contract()
    for column, cases in groupby(sorted(JSON_VALUES, key=lambda each: each[0]), lambda c: c[0]):
        lines = [f'{{"id": 1, "{column}": {text}, "end": 1}}' for _, text, _ in cases]
        lines += [line.replace(": ", ":").replace(", ", ",") for line in lines]
        judge = Judge(contract, RUN_DATE)
        samples = [line for line in lines if not isinstance(judge(line), Rejected)]
        queries = [judge_usual_lines(contract, RUN_DATE, [sample]) for sample in samples]
        for query in set(queries) - {None}:
            assert_same(lines, contract, query=query, least=0.2)


def test_every_text_means_what_the_judge_says() -> None:
    contract = text_contract()
    whole = {"id": "1"} | dict.fromkeys((column for column, _, _ in TEXT_VALUES), "")
    lines = [json.dumps(whole | {column: text}) for column, text, _ in TEXT_VALUES]
    assert_same_as(json.dumps(whole), lines, contract, least=0.4)


@pytest.mark.parametrize(
    "contract, lines",
    [
        (mapped_contract(), [line for line, _ in MAPPED_LINES]),
        (mapped_contract(encoding="text"), [line for line, _ in MAPPED_TEXT_LINES]),
    ],
    ids=["json", "text"],
)
def test_maps_and_filters_as_the_judge_does(contract: Contract, lines: list[str]) -> None:
    judge = Judge(contract, RUN_DATE)
    for sample in lines:
        if not isinstance(judge(sample), Rejected):
            assert_same_as(sample, lines, contract, least=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_thousands_of_broken_lines_mean_what_the_judge_says(seed: int) -> None:
    seeded = random.Random(seed)
    orders = list(iter_orders(RUN_DATE, 0, 1_000))
    broken = [mutate(seeded, seeded.choice(orders)) for _ in range(6_000)]
    assert_same_as(orders[0], orders + broken, orders_contract(), least=0.5)

    values = (
        '{"id": 1, "text": "abc", "number": 7, "small": 99, "amount": 1.5, "wide": 12.5,'
        ' "ratio": 0.5, "flag": true, "day": "2026-01-01", "at": "2025-12-31T09:15:27.1+02:00",'
        ' "inner": {"text": "a", "number": -7}, "tags": ["a", "b"], "counts": [1, 2],'
        ' "prices": [1.5, 2], "days": ["2026-01-01"], "other": null}'
    )
    broken = [mutate(seeded, values) for _ in range(6_000)]
    assert_same_as(values, [values, *broken], json_contract(), least=0.1)


def test_members_may_be_missing_or_have_a_space_before_their_value() -> None:
    sample = '{"id": 1, "text": "a", "amount": "1.50", "other": [1]}'
    assert judge_usual_lines(json_contract(), RUN_DATE, [sample]) is None

    sample = sample.replace("[1]", '"x"')
    lines = {
        "as the sample": sample,
        "no spaces": sample.replace(" ", ""),
        "a number": '{"id": 2, "text": "a", "amount": 1.50, "other": null}',
        "zeros at its end": '{"id": 2, "text": "a", "amount": 1.50000, "other": -2.5}',
        "null": '{"id": 3, "text": null, "amount": null, "other": true}',
        "none but the first": '{"id": 4}',
    }
    query = query_of(sample, json_contract())
    found = judged(list(lines.values()), json_contract(), query=query)

    assert [name for name, line in lines.items() if found[line] is None] == []
    assert_same(list(lines.values()), json_contract(), query=query)


def test_spaces_are_expected_where_the_sample_has_some() -> None:
    spaced = '{"id": 1, "tags": ["a", "b"], "inner": {"text": "c"}}'
    lines = [spaced, spaced.replace(" ", "")]
    for sample, sure in ((lines, lines), (lines[1:], lines[1:]), (lines[:1], lines)):
        query = judge_usual_lines(json_contract(), RUN_DATE, sample)
        assert query is not None
        found = judged(lines, json_contract(), query=query)
        assert [line for line in lines if found[line] is not None] == sure


def test_lines_unlike_the_sample_are_unsure() -> None:
    sample = '{"id": 1, "text": "a", "inner": {"text": "b"}}'
    lines = {
        "another order": '{"text": "a", "id": 1, "inner": {"text": "b"}}',
        "a name twice": '{"id": 1, "id": 1, "text": "a", "inner": {"text": "b"}}',
        "another name": '{"id": 1, "text": "a", "inner": {"text": "b"}, "other": 1}',
        "in another case": '{"id": 1, "text": "a", "INNER": {"text": "b"}}',
        "no object": '{"id": 1, "text": "a", "inner": null}',
        "the first is missing": '{"text": "a", "inner": {"text": "b"}}',
        "a number with a zero before it": '{"id": 01, "text": "a", "inner": {"text": "b"}}',
        "text behind": sample + " ",
        "half a character": '{"id": 1, "text": "\\ud83d", "inner": {"text": "b"}}',
        "no character": '{"id": 1, "text": "\\u0000", "inner": {"text": "b"}}',
        "a raw tab": '{"id": 1, "text": "\t", "inner": {"text": "b"}}',
    }
    query = query_of(sample, json_contract())
    found = judged(list(lines.values()), json_contract(), query=query)

    assert [name for name, line in lines.items() if found[line] is not None] == []


def test_names_that_end_alike_mean_what_the_judge_says() -> None:
    sample = {"id": 1, "text": "a", "number": 2, "flat": 3, "inner": {"text": "b", "number": 4}}
    others = [*sample, "paid", "d", "context", "at", "t", "_malformed", "_invalid_utf8_base64"]
    lines = [json.dumps(sample)]
    for name in sample:
        for other in others:
            renamed = [other if each == name else each for each in sample]
            pairs = zip(renamed, sample.values(), strict=True)
            lines.append("{" + ", ".join(f'"{n}": {json.dumps(v)}' for n, v in pairs) + "}")
    lines += [line.replace('"b", "number"', '"b", "other_number"') for line in lines]
    assert len(set(lines)) > 100
    assert_same_as(lines[0], lines, json_contract(), least=0.01)


def test_pattern_of_a_name_takes_none_of_the_others() -> None:
    names = ["id", "order_id", "paid", "at", "updated_at", "Total", "n"]
    others = ["created_at", "x_total", "amount"]
    patterns = name_ends(names, others)
    takers = {
        name: [each for each, end in zip(names, patterns, strict=True) if re.fullmatch(end, name)]
        for name in [*names, *others, "xorder_id", "_paid", "flat", "an"]
    }
    assert [takers[name] for name in names] == [[name] for name in names]
    assert [takers[name] for name in others] == [[], [], []]
    assert max(map(len, takers.values())) == 1


@pytest.mark.parametrize(
    "sample",
    [
        '{"id": 1, "ID": 7, "text": "a", "Text": "b"}',
        f'{{"id": 1, "text": "a", "other": {"9" * 5_000}}}',
        f'{{"id": 1, "text": "a", "other": {"[" * 900}{"]" * 900}}}',
    ],
    ids=["names in two cases", "a large number", "deep"],
)
def test_any_sample_will_do(sample: str) -> None:
    judge = Judge(json_contract(), RUN_DATE)
    assert not isinstance(judge(sample), Rejected)
    query = judge_usual_lines(json_contract(), RUN_DATE, [sample])
    assert query is None or judged([sample], json_contract(), query=query) in (
        {sample: judge(sample)},
        {sample: None},
    )


def test_longest_of_the_sample_counts() -> None:
    lines = ['{"id": 1}', '{"id": 2, "text": "a"}', '{"id": 3, "number": 5}']
    query = judge_usual_lines(json_contract(), RUN_DATE, lines)
    found = judged(lines, json_contract(), query=query)

    assert [found[line] is None for line in lines] == [False, False, True]


@pytest.mark.parametrize(
    "contract, sample",
    [
        (json_contract(drop_empty=True), '{"id": 1}'),
        (json_contract(), '{"id": 1, "größe": 2}'),
        (json_contract(), '{"id": 1, "id": 1}'),
        (json_contract(), '{"id": 1, "_malformed": null}'),
    ],
    ids=[
        "empty values are dropped",
        "a name in letters of its own",
        "a name twice",
        "a wrapper's name",
    ],
)
def test_samples_that_have_no_pattern_are_read_value_by_value(
    contract: Contract, sample: str
) -> None:
    assert judge_usual_lines(contract, RUN_DATE, [sample]) is None
