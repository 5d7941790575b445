"""Loads on the embedded cloud's Redshift, by a connection and by the Data API."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import threading
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from psycopg2 import extensions
from support.warehouses import LOADERS, Warehouse, make_row
from warehouse_samples import change_column

from aws.redshift.errors import ConnectionLostError, StatementError
from etl import __main__ as command_line
from etl.errors import WarehouseError
from etl.keys import parse_s3_uri
from etl.ledger import command as ledger_command
from etl.model import LINEAGE_COLUMNS, Column, Type
from etl.settings import load_settings
from etl.warehouse.executor import ConnectionExecutor, connect

DAY_1, DAY_2, DAY_3 = (date(2026, 1, day) for day in (1, 2, 3))
MODES = ("replace", "merge")


@pytest.fixture
def warehouse(client):
    """Loads rows as the pipeline does after the transform, into a schema of the test's own."""
    made = Warehouse(load_settings("local"), client("s3"), f"t{uuid.uuid4().hex[:12]}")
    yield made
    made.drop()
    made.close()


def test_query_changes_nothing_of_other_threads_connections(cloud):
    """psycopg2 waits by one callback for all threads: set for one query, and taken back while
    another thread connects, it fails that thread."""
    executor = ConnectionExecutor(lambda: connect(load_settings("local")))
    executor.execute("SELECT 1")
    query = threading.Thread(target=executor.execute, args=["SELECT pg_sleep(0.5)"])
    query.start()
    seen = set()
    while query.is_alive():
        seen.add(extensions.get_wait_callback())
    executor.close()
    assert seen == {None}


@pytest.mark.parametrize("loader", LOADERS)
def test_load_values_arrive_exactly(warehouse, loader):
    warehouse.load(warehouse.contract(), DAY_1, [make_row("a"), {"id": "b"}], loader=loader)
    full, empty = warehouse.query(
        "SELECT id, small, big, price, weight, gift, day, updated_at, note,"
        " JSON_SERIALIZE(items), ingest_date FROM {s}.things ORDER BY id",
        loader,
    )
    assert full == (
        *(value for name, value in make_row("a").items() if name != "items"),
        '[{"sku":"SKU-1","quantity":2}]',
        DAY_1,
    )
    assert empty[1:9] == (None,) * 8


@pytest.mark.parametrize("mode", MODES)
def test_load_three_times_by_both_loaders_gives_the_same_table(warehouse, mode):
    contract = warehouse.contract(load_mode=mode)
    rows = [make_row(key) for key in "abc"]
    results = [
        warehouse.load_and_hash(contract, DAY_1, rows, loader=loader)
        for loader in ("copy", "data-api", "copy")
    ]
    assert results[0][0].table_rows == results[0][0].loaded == 3
    assert results == [results[0]] * 3


@pytest.mark.parametrize("mode", MODES)
def test_load_dates_in_either_order_give_the_same_table(warehouse, mode):
    contract = warehouse.contract(load_mode=mode)
    first = [make_row("a", small=1, hour=1), make_row("b", small=1, hour=9)]
    second = [make_row("a", small=2, hour=5), make_row("b", small=2, hour=5)]
    warehouse.load(contract, DAY_1, first)
    forwards, forwards_hash = warehouse.load_and_hash(contract, DAY_2, second)
    warehouse.drop()
    warehouse.load(contract, DAY_2, second)
    warehouse.load(contract, DAY_1, first)
    assert warehouse.table_hash(contract) == forwards_hash
    assert forwards.table_rows == (2 if mode == "merge" else 4)


def test_load_merge_keeps_the_latest_and_counts_the_superseded(warehouse):
    contract = warehouse.contract(load_mode="merge")
    warehouse.load(
        contract, DAY_2, [make_row("a", small=2, hour=5), make_row("b", small=2, hour=5)]
    )
    result = warehouse.load(
        contract, DAY_1, [make_row("a", small=1, hour=9), make_row("b", small=1)]
    )
    assert (result.loaded, result.superseded, result.table_rows) == (2, 1, 2)
    assert warehouse.query("SELECT id, small FROM {s}.things ORDER BY id") == [("a", 1), ("b", 2)]


