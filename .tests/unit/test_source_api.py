from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import pytest

from local_cloud.source_api import app
from local_cloud.source_faults import FAULTS
from local_cloud.source_orders import (
    BAD,
    DEFAULT_ROWS,
    Counts,
    bad_order,
    expected_counts,
    iter_orders,
)

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

DAY = date(2026, 1, 1)


def get(path: str, **query: object) -> tuple[str, Any]:
    """The status and the JSON of the app's answer."""
    environ: WSGIEnvironment = {
        "PATH_INFO": path,
        "QUERY_STRING": "&".join(f"{name}={value}" for name, value in query.items()),
    }
    setup_testing_defaults(environ)
    started: list[Any] = []
    body = b"".join(app(environ, lambda *args: started.extend(args)))  # type: ignore[arg-type]
    headers = dict(started[1])
    assert headers["Content-Length"] == str(len(body))
    return started[0], json.loads(body)


def whole_day(path: str, day: date = DAY, page_size: int = 700) -> list[Any]:
    records: list[Any] = []
    cursor: str | None = "0"
    while cursor is not None:
        status, page = get(path, date=day, page_size=page_size, cursor=cursor)
        assert status == "200 OK" and len(page["data"]) <= page_size
        records += page["data"]
        cursor = page["next_cursor"]
    return records


def count_by_looking(records: list[Any]) -> Counts:
    """The day's counts, from nothing but the records themselves."""
    good = [each for each in records if not looks_bad(each)]
    loaded = len({each["order_id"] for each in good})
    return Counts(
        extracted=len(records),
        quarantined=len(records) - len(good),
        deduplicated=len(good) - loaded,
        loaded=loaded,
    )


def looks_bad(order: Any) -> bool:
    """An independent, rough reading of the orders contract."""
    try:
        subtotal, discount = float(order["subtotal"]), float(order.get("discount") or 0)
        ordered = date.fromisoformat(order["order_date"])
        delivered = date.fromisoformat(order["delivery_date"] or "9999-12-31")
        stamps = [datetime.fromisoformat(order[name]) for name in ("ordered_at", "updated_at")]
        order["note"] and order["note"].encode()
        return not (
            isinstance(order["order_id"], str)
            and type(order["customer"]["id"]) is int
            and order["customer"]["id"] < 2**63
            and len(order["customer"]["name"].encode()) <= 200
            and "\0" not in order["customer"]["name"]
            and len(order["customer"]["country"]) == 2
            and order["status"] in ("placed", "paid", "shipped", "delivered", "cancelled")
            and isinstance(order["currency"], str)
            and 0 <= discount <= subtotal < 10**10
            and "e" not in str(order["subtotal"])
            and round(subtotal, 2) == subtotal
            and isinstance(order["shipping"], str)
            and isinstance(order["is_gift"], bool)
            and ordered <= DAY
            and ordered <= delivered
            and all(stamp.tzinfo for stamp in stamps)
            and len(order["updated_at"]) <= len("2026-01-01T00:00:00.123456+00:00")
            and not (order["updated_at"].endswith("1234567Z"))
            and isinstance(order["items"], list)
            and all(isinstance(item["quantity"], int) for item in order["items"])
        )
    except (KeyError, TypeError, ValueError):
        return True


def test_shop_day_has_the_expected_counts() -> None:
    records = whole_day("/shop/orders")
    assert len(records) == DEFAULT_ROWS
    assert count_by_looking(records) == expected_counts(DEFAULT_ROWS)
    assert expected_counts(DEFAULT_ROWS).quarantined == len(BAD)


@pytest.mark.parametrize("rows", [0, 1, 42, 89, 100, 5000])
def test_shop_day_of_any_size_has_the_expected_counts(rows: int) -> None:
    records = whole_day(f"/shop/rows/{rows}/orders")
    assert len(records) == rows
    assert count_by_looking(records) == expected_counts(rows)


def test_shop_day_has_every_kind_of_bad_order_once() -> None:
    lines = list(iter_orders(DAY, 0, DEFAULT_ROWS))
    bad = [line for line in lines if looks_bad(json.loads(line))]
    assert len(bad) == len(BAD)
    for (field, text), line in zip(BAD.values(), bad):
        assert line == text if field is None else f'"{field}":{text}' in line


@pytest.mark.parametrize("kind", range(len(BAD)), ids=list(BAD))
def test_shop_bad_order_is_bad_on_any_date(kind: int) -> None:
    for day in (DAY, date(2024, 2, 29), date(1999, 12, 31)):
        assert looks_bad(json.loads(bad_order(day, 5, kind)))


