"""Tables of SQLite as a source: values, pages, windows, and errors that name the thing."""

from __future__ import annotations

import base64
import dataclasses
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pytest
from moto import mock_aws
from support.contracts import make_column
from support.source_contexts import source_context
from support.sql_shops import COLUMNS, LONG_AGO, TABLE, Shop, make_state, records

from etl.errors import ContractError, SecretError, SourceError
from etl.judge import Accepted, Rejected, judge_line
from etl.model import Type
from etl.sources.records import Lines
from etl.sources.sql import open_reader, open_sql
from etl.state import read_progress

DAYS = {day: date(2026, 1, day) for day in range(1, 10)}


@pytest.fixture(scope="module")
def state() -> Iterator[Any]:
    with mock_aws():
        yield make_state()


@pytest.fixture
def shop(tmp_path: Path, state: Any) -> Shop:
    for each in state.list_objects_v2(Bucket="test-artifacts").get("Contents", []):
        state.delete_object(Bucket="test-artifacts", Key=each["Key"])
    made = Shop(tmp_path, state)
    made.run(TABLE)
    return made


def ids(found: list[dict[str, Any]]) -> list[Any]:
    return [each["id"] for each in found]


# Values


VALUES = (
    make_column("id", Type(kind="integer"), required=True),
    make_column("credit", Type(kind="decimal", precision=12, scale=2)),
    make_column("score", Type(kind="double")),
    make_column("active", Type(kind="boolean")),
    make_column("born", Type(kind="date")),
    make_column("seen", Type(kind="timestamp")),
    make_column("name", Type(kind="string", max_bytes=99)),
    make_column("tags", Type(kind="array", element=Type(kind="string"))),
)


def value_table(shop: Shop, *row: Any) -> bytes:
    shop.run("CREATE TABLE things (id, credit, score, active, born, seen, name, tags)")
    shop.put((1, *row), table="things")
    contract = shop.contract(*VALUES, table="things", time_zone="Europe/Berlin")
    (block,) = open_sql(contract, shop.context(DAYS[5])).items
    assert isinstance(block, Lines)
    return block.data.removesuffix(b"\n")


def test_values_become_json_exactly(shop: Shop) -> None:
    line = value_table(
        shop,
        "1234567.10",
        0.1,
        1,
        "2026-01-31",
        "2026-07-01 09:15:27.000123",
        'Zoë "☕"\n',
        '["a"]',
    )
    assert line.decode() == (
        '{"id":1,"credit":"1234567.10","score":0.1,"active":true,"born":"2026-01-31",'
        '"seen":"2026-07-01T09:15:27.000123+02:00","name":"Zoë \\"☕\\"\\n","tags":["a"]}'
    )
    contract = shop.contract(*VALUES, table="things")
    assert isinstance(judge_line(line.decode(), contract, DAYS[5]), Accepted)


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("2026-01-05 10:00:00", "2026-01-05T10:00:00+01:00"),
        ("2026-01-05T10:00:00Z", "2026-01-05T10:00:00Z"),
        ("2026-01-05T10:00:00.5-0500", "2026-01-05T10:00:00.5-05:00"),
        ("2026-01-05 10:00:00+00", "2026-01-05T10:00:00+00:00"),
        ("2026-07-05 09:15", "2026-07-05T09:15:00+02:00"),
        ("2026-01-05T09:15Z", "2026-01-05T09:15:00Z"),
        ("2026-01-05 09:15-05", "2026-01-05T09:15:00-05:00"),
        ("2026-01-05", "2026-01-05T00:00:00+01:00"),
        ("2026-02-30", "2026-02-30"),
        ("2026-02-30 10:00:00", "2026-02-30 10:00:00"),
        ("yesterday", "yesterday"),
        (1767225600, 1767225600),
    ],
)
def test_timestamp_text_gets_its_zone_and_other_values_stay(
    shop: Shop, stored: object, written: object
) -> None:
    line = value_table(shop, 1, 1, 0, "2026-01-05", stored, None, None)
    found = json.loads(line)
    assert (found["born"], found["seen"]) == ("2026-01-05", written)


