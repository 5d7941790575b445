"""Spark and the judge agree on every line, whichever of the two decides it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from support.broken_lines import mutate
from support.contracts import make_column, make_contract, orders_contract
from support.line_cases import (
    ACCEPTED_LINES,
    COLUMNS,
    ITEM,
    JSON_VALUES,
    REFUSED_LINES,
    RUN_DATE,
    TEXT_VALUES,
    Refused,
    json_contract,
    text_contract,
)
from support.spark_session import local_spark
from support.tidy_cases import (
    EMPTY_VALUES,
    MAPPED_LINES,
    MAPPED_TEXT_LINES,
    TIDY_LINES,
    mapped_contract,
    tidy_contract,
)

from etl.judge import Accepted, Filtered, Judge, Rejected, Verdict
from etl.model import Contract, Type
from etl.spark import rows as spark_rows
from etl.spark.session import SESSION
from local_cloud.source_orders import iter_orders

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KEY = "0123456789abcdef"
Judged = list[tuple[str, Verdict]]


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    with local_spark() as session:
        for key, value in SESSION.items():
            session.conf.set(key, value)
        yield session


@pytest.fixture
def judge_in_spark(spark: SparkSession, tmp_path: Path) -> Callable[..., Judged]:
    """What Spark makes of lines, by way of Parquet, as the judge would say it."""

    def judged(lines: list[str], contract: Contract, run_date: date = RUN_DATE) -> Judged:
        from pyspark.sql import Observation

        raw, out = tmp_path / "raw.jsonl", f"file://{tmp_path}/out"
        raw.write_bytes("".join(line + "\n" for line in lines).encode())
        text = spark.read.schema("`$line` STRING").option("lineSep", "\n").text(f"file://{raw}")
        counted = Observation()
        rows = spark_rows.judged_rows(text, contract, run_date, key=KEY, counted=counted)
        rows.coalesce(1).write.mode("overwrite").parquet(out)
        assert counted.get["rows"] == len(lines)
        found = []
        for path in sorted((tmp_path / "out").glob("*.parquet")):
            for row in pq.ParquetFile(path).read().to_pylist():
                found.append((row["$line"], _verdict(row, contract)))
        return found

    return judged


def _verdict(row: dict[str, Any], contract: Contract) -> Verdict:
    if row["$reasons"]:
        return Rejected(row["$reasons"])
    if row["$filtered"]:
        return Filtered()
    return Accepted({column.name: row[column.name] for column in contract.data_columns})


@pytest.fixture
def silent_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that refuses whatever it is asked, which shows what is not asked."""
    monkeypatch.setattr(
        spark_rows, "Judge", lambda contract, run_date: lambda line: Rejected(["asked"])
    )


def _assert_same(found: Judged, lines: list[str], contract: Contract, run_date: date) -> None:
    judge = Judge(contract, run_date)
    assert [line for line, _ in found] == lines
    for line, verdict in found:
        expected = judge(line)
        assert verdict == expected, line[:300]
        assert _texts(verdict) == _texts(expected), line[:300]


def _texts(verdict: Verdict) -> list[str]:
    """Values as text: 1.5 is not 1.50, and -0.0 is not 0.0."""
    if isinstance(verdict, Filtered):
        return []
    values = verdict.row.values() if isinstance(verdict, Accepted) else verdict.reasons
    arrows_utc, ours = "zoneinfo.ZoneInfo(key='UTC')", "datetime.timezone.utc"
    return [str(value).replace(arrows_utc, ours) for value in values]


@pytest.mark.parametrize("mode", ["judge", "fast"])
def test_spark_every_case_means_what_the_judge_says(
    judge_in_spark: Callable[..., Judged], mode: str, request: pytest.FixtureRequest
) -> None:
    values = [f'{{"id": 1, "{column}": {text}}}' for column, text, _ in JSON_VALUES]
    compact = [line.replace(": ", ":").replace(", ", ",") for line in values]
    whole = [line for line, _ in REFUSED_LINES] + [line for line, _ in ACCEPTED_LINES]
    _compare(judge_in_spark, values + compact + whole, json_contract(), mode, request)


@pytest.mark.parametrize("mode", ["judge", "fast"])
def test_spark_every_text_case_means_what_the_judge_says(
    judge_in_spark: Callable[..., Judged], mode: str, request: pytest.FixtureRequest
) -> None:
    lines = [json.dumps({"id": "1", column: text}) for column, text, _ in TEXT_VALUES]
    lines += ['{"id": "1", "text": 5}', '{"id": 1}', '{"id":"1","text":null}', "{}", "x"]
    lines += ['{"id": "1", "text": "a\\":5"}', '{"id": "1", "flag": true}', '{"id": "1"}}']
    _compare(judge_in_spark, lines, text_contract(), mode, request)