def test_load_merge_without_the_winner_brings_the_loser_back(warehouse):
    contract = warehouse.contract(load_mode="merge")
    warehouse.load(contract, DAY_1, [make_row("a", small=1, hour=1)])
    warehouse.load(contract, DAY_2, [make_row("a", small=2, hour=2)])
    assert warehouse.query("SELECT small FROM {s}.things") == [(2,)]
    warehouse.load(contract, DAY_2, [])
    assert warehouse.query("SELECT small, ingest_date FROM {s}.things") == [(1, DAY_1)]


def test_load_merge_null_latest_loses_and_equal_latest_goes_to_the_later_date(warehouse):
    contract = warehouse.contract(load_mode="merge")
    warehouse.load(contract, DAY_2, [make_row("a", updated_at=None), make_row("b", small=2)])
    warehouse.load(contract, DAY_1, [make_row("a", small=7), make_row("b", small=1)])
    assert warehouse.query("SELECT id, small FROM {s}.things ORDER BY id") == [("a", 7), ("b", 2)]


def _held(warehouse, mode):
    """Every row that the warehouse has, shown or superseded."""
    tables = ["things", "things__superseded"] if mode == "merge" else ["things"]
    return sorted(
        row
        for table in tables
        for row in warehouse.query(f"SELECT ingest_date, id, small FROM {{s}}.{table}")
    )


def test_load_merge_keeps_a_row_once(warehouse):
    contract = warehouse.contract(load_mode="merge")
    superseded = "SELECT id, small, ingest_date FROM {s}.things__superseded"
    warehouse.load(contract, DAY_1, [make_row("a", small=1, hour=1), make_row("b", small=1)])
    assert warehouse.query(superseded) == []
    warehouse.load(contract, DAY_2, [make_row("a", small=2, hour=2), make_row("c", small=2)])
    assert warehouse.query(superseded) == [("a", 1, DAY_1)]
    warehouse.load(contract, DAY_2, [make_row("c", small=2)])
    assert warehouse.query(superseded) == []


@pytest.mark.parametrize("mode", MODES)
def test_load_any_history_ends_as_one_clean_load_of_each_date(warehouse, mode):
    contract = warehouse.contract(load_mode=mode)
    rng = random.Random(f"history-{mode}")
    final = {}
    for _ in range(9):
        day = rng.choice((DAY_1, DAY_2, DAY_3))
        keys = rng.sample("abcd", rng.randint(0, 4))
        final[day] = [
            make_row(key, small=rng.randint(0, 9), hour=rng.randint(0, 3)) for key in keys
        ]
        messy = warehouse.load(contract, day, final[day], loader=rng.choice(LOADERS))
        assert _held(warehouse, mode) == sorted(
            (date_, row["id"], row["small"]) for date_, rows in final.items() for row in rows
        )
    messy_hash = warehouse.table_hash(contract)
    warehouse.drop()
    for day, rows in rng.sample(list(final.items()), len(final)):
        clean = warehouse.load(contract, day, rows)
    assert clean.table_rows == messy.table_rows
    assert warehouse.table_hash(contract) == messy_hash


@pytest.mark.parametrize("mode", MODES)
def test_load_of_an_empty_day_empties_its_partition_alone(warehouse, mode):
    contract = warehouse.contract(load_mode=mode)
    _, before = warehouse.load_and_hash(contract, DAY_1, [make_row("a")])
    warehouse.load(contract, DAY_2, [make_row("b")])
    after = warehouse.load(contract, DAY_2, [])
    assert (after.loaded, after.superseded) == (0, 0)
    assert warehouse.table_hash(contract) == before