@pytest.mark.parametrize("time", ["", " 09:15", "T09:15", " 09:15:27", "T09:15:27.000123"])
@pytest.mark.parametrize("zone", ["", "Z", "+02:00"])
def test_timestamp_text_of_each_form_is_accepted(shop: Shop, time: str, zone: str) -> None:
    stored = f"2026-01-05{time}{zone if time else ''}"
    line = value_table(shop, 1, 1, 0, "2026-01-05", stored, None, None)
    verdict = judge_line(line.decode(), shop.contract(*VALUES, table="things"), DAYS[5])
    assert isinstance(verdict, Accepted)


def test_timestamp_text_in_a_format_of_the_contract_s_stays(shop: Shop) -> None:
    seen = make_column("seen", Type(kind="timestamp", format="yyyy-MM-dd"))
    shop.run("CREATE TABLE things (id, seen)")
    shop.put((1, "2026-01-05"), table="things")
    assert shop.read(VALUES[0], seen, table="things") == [{"id": 1, "seen": "2026-01-05"}]


@pytest.mark.parametrize(
    ("column", "row"),
    [
        ("active", (1, 1.5, 2, None, None, None, None)),
        ("score", (1, float("inf"), 1, None, None, None, None)),
        ("name", (1, 1.5, 1, None, None, 7, None)),
        ("tags", (1, 1.5, 1, None, None, "x", "not json")),
        ("tags", (1, 1.5, 1, None, None, "x", "[NaN]")),
        ("name", (1, 1.5, 1, None, None, b"\x00\xff", None)),
    ],
)
def test_value_of_another_type_is_judged_and_kept(
    shop: Shop, column: str, row: tuple[Any, ...]
) -> None:
    line = value_table(shop, *row).decode()
    verdict = judge_line(line, shop.contract(*VALUES, table="things"), DAYS[5])
    assert isinstance(verdict, Rejected)
    assert column in verdict.reasons[0]


def test_bytes_are_kept_beside_the_reason(shop: Shop) -> None:
    line = json.loads(value_table(shop, 1, 1.5, 1, None, None, b"\x00\xff", None))
    assert line["_malformed"] == "column name holds a bytes, which JSON does not have"
    assert base64.b64decode(line["name"]) == b"\x00\xff"
    assert line["id"] == 1


def test_text_that_is_not_utf8_is_kept_whole(shop: Shop) -> None:
    shop.run("INSERT INTO customers VALUES (1, CAST(x'636166e9' AS TEXT), NULL)")
    (found,) = shop.read()
    assert b"caf\xe9" in base64.b64decode(found["_invalid_utf8_base64"])


def test_only_the_contracts_columns_are_read(shop: Shop) -> None:
    shop.put((1, "a", None))
    assert shop.read(*COLUMNS[:2]) == [{"id": 1, "name": "a"}]


def test_names_are_normalised_if_the_contract_says_so(shop: Shop) -> None:
    shop.run('CREATE TABLE t (ID INTEGER PRIMARY KEY, "Name" TEXT)')
    shop.run("INSERT INTO t VALUES (1, 'a')")
    contract = dataclasses.replace(shop.contract(*COLUMNS[:2], table="t"), normalise_names=True)
    assert records(open_sql(contract, shop.context(DAYS[5])).items) == [{"id": 1, "name": "a"}]


# Pages


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 7, 100])
def test_pages_cover_ties_of_the_watermark_once(shop: Shop, batch_rows: int) -> None:
    times = ["2026-01-01 10:00:00", "2026-01-01 10:00:00.000001", "2026-01-02 00:00:00"]
    shop.put(*((i, "x", times[i % 3]) for i in range(20)))
    found = shop.read(watermark="updated_at", batch_rows=batch_rows)
    assert sorted(ids(found)) == list(range(20))
    assert [each["updated_at"] for each in found] == sorted(each["updated_at"] for each in found)


@pytest.mark.parametrize("batch_rows", [1, 2, 5, 100])
def test_pages_cover_composite_keys_of_mixed_order(shop: Shop, batch_rows: int) -> None:
    shop.run("CREATE TABLE lines (b TEXT, a INTEGER, PRIMARY KEY (b, a))")
    rows = [(b, a) for b in ("", "A", "a", "é", "中") for a in (-1, 0, 3)]
    shop.put(*rows, table="lines")
    columns = [
        make_column("b", Type(kind="string"), required=True),
        make_column("a", Type(kind="integer"), required=True),
    ]
    found = shop.read(*columns, key=("a", "b"), table="lines", batch_rows=batch_rows)
    assert [(each["a"], each["b"]) for each in found] == sorted((a, b) for b, a in rows)


