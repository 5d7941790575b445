"""Which of a run's calls are harmed, and what counts as lost and as twice."""

from __future__ import annotations

from collections import Counter

import pytest
from support.fault_points import Left, Point, choose_points, describe_difference
from support.faulty_flow import FAULTS, describe

CALLS = [
    "step load",
    *(f"s3 PutObject {number}" for number in range(20)),
    *["glue GetJobRun job"] * 7,
    "warehouse COMMIT",
    "step report",
]


def test_points_are_distinct_and_spread_over_the_calls_with_every_kind_of_fault() -> None:
    points = choose_points(CALLS, 16)
    assert len(set(points)) == len(points) == 16
    assert points[:2] == [Point(call, 1, "killed after") for call in ("step load", "step report")]
    others = points[2:]
    assert {point.fault for point in others} == set(FAULTS)
    assert len({point.call for point in others}) >= 13
    assert not any(point.call.startswith("step ") for point in others)


def test_new_call_of_a_run_gets_a_point_of_its_own() -> None:
    points = choose_points([*CALLS, "sqs SendMessage"], len(CALLS))
    assert "sqs SendMessage" in {point.call for point in points}


def test_what_is_always_harmed_comes_first_and_a_wait_is_harmed_in_its_midst() -> None:
    always = {"glue GetJobRun": ("killed after",), "warehouse COMMIT": ("refused", "killed after")}
    assert choose_points(CALLS, 8, always=always)[2:5] == [
        Point("glue GetJobRun job", 2, "killed after"),
        Point("warehouse COMMIT", 1, "refused"),
        Point("warehouse COMMIT", 1, "killed after"),
    ]
    with pytest.raises(AssertionError, match="no call is like lambda Invoke"):
        choose_points(CALLS, 8, always={"lambda Invoke": ("refused",)})


def test_calls_have_one_name_in_every_run() -> None:
    first = describe("s3 PutObject", "versions/orders/20260504T101112.123456Z-0123456789ab.json")
    second = describe("s3 PutObject", "versions/orders/20260504T222324.654321Z-ba9876543210.json")
    assert first == second == "s3 PutObject versions/orders/*-*.json"


def test_rows_that_are_missing_or_there_too_often_are_counted_by_kind() -> None:
    clean = Left({"table": Counter("aab"), "quarantine": Counter("c")})
    left = Left({"table": Counter("abbb"), "quarantine": Counter("cd")})
    assert (clean.lost(left), clean.twice(left)) == (1, 3)
    assert (clean.lost(clean), clean.twice(clean)) == (0, 0)
    told = ["- 1 in table, e.g. a", "+ 2 in table, e.g. b", "+ 2 in table, e.g. b"]
    assert describe_difference(clean, left).splitlines() == [*told, "+ 1 in quarantine, e.g. d"]