def test_load_writes_one_ledger_row_a_run_date(warehouse):
    contract = warehouse.contract()
    for loader in LOADERS:
        warehouse.load(contract, DAY_1, [make_row("a"), make_row("b")], loader=loader)
    assert warehouse.query(
        "SELECT run_date, run_id, dataset, contract_version, contract_fingerprint, extracted,"
        " deduplicated, quarantined, loaded, superseded, manifest_digest FROM {s}.things__ledger"
    ) == [
        (DAY_1, "run-1", "things", "1.0.0", contract.fingerprint, 5, 1, 2, 2, 0, "ab" * 32),
    ]


def test_table_hash_tells_every_difference(warehouse):
    contract = warehouse.contract()
    variants = [
        [make_row("a")],
        [make_row("a"), make_row("b")],
        [make_row("a", small=None)],
        [make_row("a", note="")],
        [make_row("a", note=None)],
        [make_row("a", note="-")],
        [make_row("a", gift=False)],
        [make_row("a", gift=None)],
        [make_row("a", price=Decimal("-12.51"))],
        [make_row("a", hour=1)],
        [make_row("a", items=None)],
        [make_row("a", items=[])],
        [make_row("a", items=[{"sku": None, "quantity": 2}])],
    ]
    hashes = [warehouse.load_and_hash(contract, DAY_1, rows)[1] for rows in variants]
    hashes.append(warehouse.load_and_hash(contract, DAY_2, variants[-1])[1])
    assert len(set(hashes)) == len(hashes)
    assert all(len(each) == 32 for each in hashes)


@pytest.mark.parametrize("loader", LOADERS)
def test_ledger_hashes_the_content_of_the_table_when_asked(warehouse, loader, monkeypatch, capsys):
    contract = warehouse.contract(load_mode="merge")
    raw = f"s3://{warehouse.settings.buckets.raw}/raw/{warehouse.schema}/"
    places = dataclasses.replace(contract.places, raw=raw)
    contract = dataclasses.replace(contract, places=places)
    monkeypatch.setattr(ledger_command, "load_contract", lambda name, settings: contract)
    monkeypatch.setenv("ETL_WAREHOUSE__LOADER", loader)

    def ledger(*options):
        assert command_line.main(["ledger", "--dataset", "orders", "--env", "local", *options]) == 0
        return capsys.readouterr().out

    def hash_of(day, *rows):
        warehouse.load(contract, day, rows, loader=loader)
        (account,) = json.loads(ledger("--hash", "--json"))["datasets"]
        return account["table_hash"]

    assert json.loads(ledger("--hash", "--json"))["datasets"][0]["table_hash"] is None
    first = hash_of(DAY_1, make_row("a", small=1), make_row("b"))
    assert first == warehouse.table_hash(contract)
    assert hash_of(DAY_1, make_row("b"), make_row("a", small=1)) == first
    assert hash_of(DAY_1, make_row("a", small=2), make_row("b")) != first
    both = hash_of(DAY_2, make_row("a", hour=1))
    # Of the whole table, whatever dates are shown.
    assert f"\nhash of the table's content  {both}\n" in ledger("--hash", "--run-date", str(DAY_1))
    assert json.loads(ledger("--json"))["datasets"][0]["table_hash"] is None
    assert "hash" not in ledger()


@pytest.mark.parametrize("loader", LOADERS)
def test_load_of_another_number_of_rows_changes_nothing(warehouse, loader):
    contract = warehouse.contract()
    before = warehouse.load_and_hash(contract, DAY_1, [make_row("a")])
    with pytest.raises(WarehouseError, match="the stage holds 2 rows, not 3"):
        warehouse.load(contract, DAY_1, [make_row("b"), make_row("c")], loader=loader, expected=3)
    assert warehouse.query("SELECT id FROM {s}.things") == [("a",)]
    assert warehouse.query("SELECT loaded FROM {s}.things__ledger") == [(1,)]
    assert warehouse.load_and_hash(contract, DAY_1, [make_row("a")], loader=loader) == before


