"""What names, empty values, value maps, filters and partitions mean to the judge."""

from __future__ import annotations

from datetime import date

import pytest
from support.contracts import make_column, make_contract
from support.line_cases import RUN_DATE
from support.tidy_cases import (
    MAPPED_LINES,
    MAPPED_TEXT_LINES,
    TIDY_LINES,
    mapped_contract,
    tidy_contract,
)

from etl.judge import MAX_DEPTH, Accepted, Judge, Rejected, Verdict
from etl.model import LINEAGE_COLUMNS, Type
from etl.tidying import drop_empty, normalise_name


@pytest.mark.parametrize("line, verdict", TIDY_LINES)
def test_judge_tidies_names_and_empty_values(line: str, verdict: Verdict) -> None:
    assert Judge(tidy_contract(), RUN_DATE)(line) == verdict


@pytest.mark.parametrize("line, verdict", MAPPED_LINES)
def test_judge_maps_then_casts_then_filters_then_rules(line: str, verdict: Verdict) -> None:
    assert Judge(mapped_contract(), RUN_DATE)(line) == verdict


@pytest.mark.parametrize("line, verdict", MAPPED_TEXT_LINES)
def test_judge_maps_text_records(line: str, verdict: Verdict) -> None:
    assert Judge(mapped_contract(encoding="text"), RUN_DATE)(line) == verdict


def test_judge_without_the_options_takes_records_as_they_are() -> None:
    judge = Judge(tidy_contract(normalise_names=False, drop_empty=False), RUN_DATE)
    assert judge('{"ID": 1}') == Rejected(["id: required, but missing or null"])
    found = judge('{"id": 1, "user_name": "", "tags": [], "User Name": "b"}')
    assert isinstance(found, Accepted)
    assert (found.row["user_name"], found.row["tags"]) == ("", [])


def test_judge_leaves_lineage_to_the_run() -> None:
    contract = make_contract(
        make_column("id", Type(kind="integer")), *LINEAGE_COLUMNS.values(), primary_key=("id",)
    )
    assert Judge(contract, date(2026, 1, 1))('{"id": 1, "_run_id": "x"}') == Accepted({"id": 1})


@pytest.mark.parametrize(
    "name, normal",
    [
        *[(name, "user_name") for name in ("User Name", "userName", "USER-NAME", "user_name")],
        *[(name, "user_name") for name in ("UserName", " user.name ", "_User__Name_")],
        ("HTTPStatusCode", "http_status_code"),
        ("userID", "user_id"),
        ("address2Line", "address2_line"),
        ("Größe (cm)", "größe_cm"),
        ("###", "###"),
        ("", ""),
    ],
)
def test_normalise_name_gives_snake_case(name: str, normal: str) -> None:
    assert normalise_name(name) == normal
    assert normalise_name(normal) == normal


def test_drop_empty_keeps_zero_and_false() -> None:
    record = {"a": 0, "b": False, "c": [0, [], {"d": None}], "e": {"f": [""]}, "g": " x "}
    assert drop_empty(record) == {"a": 0, "b": False, "c": [0], "g": " x "}


@pytest.mark.parametrize("opening, closing", ["[]", ('{"A":', "}")])
def test_judge_tidies_as_deep_as_records_may_be(opening: str, closing: str) -> None:
    inner = MAX_DEPTH - 1  # the record itself is one level
    line = f'{{"Id": 1, "Other": {opening * inner}1{closing * inner}}}'
    assert Judge(tidy_contract(), RUN_DATE)(line) == Accepted(
        dict.fromkeys(("id", "user_name", "home_city", "items", "tags")) | {"id": 1}
    )
