"""DuckDB and the judge agree on every line, whichever of the two decides it."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from support.broken_lines import mutate
from support.contracts import make_column, make_contract, orders_contract
from support.duckdb_judged import assert_same, judged
from support.line_cases import (
    ACCEPTED_LINES,
    JSON_VALUES,
    REFUSED_LINES,
    RUN_DATE,
    TEXT_VALUES,
    json_contract,
    text_contract,
)
from support.tidy_cases import EMPTY_VALUES, MAPPED_LINES, MAPPED_TEXT_LINES, mapped_contract

from etl.duckdb.rows import NotForSql, judge_lines
from etl.judge import Verdict
from etl.model import Contract, Type
from local_cloud.source_orders import expected_counts, iter_orders


def test_every_case_means_what_the_judge_says() -> None:
    values = [f'{{"id": 1, "{column}": {text}}}' for column, text, _ in JSON_VALUES]
    compact = [line.replace(": ", ":").replace(", ", ",") for line in values]
    whole = [line for line, _ in REFUSED_LINES] + [line for line, _ in ACCEPTED_LINES]
    assert_same(values + compact + whole, json_contract())


def test_every_text_case_means_what_the_judge_says() -> None:
    lines = [json.dumps({"id": "1", column: text}) for column, text, _ in TEXT_VALUES]
    lines += ['{"id": "1", "text": 5}', '{"id": 1}', '{"id":"1","text":null}', "{}", "x"]
    lines += ['{"id": "1", "text": "a\\":5"}', '{"id": "1", "flag": true}', '{"id": "1"}}']

    assert_same(lines, text_contract())


@pytest.mark.parametrize(
    "contract, cases",
    [(mapped_contract(), MAPPED_LINES), (mapped_contract(encoding="text"), MAPPED_TEXT_LINES)],
    ids=["json", "text"],
)
def test_maps_and_filters_as_the_judge_does(
    contract: Contract, cases: list[tuple[str, Verdict]]
) -> None:
    assert_same([line for line, _ in cases], contract)


def test_drops_empty_values_as_the_judge_does() -> None:
    lines = [f'{{"id": 1, "{column}": {text}}}' for column, text, _ in JSON_VALUES]
    lines += [f'{{"id": 1, {inner}}}' for inner in EMPTY_VALUES]
    assert_same(lines, json_contract(drop_empty=True))

    lines = [json.dumps({"id": "1", column: text}) for column, text, _ in TEXT_VALUES]
    lines += [json.dumps({"id": "1", "text": text, "number": text}) for text in (" ", "\u3000")]
    assert_same(lines, replace(text_contract(), drop_empty=True))


def test_is_sure_of_every_good_order() -> None:
    lines = list(iter_orders(RUN_DATE, 0, 2_000))
    asked = [line for line, verdict in judged(lines, orders_contract()).items() if verdict is None]

    assert len(asked) == expected_counts(2_000).quarantined
    assert_same(lines, orders_contract())


@pytest.mark.parametrize("seed", range(3))
def test_thousands_of_broken_lines_mean_what_the_judge_says(seed: int) -> None:
    seeded = random.Random(seed)
    cases = [f'{{"id": 1, "{column}": {text}}}' for column, text, _ in JSON_VALUES]
    short = [line for line in cases if len(line) < 500]
    assert_same([mutate(seeded, seeded.choice(short)) for _ in range(4_000)], json_contract())

    orders = list(iter_orders(RUN_DATE, 0, 1_000))
    broken = [mutate(seeded, seeded.choice(orders)) for _ in range(3_000)]
    assert_same(orders + broken, orders_contract())

    texts = [json.dumps({"id": "1", column: text}) for column, text, _ in TEXT_VALUES]
    assert_same([mutate(seeded, seeded.choice(texts)) for _ in range(3_000)], text_contract())


def test_lines_in_which_engines_differ_are_left_to_the_judge() -> None:
    lines = {
        "a name twice": '{"id": 1, "id": 2}',
        "in another spelling": '{"id": 1, "\\u0069d": 2}',
        "inside": '{"id": 1, "inner": {"text": "a", "text": "b"}}',
        "in an array": '{"id": 1, "items": [{"sku": "a", "sku": "b"}]}',
        "once each, and once twice": '{"id": 1, "items": [{"sku": "a", "sku": "b"}, {"count": 1}]}',
        "a comma too many": '{"id": 1,}',
        "in another field": '{"id": 1, "other": [1 , ]}',
        "no number": '{"id": 1, "other": NaN}',
        "an infinite one": '{"id": 1, "other": [-Infinity]}',
        "more digits than a double has": '{"id": 1, "amount": 1.0000000000000000001}',
        "the same, large": '{"id": 1, "wide": 12345678901234567.25}',
        "smaller than any double": '{"id": 1, "amount": 1e-400}',
        "what wraps bytes": '{"_invalid_utf8_base64": "AA==", "id": 1}',
        "text around": '{"id": 1, "inner": "text"}',
        "an array around": '{"id": 1, "inner": [{"text": "a"}]}',
    }
    found = judged(list(lines.values()), json_contract())

    assert [name for name, line in lines.items() if found[line] is not None] == []


def test_deep_and_long_lines_mean_what_the_judge_says() -> None:
    deep = [f'{{"id": 1, "other": {"[" * n}{"]" * n}}}' for n in (10, 990, 998, 999, 1000, 5000)]
    long = ["x" * 10_000_000, "5" * 10_000_000, '\\"text\\":' * 1_000_000]
    lines = deep + [f'{{"id": 1, "{key}": "{each}"}}' for each in long for key in ("text", "o")]
    lines.append(f'{{"id": 1, "amount": {"9" * 10_000_000}}}')
    assert_same(lines, json_contract())


@pytest.mark.parametrize(
    "contract",
    [
        json_contract(normalise_names=True),
        json_contract(unknown_fields="stop"),
        make_contract(make_column("id", Type(kind="integer"), path=("a'b\"c",))),
        make_contract(make_column("id", Type(kind="integer"), path=("größe",))),
    ],
)
def test_contracts_that_no_query_is_sure_of_are_left_to_the_judge(contract: Contract) -> None:
    with pytest.raises(NotForSql):
        judge_lines(contract, RUN_DATE)


def test_names_in_any_plain_spelling_are_read() -> None:
    contract = make_contract(
        make_column("id", Type(kind="integer"), path=("The Id",)),
        make_column("value", Type(kind="string"), path=("a.b", "c:d")),
        make_column("other", Type(kind="integer"), path=("ID",)),
        make_column("first", Type(kind="integer"), path=("list", "0")),
        make_column("any", Type(kind="integer"), path=("$", "@")),
    )
    lines = [
        '{"The Id": 1, "a.b": {"c:d": "x"}, "a": {"b": {"c:d": "y"}}, "id": 3, "ID": 4}',
        '{"The Id": 2, "list": {"0": 5}, "$": {"@": 6}}',
        '{"The Id": 3, "list": [7]}',
    ]
    assert_same(lines, contract)
    assert judged(lines, contract)[lines[2]] is None


SPELLINGS = (
    '""  "é"  "x\\u0041"  "12345678901234567890123456789012"  "123456789012345678901234567890123"'
    "  null  true  0  -0  -0.0  1.50  1.55  1.555  12345678.99  123456789.9  99999999.995  1e2"
    '  1e-2  0.001  2147483647  2147483648  1000000000  "7"  "-1.50"  []  {}  100.0  2.675  1.005'
).split("  ")


def _spelled_items(seeded: random.Random) -> str:
    """An order's items, now and then in an unusual spelling, order or number of fields."""
    items = []
    for _ in range(seeded.randrange(4)):
        fields = [("sku", '"SKU-1"'), ("quantity", "2"), ("unit_price", "40.46")]
        if seeded.random() < 0.4:
            place = seeded.randrange(3)
            fields[place] = (fields[place][0], seeded.choice(SPELLINGS))
        if seeded.random() < 0.1:
            fields.append((seeded.choice(["sku", "quantity", "other"]), seeded.choice(SPELLINGS)))
        if seeded.random() < 0.1:
            fields.pop(seeded.randrange(len(fields)))
        if seeded.random() < 0.2:
            seeded.shuffle(fields)
        comma = seeded.choice([",", ",", ", "])
        items.append("{" + comma.join(f'"{name}":{text}' for name, text in fields) + "}")
    return f"[{','.join(items)}]"


def test_arrays_in_any_spelling_mean_what_the_judge_says() -> None:
    seeded = random.Random(7)
    orders = [each for each in iter_orders(RUN_DATE, 0, 500) if '"items":[' in each]
    spelled = [
        seeded.choice(orders).partition('"items":')[0] + f'"items":{_spelled_items(seeded)}}}'
        for _ in range(4_000)
    ]
    assert_same(spelled, orders_contract())