@pytest.mark.parametrize("loader", LOADERS)
def test_load_of_files_that_do_not_fit_names_the_step_and_the_cause(warehouse, loader):
    contract = warehouse.contract()
    wrong = change_column(contract, "note", type=Type(kind="string", max_bytes=3))
    with pytest.raises(WarehouseError, match="could not copy the files into the stage table"):
        warehouse.load(wrong, DAY_1, [make_row("a", note="too long")], loader=loader)
    assert warehouse.query("SELECT COUNT(*) FROM {s}.things") == [(0,)]


def test_load_of_a_file_that_is_gone_fails_and_names_it(warehouse, monkeypatch):
    contract = warehouse.contract()
    original = warehouse.write

    def write_and_delete(*arguments):
        files = original(*arguments)
        bucket, key = parse_s3_uri(files[0]["uri"])
        warehouse.s3.delete_object(Bucket=bucket, Key=key)
        return files

    monkeypatch.setattr(warehouse, "write", write_and_delete)
    with pytest.raises(WarehouseError, match=r"part-00000\.parquet"):
        warehouse.load(contract, DAY_1, [make_row("a")])


@pytest.mark.parametrize("mode", MODES)
def test_load_after_the_contract_grew_migrates_the_tables(warehouse, mode):
    before = warehouse.contract(load_mode=mode)
    warehouse.load(before, DAY_1, [make_row("a")])
    colour = Column(name="colour", type=Type(kind="string", max_bytes=20))
    longer = change_column(before, "note", type=Type(kind="string", max_bytes=1000))
    after = dataclasses.replace(longer, columns=(*longer.columns, colour))
    warehouse.load(after, DAY_2, [make_row("b", colour="red", note="n" * 900)], loader="data-api")
    assert warehouse.query("SELECT id, colour FROM {s}.things ORDER BY id") == [
        ("a", None),
        ("b", "red"),
    ]


@pytest.mark.parametrize("mode", MODES)
def test_load_lineage_is_stored_and_leaves_the_hash_alone(warehouse, mode):
    plain = warehouse.contract(load_mode=mode)
    _, before = warehouse.load_and_hash(plain, DAY_1, [make_row("a")])
    columns = (*plain.columns, *LINEAGE_COLUMNS.values())
    traced = dataclasses.replace(plain, columns=columns)
    lineage = {
        "_source_file": "s3://in/ž b.csv",
        "_ingested_at": datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        "_run_id": "run-2",
        "_contract_version": "1.0.0",
    }
    names = ", ".join(lineage)
    for loader in LOADERS:
        row = make_row("a", **lineage)
        warehouse.load(traced, DAY_1, [row], loader=loader)
        assert warehouse.table_hash(traced) == before
        assert warehouse.query(f"SELECT {names} FROM {{s}}.things") == [tuple(lineage.values())]


@pytest.mark.parametrize(
    "change",
    [
        {"price": Type(kind="decimal", precision=18, scale=4)},
        {"small": Type(kind="string", max_bytes=20)},
    ],
)
def test_load_of_an_incompatible_contract_is_refused_and_changes_nothing(warehouse, change):
    contract = warehouse.contract()
    before = warehouse.load_and_hash(contract, DAY_1, [make_row("a")])
    ((name, type_),) = change.items()
    with pytest.raises(WarehouseError, match=f"column {name} is .* in the contract"):
        warehouse.load(change_column(contract, name, type=type_), DAY_1, [])
    assert warehouse.load_and_hash(contract, DAY_1, [make_row("a")]) == before


def test_load_by_another_key_is_refused(warehouse):
    contract = warehouse.contract()
    warehouse.load(contract, DAY_1, [make_row("a")])
    other = dataclasses.replace(contract, primary_key=("id", "small"))
    with pytest.raises(WarehouseError, match=r"by key \(id\); the contract says"):
        warehouse.load(other, DAY_1, [make_row("a")])