def test_pages_of_a_view_do_not_part_rows_of_the_same_key(shop: Shop) -> None:
    shop.put(*((i, "x", None) for i in range(6)))
    shop.run("CREATE VIEW twice AS SELECT id / 2 AS id, name, updated_at FROM customers")
    found = shop.read(table="twice", batch_rows=3)
    assert ids(found) == [0, 0, 1, 1, 2, 2]
    with pytest.raises(SourceError, match="more than 1 rows have the same id"):
        shop.read(table="twice", batch_rows=1)


def test_rows_without_a_key_are_read(shop: Shop) -> None:
    shop.run("CREATE TABLE loose (id TEXT, name TEXT, updated_at TEXT)")
    shop.put(
        ("b", "x", None), (None, "y", None), ("a", "z", None), (None, "y", None), table="loose"
    )
    assert ids(shop.read(table="loose", batch_rows=1)) == ["a", "b", None, None]


def test_pages_are_of_one_snapshot(shop: Shop) -> None:
    shop.run("PRAGMA journal_mode = WAL")
    shop.put(*((i, "before", "2026-01-01 10:00:00") for i in range(4)))
    items = shop.open(DAYS[1], watermark="updated_at", batch_rows=2).items
    first = next(items)
    shop.run("UPDATE customers SET name = 'after', updated_at = '2026-01-01 11:00:00'")
    shop.run("DELETE FROM customers WHERE id = 3")
    found = records(iter([first, *items]))
    assert [(each["id"], each["name"]) for each in found] == [(i, "before") for i in range(4)]


# Windows


def test_run_dates_read_what_changed_since_the_one_before(shop: Shop) -> None:
    options: dict[str, Any] = {"watermark": "updated_at"}
    shop.put((1, "a", "2025-12-30 08:00:00"), (2, "b", "2026-01-01T23:59:59.999999Z"))
    shop.put((3, "c", "2026-01-02 00:00:00"))
    assert ids(shop.finish(DAYS[1], shop.open(DAYS[1], **options))) == [1, 2]
    assert read_progress(shop.s3, shop.context(DAYS[1]).state_prefix, DAYS[1]) == {
        "column": "updated_at",
        "watermark": "2026-01-02T00:00:00+00:00",
    }
    shop.put((1, "A", "2026-01-03 12:00:00"), (4, "d", "2026-01-04T00:30:00+01:00"))
    # January 2 was left out: the next date reads it too.
    assert ids(shop.finish(DAYS[3], shop.open(DAYS[3], **options))) == [3, 1, 4]
    assert ids(records(shop.open(DAYS[3], **options).items)) == [3, 1, 4]
    assert records(shop.open(DAYS[4], **options).items) == []


def test_run_before_the_end_of_its_date_goes_on_from_the_last_row(shop: Shop) -> None:
    options: dict[str, Any] = {"watermark": "updated_at"}
    shop.put((1, "a", "2026-01-01 10:00:00.5"), (2, "b", "2026-01-01T10:00:00Z"))
    opened = shop.open(DAYS[1], now=LONG_AGO, **options)
    assert len(shop.finish(DAYS[1], opened)) == 2
    assert opened.progress()["watermark"] == "2026-01-01T10:00:00.500000+00:00"
    shop.put((3, "c", "2026-01-01 22:00:00"))
    assert ids(records(shop.open(DAYS[2], **options).items)) == [1, 3]


def test_run_that_finds_nothing_keeps_what_was_reached(shop: Shop) -> None:
    options: dict[str, Any] = {"watermark": "updated_at", "now": LONG_AGO}
    assert shop.finish(DAYS[1], shop.open(DAYS[1], **options)) == []
    shop.put((1, "a", "2026-01-02 10:00:00"))
    reached = shop.open(DAYS[2], **options)
    shop.finish(DAYS[2], reached)
    shop.run("DELETE FROM customers")
    later = shop.open(DAYS[3], **options)
    assert (records(later.items), later.progress()) == ([], reached.progress())