def test_shop_duplicates_differ_in_every_way() -> None:
    seen: dict[str, Any] = {}
    ways: Counter[str] = Counter()
    for order in whole_day("/shop/orders"):
        if looks_bad(order):
            continue
        first = seen.setdefault(order["order_id"], order)
        if first is not order:
            before, after = (datetime.fromisoformat(o["updated_at"]) for o in (first, order))
            same = "identical" if first == order else "same time"
            ways["newer" if after > before else "older" if after < before else same] += 1
    assert ways == {"newer": 5, "older": 5, "same time": 5, "identical": 5}


def test_shop_newest_duplicate_is_not_the_greatest_text() -> None:
    orders = [each for each in whole_day("/shop/orders") if not looks_bad(each)]
    by_text: dict[str, Any] = {}
    by_time: dict[str, Any] = {}
    for order in orders:
        key, when = order["order_id"], datetime.fromisoformat(order["updated_at"])
        by_text[key] = max(by_text.get(key, ""), order["updated_at"])
        by_time[key] = max(by_time.get(key, (when, "")), (when, order["updated_at"]))
    assert any(by_text[key] != by_time[key][1] for key in by_text)


def test_shop_day_has_late_orders() -> None:
    orders = [each for each in whole_day("/shop/orders") if not looks_bad(each)]
    late = [each for each in orders if each["order_date"] < str(DAY)]
    assert len(late) == DEFAULT_ROWS // 50
    assert {str(DAY - timedelta(days=n)) for n in (1, 2, 3)} == {o["order_date"] for o in late}


def test_shop_day_has_what_is_hard_to_carry() -> None:
    orders = [each for each in whole_day("/shop/orders") if not looks_bad(each)]
    assert {type(each["subtotal"]) for each in orders} == {float, str}
    assert {each.get("discount", "missing") for each in orders} >= {None, "missing"}
    assert {each["note"] for each in orders} >= {None, "", "NULL", "שלום"}
    assert {each["ordered_at"][26:] for each in orders} >= {"Z", "-05:00", "+05:30"}
    assert {len(each["items"]) for each in orders} == {1, 2, 3}
    assert "Zoë Ångström" in {each["customer"]["name"] for each in orders}


def test_shop_pages_of_any_size_are_the_same_day() -> None:
    expected = [json.loads(line) for line in iter_orders(DAY, 0, DEFAULT_ROWS)]
    assert whole_day("/shop/orders", page_size=333) == expected
    assert whole_day("/_source/shop/orders", page_size=2000) == expected


def test_shop_orders_do_not_change() -> None:
    first = next(iter_orders(DAY, 0, 1))
    assert first == next(iter_orders(date(2026, 1, 1), 0, 5))
    assert first.startswith('{"order_id":"ORD-20260101-000001","customer":{"id":1602,')


def test_shop_dates_share_no_key() -> None:
    days = [DAY + timedelta(days=n) for n in range(5)]
    keys = [
        {o["order_id"] for o in whole_day("/shop/orders", day) if isinstance(o, dict)}
        for day in days
    ]
    keys = [each - {None, 42} for each in keys]
    assert sum(map(len, keys)) == len(set().union(*keys))


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2999-02-28"])
def test_shop_absurd_date_is_answered(day: str) -> None:
    assert len(whole_day("/shop/rows/300/orders", date.fromisoformat(day))) == 300


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"date": "yesterday"},
        {"date": "20260101"},
        {"date": DAY, "page_size": 0},
        {"date": DAY, "page_size": 10_001},
        {"date": DAY, "cursor": "x"},
    ],
)
def test_shop_wrong_query_is_refused(query: dict[str, object]) -> None:
    status, answer = get("/shop/orders", **query)
    assert status == "400 Bad Request" and "must be" in answer["error"]


@pytest.mark.parametrize("path", ["/", "/shop", "/shop/rows/-1/orders", "/faults/none/orders"])
def test_shop_unknown_path_is_refused(path: str) -> None:
    assert get(path, date=DAY)[0] == "404 Not Found"


def test_shop_page_beyond_the_end_is_empty() -> None:
    assert get("/shop/orders", date=DAY, cursor=99_999)[1] == {"data": [], "next_cursor": None}


def test_shop_million_rows_cost_no_memory() -> None:
    tracemalloc.start()
    try:
        for _ in iter_orders(DAY, 990_000, 1_000_000):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1024**2


@pytest.mark.parametrize("kind", sorted(set(FAULTS) - {"cut-off", "huge-page", "html", "slow"}))
def test_fault_answers_something(kind: str) -> None:
    environ: WSGIEnvironment = {
        "PATH_INFO": f"/_source/faults/{kind}/orders",
        "QUERY_STRING": f"date={DAY}",
    }
    setup_testing_defaults(environ)
    statuses: list[str] = []
    body = app(environ, lambda status, headers: statuses.append(status))  # type: ignore
    assert statuses and b"".join(body)