@pytest.mark.parametrize("mode", ["judge", "fast"])
@pytest.mark.parametrize(
    "contract, cases",
    [
        (mapped_contract(), MAPPED_LINES),
        (mapped_contract(encoding="text"), MAPPED_TEXT_LINES),
    ],
    ids=["json", "text"],
)
def test_spark_maps_and_filters_as_the_judge_does(
    judge_in_spark: Callable[..., Judged],
    contract: Contract,
    cases: list[tuple[str, Verdict]],
    mode: str,
    request: pytest.FixtureRequest,
) -> None:
    _compare(judge_in_spark, [line for line, _ in cases], contract, mode, request)


def test_spark_tidies_as_the_judge_does(judge_in_spark: Callable[..., Judged]) -> None:
    lines = [line for line, _ in TIDY_LINES]
    _assert_same(judge_in_spark(lines, tidy_contract()), lines, tidy_contract(), RUN_DATE)


@pytest.mark.parametrize("mode", ["judge", "fast"])
def test_spark_drops_empty_values_as_the_judge_does(
    judge_in_spark: Callable[..., Judged], mode: str, request: pytest.FixtureRequest
) -> None:
    lines = [f'{{"id": 1, "{column}": {text}}}' for column, text, _ in JSON_VALUES]
    lines += [f'{{"id": 1, {inner}}}' for inner in EMPTY_VALUES]
    _compare(judge_in_spark, lines, json_contract(drop_empty=True), mode, request)
    lines = [json.dumps({"id": "1", column: text}) for column, text, _ in TEXT_VALUES]
    lines += [json.dumps({"id": "1", "text": text, "number": text}) for text in (" ", "\u3000")]
    contract = replace(text_contract(), drop_empty=True)
    _compare(judge_in_spark, lines, contract, mode, request)


def test_spark_maps_and_filters_without_python(
    judge_in_spark: Callable[..., Judged], silent_judge: None
) -> None:
    lines = ['{"id":1,"level":"warning","size":1}', '{"id":2,"level":"ODD","size":-1}']
    (_, first), (_, second) = judge_in_spark(lines, mapped_contract())
    assert isinstance(first, Accepted) and first.row["level"] == "WARN"
    assert second == Filtered()


def _compare(
    judge_in_spark: Callable[..., Judged],
    lines: list[str],
    contract: Contract,
    mode: str,
    request: pytest.FixtureRequest,
) -> None:
    """In mode "fast" only what Spark takes by itself is compared, and it must take something."""
    if mode == "judge":
        _assert_same(judge_in_spark(lines, contract), lines, contract, RUN_DATE)
        return
    request.getfixturevalue("silent_judge")
    found = judge_in_spark(lines, contract)
    taken = [each for each in found if not isinstance(each[1], Rejected)]
    assert len(taken) > len(lines) / 10
    _assert_same(taken, [line for line, _ in taken], contract, RUN_DATE)


def test_spark_thousands_of_broken_lines_mean_what_the_judge_says(
    judge_in_spark: Callable[..., Judged],
) -> None:
    seeded = random.Random(20260101)
    cases = [f'{{"id": 1, "{column}": {text}}}' for column, text, _ in JSON_VALUES]
    short = [line for line in cases if len(line) < 500]
    lines = [mutate(seeded, seeded.choice(short)) for _ in range(4000)]
    _assert_same(judge_in_spark(lines, json_contract()), lines, json_contract(), RUN_DATE)


def test_spark_broken_orders_mean_what_the_judge_says(
    judge_in_spark: Callable[..., Judged],
) -> None:
    seeded = random.Random(20260102)
    orders = list(iter_orders(RUN_DATE, 0, 1000))
    lines = orders + [mutate(seeded, seeded.choice(orders)) for _ in range(3000)]
    _assert_same(judge_in_spark(lines, orders_contract()), lines, orders_contract(), RUN_DATE)


def test_spark_broken_text_means_what_the_judge_says(judge_in_spark: Callable[..., Judged]) -> None:
    seeded = random.Random(20260103)
    short = [json.dumps({"id": "1", column: text}) for column, text, _ in TEXT_VALUES]
    lines = [mutate(seeded, seeded.choice(short)) for _ in range(3000)]
    _assert_same(judge_in_spark(lines, text_contract()), lines, text_contract(), RUN_DATE)


def test_spark_clean_orders_never_reach_python(
    judge_in_spark: Callable[..., Judged], silent_judge: None
) -> None:
    contract, judge = orders_contract(), Judge(orders_contract(), RUN_DATE)
    lines = list(iter_orders(RUN_DATE, 0, 2000))
    asked = [line for line, verdict in judge_in_spark(lines, contract) if _is_asked(verdict)]
    clean = [line for line in asked if isinstance(judge(line), Accepted)]
    assert len(clean) < len(lines) / 100, clean[:5]


def _is_asked(verdict: Verdict) -> bool:
    return verdict == Rejected(["asked"])