def test_lookback_reads_late_rows(shop: Shop) -> None:
    options: dict[str, Any] = {"watermark": "updated_at", "lookback_minutes": 60}
    shop.put((1, "a", "2026-01-01 22:59:59"), (2, "b", "2026-01-01 23:00:00"))
    shop.finish(DAYS[1], shop.open(DAYS[1], **options))
    shop.put((3, "late", "2026-01-01 23:30:00"))
    assert ids(records(shop.open(DAYS[2], **options).items)) == [2, 3]


def test_backfill_reads_each_dates_own_rows(shop: Shop) -> None:
    options: dict[str, Any] = {
        "watermark": "updated_at",
        "lookback_minutes": 60,
        "backfill_from": DAYS[2],
    }
    shop.put(*((day, "x", f"2026-01-0{day} 12:00:00") for day in range(1, 6)))
    shop.put((9, "late", "2026-01-02 23:30:00"))
    assert ids(records(shop.open(DAYS[2], **options).items)) == [1, 2, 9]
    opened = shop.open(DAYS[3], **options)
    assert (ids(records(opened.items)), opened.progress()) == ([9, 3], {})


def test_rows_without_a_watermark_are_read_every_time(shop: Shop) -> None:
    options: dict[str, Any] = {"watermark": "updated_at", "batch_rows": 1}
    shop.put((1, "a", None), (2, "b", "soon"), (3, "c", "2026-01-01 10:00:00"))
    assert ids(shop.finish(DAYS[1], shop.open(DAYS[1], **options))) == [3, 1, 2]
    assert ids(records(shop.open(DAYS[2], **options).items)) == [1, 2]


def test_times_that_do_not_exist_are_read_about_their_day(shop: Shop) -> None:
    options: dict[str, Any] = {"watermark": "updated_at"}
    shop.put((1, "a", "2026-01-03 25:00:00"), (2, "b", "2025-02-30 10:00:00"))
    assert ids(shop.finish(DAYS[1], shop.open(DAYS[1], **options))) == [2, 1]
    assert ids(shop.finish(DAYS[3], shop.open(DAYS[3], **options))) == [1]
    assert ids(records(shop.open(DAYS[9], **options).items)) == [1]
    assert records(shop.open(DAYS[9], **options, backfill_from=DAYS[8]).items) == []


def test_naive_watermark_is_in_the_time_zone(shop: Shop) -> None:
    options: dict[str, Any] = {"watermark": "updated_at", "time_zone": "America/New_York"}
    shop.put((1, "a", "2026-01-01 18:59:59"), (2, "b", "2026-01-01 19:00:00"))
    assert ids(shop.finish(DAYS[1], shop.open(DAYS[1], **options))) == [1]
    assert ids(records(shop.open(DAYS[2], **options).items)) == [2]


def test_integer_watermark_has_no_end(shop: Shop) -> None:
    columns = (*COLUMNS[:2], make_column("version", Type(kind="integer")))
    shop.run("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, version INTEGER)")
    shop.put((1, "a", 10), (2, "b", 20), (3, "c", 20), table="t")
    contract = shop.contract(*columns, table="t", watermark="version")
    opened = open_sql(contract, shop.context(DAYS[1]))
    assert ids(shop.finish(DAYS[1], opened)) == [1, 2, 3]
    assert opened.progress() == {"watermark": 20, "column": "version"}
    shop.put((4, "d", 21), table="t")
    assert ids(records(open_sql(contract, shop.context(DAYS[2])).items)) == [2, 3, 4]
    with pytest.raises(ContractError, match="cannot be backfilled"):
        list(open_sql(contract, shop.context(DAYS[2], backfill_from=DAYS[1])).items)
    contract = shop.contract(*columns, table="t", watermark="version", lookback_minutes=5)
    with pytest.raises(ContractError, match="lookbackMinutes cannot be taken off it"):
        list(open_sql(contract, shop.context(DAYS[1])).items)


def test_state_of_another_watermark_is_refused(shop: Shop) -> None:
    shop.finish(DAYS[1], shop.open(DAYS[1], watermark="updated_at"))
    with pytest.raises(SourceError, match="read by watermark updated_at .* says id now"):
        list(shop.open(DAYS[2], watermark="id").items)


# Keys


