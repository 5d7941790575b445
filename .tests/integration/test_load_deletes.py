"""Rows leave a merged table when their key is gone from the source, in any order of dates."""

from __future__ import annotations

import dataclasses
import random
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from support.warehouses import LOADERS, Warehouse, make_row
from warehouse_samples import change_column

from etl.catalog.layers import Dates
from etl.errors import WarehouseError
from etl.ledger.warehouse import read_holdings
from etl.model import Contract
from etl.settings import load_settings

DAY_1, DAY_2, DAY_3, DAY_4 = (date(2026, 1, day) for day in (1, 2, 3, 4))
SHOWN = "SELECT id, small FROM {s}.things ORDER BY id"


@pytest.fixture
def warehouse(client: Callable[[str], Any]) -> Iterator[Warehouse]:
    """A schema of the test's own."""
    made = Warehouse(load_settings("local"), client("s3"), f"t{uuid.uuid4().hex[:12]}")
    yield made
    made.drop()
    made.close()


@pytest.fixture
def contract(warehouse: Warehouse) -> Contract:
    """One that merges by a composite key and detects deletes."""
    made = warehouse.contract(load_mode="merge", detect_deletes=True, primary_key=("small", "id"))
    return change_column(made, "small", required=True)


def rows(keys: str, **changes: Any) -> list[dict[str, Any]]:
    return [make_row(key, **changes) for key in keys]


@pytest.mark.parametrize("loader", LOADERS)
def test_deletes_leave_the_table_and_come_back(
    warehouse: Warehouse, contract: Contract, loader: str
) -> None:
    def load(day: date, brought: str, held: str | None) -> str:
        keys = None if held is None else rows(held)
        result = warehouse.load(contract, day, rows(brought), keys=keys, loader=loader)
        shown = "".join(key for key, _ in warehouse.query(SHOWN, loader))
        assert result.table_rows == len(shown)
        account = read_holdings(warehouse.executor(loader), contract, Dates())
        assert account.rows == len(shown) and account.differences == ()
        assert [each for load in account.loads for each in load.differences] == []
        return f"{shown} -{result.deleted}"

    assert load(DAY_1, "abcd", "abcd") == "abcd -0"
    assert load(DAY_2, "e", "acde") == "acde -1"
    assert load(DAY_2, "e", "acde") == "acde -1"
    # The same date again, another state of the source: b is back, a is gone.
    assert load(DAY_2, "e", "bcde") == "bcde -1"
    # Nobody looked, as in a backfill: what was seen stands, and what it brings shows.
    assert load(DAY_3, "af", None) == "abcdef -0"
    assert load(DAY_2, "e", None) == "abcdef -0"
    # An earlier date looks again: a later one knows better.
    assert load(DAY_1, "abcd", "") == "abcdef -0"
    assert load(DAY_4, "", "f") == "f -5"
    assert load(DAY_4, "", "") == " -6"
    assert load(DAY_4, "", "abcdef") == "abcdef -0"
    warehouse.executor(loader).execute(f"DELETE FROM \"{warehouse.schema}\".things WHERE id = 'a'")
    account = read_holdings(warehouse.executor(loader), contract, Dates())
    assert account.differences == ("6 keys were loaded; the table has 5 rows",)


def test_deleted_row_does_not_hide_a_later_one_of_its_key(
    warehouse: Warehouse, contract: Contract
) -> None:
    warehouse.load(contract, DAY_1, rows("a", hour=9, note="old"), keys=rows("a"))
    warehouse.load(contract, DAY_2, [], keys=[])
    warehouse.load(contract, DAY_3, rows("a", hour=5, note="backfilled"))
    assert warehouse.query("SELECT note FROM {s}.things") == [("backfilled",)]


def test_any_history_ends_as_one_clean_load_of_each_date(
    warehouse: Warehouse, contract: Contract
) -> None:
    rng = random.Random("deletes")
    brought: dict[date, list[dict[str, Any]]] = {}
    held: dict[date, list[dict[str, Any]]] = {}
    for _ in range(12):
        day = rng.choice((DAY_1, DAY_2, DAY_3, DAY_4))
        keys = rng.sample("abcd", rng.randint(0, 4))
        brought[day] = [make_row(key, hour=rng.randint(0, 3)) for key in keys]
        looked = rng.random() < 0.7
        if looked:
            held[day] = rows("".join(rng.sample("abcd", rng.randint(0, 4))))
        messy, messy_hash = warehouse.load_and_hash(
            contract,
            day,
            brought[day],
            keys=held[day] if looked else None,
            loader=rng.choice(LOADERS),
        )
        tables = ("things", "things__superseded")
        found = [warehouse.query(f"SELECT ingest_date, id FROM {{s}}.{each}") for each in tables]
        assert sorted(sum(found, [])) == sorted(
            (date_, row["id"]) for date_, rows_ in brought.items() for row in rows_
        )
    for order in (sorted(brought), rng.sample(list(brought), len(brought))):
        warehouse.drop()
        for day in order:
            clean = warehouse.load(contract, day, brought[day], keys=held.get(day))
        assert warehouse.table_hash(contract) == messy_hash
        assert (clean.table_rows, clean.deleted) == (messy.table_rows, messy.deleted)


def test_keys_that_are_fewer_than_their_files_should_hold_change_nothing(
    warehouse: Warehouse, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = warehouse.load_and_hash(contract, DAY_1, rows("ab"), keys=rows("ab"))
    write = warehouse.write_keys
    monkeypatch.setattr(
        warehouse,
        "write_keys",
        lambda *given: tuple(dataclasses.replace(each, rows=9) for each in write(*given)),
    )
    with pytest.raises(WarehouseError, match="rows in the keys' stage table .*holds 1 rows, not 9"):
        warehouse.load(contract, DAY_2, [], keys=rows("a"))
    monkeypatch.undo()
    assert warehouse.load_and_hash(contract, DAY_1, rows("ab"), keys=rows("ab")) == before
