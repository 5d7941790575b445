"""The datasets whose days are generated, as specifications."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from support.oracle_specification import Column, Row, Specification


def _total(row: Row, run_date: date) -> Any:
    if row["price"] is None:
        return None
    return row["price"] * 2 - (Decimal(0) if row["cut"] is None else row["cut"])


def _rounded(row: Row, run_date: date) -> Any:
    tenth = Decimal("0.1")
    return None if row["cut"] is None else row["cut"].quantize(tenth, rounding=ROUND_HALF_UP)


def _label(row: Row, run_date: date) -> Any:
    if row["code"] is None or row["note"] is None:
        return None
    return f"{row['code']}/{row['note'].strip(' ')}"


def _not_above(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else bool(left <= right)


_EVERY_TYPE = (
    Column(name="id", type="VARCHAR(12)", path=("id",)),
    Column(name="code", type="VARCHAR(8)", path=("code",), options={"pattern": "^[A-Z]+$"}),
    Column(name="note", type="VARCHAR(40)", path=("note",), options={"maxLength": 20}),
    Column(name="small", type="INTEGER", path=("small",), options={"minimum": -5}),
    Column(name="big", type="BIGINT", path=("big",)),
    Column(name="price", type="DECIMAL(7, 2)", path=("price",), required=True),
    Column(name="cut", type="DECIMAL(5, 3)", path=("cut",)),
    Column(name="wide", type="DECIMAL(38, 10)", path=("wide",)),
    Column(name="ratio", type="DOUBLE PRECISION", path=("ratio",)),
    Column(name="flag", type="BOOLEAN", path=("flag",)),
    Column(name="day", type="DATE", path=("day",)),
    Column(name="at", type="TIMESTAMPTZ", path=("at",)),
)
_NESTED = (
    Column(name="buyer_name", type="VARCHAR(10)", path=("buyer", "name")),
    Column(name="buyer_age", type="INTEGER", path=("buyer", "age")),
    Column(
        name="items",
        type="SUPER",
        path=("items",),
        items={
            "sku": ("VARCHAR(8)", True),
            "price": ("DECIMAL(6, 2)", False),
            "sold_on": ("DATE", False),
            "at": ("TIMESTAMPTZ", False),
            "weight": ("DOUBLE PRECISION", False),
        },
    ),
    Column(name="tags", type="SUPER", path=("tags",), items="VARCHAR(6)"),
    Column(name="counts", type="SUPER", path=("counts",), items="INTEGER"),
)
_DERIVED = (
    Column(name="total", type="DECIMAL(9, 3)", derive=("price * 2 - coalesce(cut, 0)", _total)),
    Column(name="rounded", type="DECIMAL(5, 1)", derive=("round(cut, 1)", _rounded)),
    Column(name="label", type="VARCHAR(16)", derive=("code || '/' || trim(note)", _label)),
    Column(
        name="at_day",
        type="DATE",
        derive=("date(at)", lambda row, day: row["at"] and row["at"].date()),
    ),
    Column(name="seen", type="DATE", derive=("run_date", lambda row, day: day)),
)
_RULES = {
    "not_after_run": ("day <= run_date", lambda row, day: _not_above(row["day"], day)),
    "small_below_big": ("small <= big", lambda row, day: _not_above(row["small"], row["big"])),
}

_TYPED = Specification(
    name="typed",
    format="jsonl",
    columns=(*_EVERY_TYPE, *_NESTED, *_DERIVED),
    key=("id",),
    load_mode="replace",
    latest_by="at",
    rules=_RULES,
)

_TIDY = Specification(
    name="tidy",
    format="json",
    columns=(
        Column(name="user_id", type="INTEGER", path=("user_id",)),
        Column(name="part", type="VARCHAR(4)", path=("part",)),
        Column(
            name="level",
            type="VARCHAR(6)",
            path=("level",),
            required=True,
            map_values={"warning": "WARN", "none": None, "e": "ERROR"},
            options={"enum": ["WARN", "ERROR", "INFO"]},
        ),
        Column(name="full_name", type="VARCHAR(12)", path=("user", "full_name")),
        Column(name="sent_at", type="TIMESTAMPTZ", path=("sent_at",)),
        Column(name="score", type="DECIMAL(4, 1)", path=("score",)),
        Column(name="is_new", type="BOOLEAN", path=("is_new",)),
        Column(
            name="parts",
            type="SUPER",
            path=("parts",),
            items={"part_no": ("INTEGER", True), "name": ("VARCHAR(6)", False)},
        ),
    ),
    key=("user_id", "part"),
    load_mode="replace",
    latest_by="score",
    normalise_names=True,
    drop_empty=True,
    keep=(
        "score > 0.5 or is_new",
        lambda row, day: _either(
            None if row["score"] is None else row["score"] > Decimal("0.5"), row["is_new"]
        ),
    ),
    lineage=True,
    keeps_unknown=True,
)

_SHEET = Specification(
    name="sheet",
    format="csv",
    columns=(
        *_EVERY_TYPE[:10],
        Column(name="day", type="DATE", path=("day",), format="M/d/yyyy"),
        Column(name="at", type="TIMESTAMPTZ", path=("at",), format="dd.MM.yyyy HH:mm"),
        Column(name="count", type="INTEGER", path=("count",), map_values={"NA": None, "-": None}),
        *_DERIVED,
    ),
    key=("id",),
    load_mode="replace",
    latest_by="at",
    header=(
        *("at", "day", "extra", "count", "flag", "ratio", "wide", "cut"),
        *("price", "big", "small", "note", "code", "id"),
    ),
    keep=("not flag", lambda row, day: None if row["flag"] is None else not row["flag"]),
    rules=_RULES,
    source_options={"delimiter": ";", "quotechar": "'"},
)

_PLAIN = Specification(
    name="plain",
    format="jsonl",
    columns=(
        Column(name="shop", type="INTEGER", path=("shop",)),
        Column(name="number", type="BIGINT", path=("number",)),
        *_EVERY_TYPE[1:3],
        *_EVERY_TYPE[5:],
        Column(name="days", type="SUPER", path=("days",), items="DATE"),
        Column(name="ratios", type="SUPER", path=("ratios",), items="DOUBLE PRECISION"),
    ),
    key=("shop", "number"),
    load_mode="replace",
    raw_options={"compression": "none"},
)

_TIDY_SHEET = Specification(
    name="tidy_sheet",
    format="csv",
    columns=(
        Column(name="user_id", type="INTEGER", path=("user_id",)),
        Column(name="full_name", type="VARCHAR(12)", path=("full_name",), required=True),
        Column(name="sent_on", type="DATE", path=("sent_on",)),
        Column(name="sent_at", type="TIMESTAMPTZ", path=("sent_at",)),
        Column(name="score", type="DOUBLE PRECISION", path=("score",)),
    ),
    key=("user_id",),
    load_mode="replace",
    latest_by="sent_on",
    header=("User Id", "fullName", "SENT-ON", "Sent.At", "score"),
    normalise_names=True,
    drop_empty=True,
)


def _either(left: bool | None, right: bool | None) -> bool | None:
    if left or right:
        return True
    return None if left is None or right is None else False


SPECIFICATIONS = {
    f"{each.name}_{mode}": replace(each, name=f"{each.name}_{mode}", load_mode=mode)
    for each in (_TYPED, _TIDY, _SHEET, _PLAIN, _TIDY_SHEET)
    for mode in ("replace", "merge")
}