def test_keys_are_of_the_snapshot_of_the_rows(shop: Shop) -> None:
    shop.run("PRAGMA journal_mode = WAL")
    shop.put(*((i, "x", "2026-01-01 10:00:00") for i in range(5)), (9, "x", "2026-02-01 00:00:00"))
    contract = shop.contract(watermark="updated_at", batch_rows=2)
    contract = dataclasses.replace(contract, detect_deletes=True)
    opened = open_sql(contract, shop.context(DAYS[1]))
    assert ids(records(opened.items)) == list(range(5))
    shop.run("DELETE FROM customers")
    assert opened.keys
    assert records(opened.keys()) == [{"id": i} for i in (0, 1, 2, 3, 4, 9)]
    assert open_sql(contract, shop.context(DAYS[1], backfill_from=DAYS[1])).keys is None


# Following


def test_reader_goes_on_from_a_position(shop: Shop) -> None:
    shop.put(*((i, "x", "2026-01-01 10:00:00") for i in range(5)))
    contract = shop.contract(watermark="updated_at", batch_rows=2)
    reader = open_reader(contract, shop.context(DAYS[1]))
    first, second, third = reader.batches(after=None)
    assert [each.lines.rows for each in (first, second, third)] == [2, 2, 1]
    assert second.position == {"watermark": "2026-01-01 10:00:00", "key": [3]}
    position = json.loads(json.dumps(second.position))
    assert [each.position for each in reader.batches(after=position)] == [third.position]
    assert list(reader.batches(after=third.position)) == []
    shop.put((0, "changed", "2026-01-01 10:00:01"))
    (found,) = reader.batches(after=third.position)
    assert json.loads(found.lines.data)["name"] == "changed"


def test_reader_refuses_rows_that_it_would_never_see(shop: Shop) -> None:
    shop.put((1, "a", None))
    reader = open_reader(shop.contract(watermark="updated_at"), shop.context(DAYS[1]))
    with pytest.raises(SourceError, match="followed by updated_at, id: there are rows without one"):
        list(reader.batches(after=None))


@pytest.mark.parametrize("later", ["2026-01-05 23:00:00", "2026-01-05T01:00:00.5Z"])
def test_reader_refuses_times_that_do_not_sort(shop: Shop, later: str) -> None:
    shop.put((1, "a", "2026-01-04T23:00:00Z"), (2, "b", "2026-01-05T01:00:00Z"))
    reader = open_reader(shop.contract(watermark="updated_at"), shop.context(DAYS[1]))
    (found,) = reader.batches(after=None)
    assert list(reader.batches(after=found.position)) == []
    shop.put((3, "c", later))
    with pytest.raises(SourceError, match="its texts do not sort as time does"):
        list(reader.batches(after=found.position))


def test_reader_refuses_a_position_of_another_order(shop: Shop) -> None:
    reader = open_reader(shop.contract(watermark="updated_at"), shop.context(DAYS[1]))
    with pytest.raises(SourceError, match="is none of table customers"):
        list(reader.batches(after={"key": [1]}))


# Errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": "customer"}, 'no table or view customer, did you mean "customers"'),
        ({"table": "main.nothing"}, "no table or view main.nothing"),
        ({"watermark": "updatedat"}, 'no watermark "updatedat", did you mean "updated_at"'),
        ({"time_zone": "Mars/Olympus"}, "the time zone 'Mars/Olympus', which is unknown"),
        ({"table": ""}, "names no table"),
        ({"watermarks": "x"}, "unknown option 'watermarks'"),
        ({"batch_rows": 0}, "batchRows must be a whole number above 0"),
    ],
)
def test_option_that_does_not_fit_is_named(
    shop: Shop, options: dict[str, Any], message: str
) -> None:
    with pytest.raises((ContractError, SourceError), match=message):
        shop.read(**options)


def test_watermark_of_no_use_is_refused(shop: Shop) -> None:
    shop.run("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, updated_at REAL)")
    with pytest.raises(SourceError, match='"updated_at" is REAL, no timestamp'):
        shop.read(table="t", watermark="updated_at")