def test_spark_missing_value_of_any_required_column_is_refused(
    judge_in_spark: Callable[..., Judged],
) -> None:
    item = replace(ITEM, fields=tuple(replace(field, required=True) for field in ITEM.fields))
    columns = tuple(replace(column, required=True) for column in COLUMNS)
    items = Type(kind="array", element=item)
    contract = make_contract(
        *(replace(each, type=items) if each.name == "items" else each for each in columns)
    )
    whole = {name: text for name, text, found in JSON_VALUES if not isinstance(found, Refused)}
    whole |= {"id": "1", "inner": '{"text": "a", "number": 1}', "items": _ITEM_TEXT}
    lines = [_without(whole, name, value) for name in whole for value in (None, "null")]
    fields = json.loads(_ITEM_TEXT)[0]
    for name in fields:
        rest = {key: value for key, value in fields.items() if key != name}
        lines += [
            _line(whole | {"items": json.dumps([each])}) for each in (rest, rest | {name: None})
        ]
    found = judge_in_spark([_line(whole), *lines], contract)
    _assert_same(found, [_line(whole), *lines], contract, RUN_DATE)
    assert [isinstance(verdict, Accepted) for _, verdict in found] == [True] + [False] * len(lines)


_ITEM_TEXT = (
    '[{"sku": "a", "count": 2, "price": 3.5, "at": "2026-01-01T00:00:00Z", "day": "2026-01-01",'
    ' "weight": 0.5}]'
)


def _without(whole: dict[str, str], name: str, value: str | None) -> str:
    rest = {key: text for key, text in whole.items() if key != name}
    return _line(rest if value is None else rest | {name: value})


def _line(fields: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{key}": {text}' for key, text in fields.items()) + "}"


def test_spark_number_in_a_text_column_is_told_from_text_without_python(
    judge_in_spark: Callable[..., Judged], silent_judge: None
) -> None:
    lines = ['{"id":1,"text":"12345"}', '{"id":2,"text":12345}', '{"id":3,"text":"\\u0041"}']
    found = judge_in_spark(lines, json_contract())
    assert [_is_asked(verdict) for _, verdict in found] == [False, True, True]


def test_spark_two_columns_of_one_place_are_left_to_the_judge(
    judge_in_spark: Callable[..., Judged],
) -> None:
    contract = make_contract(
        make_column("id", Type(kind="integer")),
        make_column("as_text", Type(kind="string"), path=("value",)),
        make_column("as_number", Type(kind="integer"), path=("value",)),
    )
    lines = ['{"id": 1}', '{"id": 2, "value": 5}', '{"id": 3, "value": "5"}']
    _assert_same(judge_in_spark(lines, contract), lines, contract, RUN_DATE)


def test_spark_names_in_any_spelling_are_read(judge_in_spark: Callable[..., Judged]) -> None:
    integer, text = Type(kind="integer"), Type(kind="string")
    amount = Type(kind="decimal", precision=5, scale=2)
    contract = make_contract(
        make_column("id", integer, path=("The Id",)),
        make_column("value", text, path=("a.b", "c`d")),
        make_column("rows", amount, path=("größe",)),
        make_column("path", text, path=('q"uote',)),
    )
    lines = [
        '{"The Id": 1, "a.b": {"c`d": "x"}, "größe": 1.5, "q\\"uote": "5"}',
        '{"The Id": 2, "a.b": {"c`d": 5}}',
        '{"The Id": 3, "gr\\u00f6\\u00dfe": 1.005, "q\\"uote": 5}',
        '{"The Id": 4, "größe": "1.5"}',
    ]
    _assert_same(judge_in_spark(lines, contract), lines, contract, RUN_DATE)


def test_spark_names_that_differ_in_case_are_two(judge_in_spark: Callable[..., Judged]) -> None:
    columns = [
        make_column("id", Type(kind="integer")),
        make_column("other", Type(kind="integer"), path=("ID",)),
    ]
    lines = ['{"id": 1, "ID": 2}', '{"ID": 2}', '{"id": 1}']
    contract = make_contract(*columns)
    _assert_same(judge_in_spark(lines, contract), lines, contract, RUN_DATE)


def test_spark_deep_and_long_lines_mean_what_the_judge_says(
    judge_in_spark: Callable[..., Judged],
) -> None:
    deep = [f'{{"id": 1, "other": {"[" * n}{"]" * n}}}' for n in (10, 990, 998, 999, 1000, 5000)]
    long = ["x" * 10_000_000, "5" * 10_000_000, '\\"text\\":' * 1_000_000]
    lines = deep + [f'{{"id": 1, "{key}": "{each}"}}' for each in long for key in ("text", "o")]
    lines.append(f'{{"id": 1, "amount": {"9" * 10_000_000}}}')
    _assert_same(judge_in_spark(lines, json_contract()), lines, json_contract(), RUN_DATE)