@pytest.mark.parametrize("mode", MODES)
def test_load_of_different_dates_at_once_loses_nothing(warehouse, mode):
    contract = warehouse.contract(load_mode=mode)
    days = [date(2026, 2, day) for day in range(1, 7)]
    failures = []

    def run(index, day):
        executor = warehouse.open_executor(LOADERS[index % 2])
        try:
            warehouse.load(
                contract,
                day,
                [make_row(f"k{index}"), make_row("same", hour=index)],
                executor=executor,
            )
        except Exception as error:
            failures.append(error)
        finally:
            executor.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(days)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert warehouse.query("SELECT COUNT(*) FROM {s}.things") == [(7 if mode == "merge" else 12,)]
    assert warehouse.query("SELECT COUNT(*) FROM {s}.things__ledger") == [(6,)]


class _Conflicting:
    """Fails the first transactions as Redshift does when another one wrote the same table."""

    def __init__(self, inner, failures):
        self._inner, self.failures = inner, failures

    def run_transaction(self, statements):
        if self.failures:
            self.failures -= 1
            raise StatementError("ERROR:  1023\nDETAIL:  Serializable isolation violation")
        self._inner.run_transaction(statements)

    def __getattr__(self, name):
        return getattr(self._inner, name)


def test_load_conflict_is_retried(warehouse, monkeypatch):
    monkeypatch.setattr("etl.warehouse.executor._FIRST_PAUSE_SECONDS", 0.01)
    executor = _Conflicting(warehouse.executor(), failures=2)
    result = warehouse.load(warehouse.contract(), DAY_1, [make_row("a")], executor=executor)
    assert result.table_rows == 1
    assert executor.failures == 0


class _Forgetful(_Conflicting):
    """Loses the answer to the first COMMITs."""

    def run_transaction(self, statements):
        self._inner.run_transaction(statements)
        if self.failures:
            self.failures -= 1
            raise ConnectionLostError("server closed the connection unexpectedly")


@pytest.mark.parametrize("mode", MODES)
def test_load_whose_commit_was_done_but_not_answered_counts_once(warehouse, monkeypatch, mode):
    monkeypatch.setattr("etl.warehouse.executor._FIRST_PAUSE_SECONDS", 0.01)
    contract = warehouse.contract(load_mode=mode)
    executor = _Forgetful(warehouse.executor(), failures=1)
    result = warehouse.load_and_hash(contract, DAY_1, [make_row("a")], executor=executor)
    assert result == warehouse.load_and_hash(contract, DAY_1, [make_row("a")])
    assert warehouse.query("SELECT COUNT(*) FROM {s}.things__ledger") == [(1,)]


@pytest.mark.parametrize("loader", LOADERS)
def test_load_interrupted_while_it_waits_ends_at_once_and_changes_nothing(warehouse, loader):
    contract = warehouse.contract()
    before = warehouse.load_and_hash(contract, DAY_1, [make_row("a")])
    blocker = warehouse.open_executor()
    blocker.execute("BEGIN")
    blocker.execute(f'LOCK "{warehouse.schema}".things__ledger')
    warehouse.executor(loader).query("SELECT 1")

    interruption = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    interruption.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            warehouse.load(contract, DAY_1, [make_row("b")], loader=loader)
    finally:
        interruption.cancel()
        blocker.close()
    assert warehouse.load_and_hash(contract, DAY_1, [make_row("a")], loader=loader) == before
    assert warehouse.query("SELECT id FROM {s}.things") == [("a",)]


@pytest.mark.parametrize("loader", LOADERS)
def test_load_into_a_database_that_does_not_exist_says_so(warehouse, loader):
    elsewhere = warehouse.elsewhere(database="nowhere")
    with pytest.raises(WarehouseError, match="nowhere"):
        elsewhere.load(warehouse.contract(), DAY_1, [make_row("a")], loader=loader)


def test_load_where_no_warehouse_listens_says_how_to_go_on(warehouse):
    elsewhere = warehouse.elsewhere(port=9)
    with pytest.raises(WarehouseError, match="cannot connect") as caught:
        elsewhere.load(warehouse.contract(), DAY_1, [make_row("a")])
    assert "data-api" in caught.value.fix