def test_missing_columns_are_all_named(shop: Shop) -> None:
    shop.run("CREATE TABLE t (nr INTEGER PRIMARY KEY, nam TEXT, updated_at TEXT)")
    with pytest.raises(SourceError) as caught:
        shop.read(table="t")
    assert 'it has no column "id"' in caught.value.message
    assert 'it has no column "name", did you mean "nam"?' in caught.value.message


def test_derived_key_is_refused(shop: Shop) -> None:
    derived = make_column("id", Type(kind="integer"), path=(), derive=["literal", 1])
    with pytest.raises(ContractError, match="its key id is not a column of the source"):
        shop.read(derived, COLUMNS[1])


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("nonsense", "not an SQLAlchemy URL"),
        ("sqlite:////nowhere/shop.sqlite", "/nowhere/shop.sqlite does not exist"),
        ("sqlite://", "none named"),
        ("postgresql://shop:hunter2@127.0.0.1/shop", "a password stands in the source's location"),
        ("postgresql://127.0.0.1/shop?password=hunter2", "a password stands in the source's"),
        ("postgresql://127.0.0.1:9/shop", "127.0.0.1:9/shop cannot be connected to: .* refused"),
        ("oracle://127.0.0.1/shop", "oracle cannot be read here"),
        ("nosuch://127.0.0.1/shop", "nosuch cannot be read here"),
    ],
)
def test_location_that_cannot_be_read_is_named(shop: Shop, location: str, message: str) -> None:
    contract = shop.contract()
    source = dataclasses.replace(contract.source, location=location)
    contract = dataclasses.replace(contract, source=source)
    with pytest.raises((ContractError, SourceError), match=message) as caught:
        list(open_sql(contract, shop.context(DAYS[1])).items)
    assert "hunter2" not in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(("query", "idle"), [("", "30"), ("?keepalives_idle=90", "90")])
def test_connection_to_postgresql_is_kept_alive(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, query: str, idle: str
) -> None:
    asked: dict[str, Any] = {}

    def refuse(*_: object, **parameters: Any) -> None:
        asked.update(parameters)
        raise psycopg2.OperationalError("refused")

    monkeypatch.setattr(psycopg2, "connect", refuse)
    contract = shop.contract()
    location = f"postgresql://127.0.0.1/shop{query}"
    source = dataclasses.replace(contract.source, location=location)
    with pytest.raises(SourceError):
        list(open_sql(dataclasses.replace(contract, source=source), shop.context(DAYS[1])).items)
    names = ("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count")
    assert [str(asked[each]) for each in names] == ["1", idle, "10", "6"]


def test_file_that_is_no_database_is_named(shop: Shop) -> None:
    shop.path.write_bytes(b"this is no database" * 100)
    with pytest.raises(SourceError, match="shop.sqlite .*file is not a database"):
        shop.read()


def test_source_is_only_read(shop: Shop) -> None:
    shop.put((1, "a", None))
    reader = open_reader(shop.contract(), shop.context(DAYS[1]))
    with pytest.raises(SourceError, match="readonly"), reader._database.snapshot() as connection:
        connection.exec_driver_sql("DELETE FROM customers")
    with closing(sqlite3.connect(shop.path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM customers").fetchone() == (1,)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("shop/none", None, "there is no secret shop/none"),
        ("shop/half", '{"username": "u"}', 'secret shop/half has no field "password"'),
        ("shop/word", "hunter2", "shop/word is neither a JSON object nor an SQLAlchemy URL"),
    ],
)
def test_secret_that_is_of_no_use_is_named(
    shop: Shop, name: str, value: str | None, message: str
) -> None:
    client = boto3.client("secretsmanager", region_name="us-east-1")
    if value:
        client.create_secret(Name=name, SecretString=value)
    context = source_context(DAYS[1], s3=shop.s3, secretsmanager=client)
    with pytest.raises(SecretError, match=message) as caught:
        open_sql(shop.contract(secret=name), context)
    assert "hunter2" not in str(caught.value)


def test_secret_may_be_the_whole_url(shop: Shop) -> None:
    shop.put((1, "a", None))
    client = boto3.client("secretsmanager", region_name="us-east-1")
    client.create_secret(Name="shop/url", SecretString=f"sqlite:///{shop.path}")
    context = source_context(DAYS[1], s3=shop.s3, secretsmanager=client)
    assert ids(records(open_sql(shop.contract(secret="shop/url"), context).items)) == [1]
