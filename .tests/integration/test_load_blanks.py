"""Text keys that differ in trailing blanks are different keys, where `=` ignores those blanks too.

Redshift's `=` ignores them (Database Developer Guide, "Character types"), as PostgreSQL's does for
BPCHAR: with that in VARCHAR's place the embedded warehouse compares as Redshift does.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import pytest
from support.warehouses import Warehouse, make_row
from warehouse_samples import change_column

from etl.catalog.layers import Dates
from etl.catalog.warehouse import warehouse_batches
from etl.ledger.warehouse import read_holdings
from etl.model import Contract, Type
from etl.settings import load_settings
from etl.warehouse import load, tables
from etl.warehouse.ddl import create_schema, create_table
from etl.warehouse.executor import ConnectionExecutor, Executor, connect
from etl.warehouse.tables import redshift_type, warehouse_tables

DAY_1, DAY_2 = date(2026, 1, 1), date(2026, 1, 2)
# In quotes the embedded cloud leaves the name to PostgreSQL, whose type has no length.
_PADDED = '"bpchar"'


class _BlankPadded(ConnectionExecutor):
    """One whose stages compare as Redshift's do, once COPY has filled VARCHARs."""

    def run_transaction(self, statements: Sequence[str]) -> None:
        """Run the statements, with others behind each COPY."""
        padded: list[str] = []
        for each in statements:
            padded.append(each)
            if each.startswith("COPY "):
                stage = each.split()[1]
                padded += [
                    f"ALTER TABLE {stage} ADD COLUMN padded {_PADDED}",
                    f"UPDATE {stage} SET padded = id",
                    f"ALTER TABLE {stage} DROP COLUMN id",
                    f"ALTER TABLE {stage} RENAME COLUMN padded TO id",
                ]
        super().run_transaction(padded)


def _padded_type(type_: Type) -> str:
    return _PADDED if type_.kind == "string" else redshift_type(type_)


def _create(executor: Executor, contract: Contract, *, role: str | None) -> None:
    """In place of `migrate`, which knows no such type."""
    executor.execute(create_schema(contract.places.schema))
    for table in warehouse_tables(contract):
        executor.execute(create_table(table))


@pytest.fixture(params=["exact", "as Redshift's"])
def warehouse(
    request: pytest.FixtureRequest, client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """One whose `=` tells trailing blanks, and one whose `=` does not."""
    settings = load_settings("local")
    made = Warehouse(settings, client("s3"), f"t{uuid.uuid4().hex[:12]}")
    if request.param != "exact":
        monkeypatch.setattr(tables, "redshift_type", _padded_type)
        monkeypatch.setattr(load, "migrate", _create)
        monkeypatch.setattr(
            made, "open_executor", lambda _: _BlankPadded(lambda: connect(settings))
        )
    yield made
    made.drop()
    made.close()


def _rows(warehouse: Warehouse, table: str) -> list[tuple[Any, ...]]:
    rows = warehouse.query(f"SELECT ingest_date, id, small FROM {{s}}.{table}")
    return sorted((day, key, small) for day, key, small in rows)


def _load(
    warehouse: Warehouse, contract: Contract, day: date, rows: Sequence[Any], **more: Any
) -> Any:
    made = [make_row(key, small=small, hour=hour) for key, small, hour in rows]
    return warehouse.load(contract, day, made, **more)


def test_load_merge_keeps_keys_that_differ_in_trailing_blanks(warehouse: Warehouse) -> None:
    contract = warehouse.contract(load_mode="merge")
    _load(warehouse, contract, DAY_1, [("A", 1, 5), ("A ", 2, 9)])
    result = _load(warehouse, contract, DAY_2, [("A", 3, 7)])
    assert _rows(warehouse, "things") == [(DAY_1, "A ", 2), (DAY_2, "A", 3)]
    assert _rows(warehouse, "things__superseded") == [(DAY_1, "A", 1)]
    assert (result.table_rows, result.superseded) == (2, 0)
    _load(warehouse, contract, DAY_1, [("A", 1, 8), ("A  ", 4, 1)])
    assert _rows(warehouse, "things") == [(DAY_1, "A", 1), (DAY_1, "A  ", 4)]
    assert _rows(warehouse, "things__superseded") == [(DAY_2, "A", 3)]
    assert read_holdings(warehouse.executor(), contract, Dates()).differences == ()
    batches = warehouse_batches(warehouse.executor(), contract, Dates(), ["id"])
    assert [row["id"] for batch in batches for row in batch.to_pylist()] == ["A", "A  "]


def test_load_of_deletes_tells_trailing_blanks(warehouse: Warehouse) -> None:
    made = warehouse.contract(load_mode="merge", detect_deletes=True, primary_key=("big", "id"))
    contract = change_column(made, "big", required=True)

    def load(day: date, rows: Sequence[Any], keys: Sequence[str]) -> tuple[list[str], int]:
        result = _load(warehouse, contract, day, rows, keys=[make_row(key) for key in keys])
        holdings = read_holdings(warehouse.executor(), contract, Dates())
        assert holdings.differences == ()
        held = sorted(warehouse.query("SELECT id FROM {s}.things__keys WHERE id IS NOT NULL"))
        assert [key for (key,) in held] == sorted(set(keys))
        return [key for _, key, _ in _rows(warehouse, "things")], result.deleted

    assert load(DAY_1, [("A", 1, 5), ("A ", 2, 9)], ["A", "A ", "A "]) == (["A", "A "], 0)
    assert load(DAY_2, [("B", 3, 7)], ["A", "B"]) == (["A", "B"], 1)
    assert load(DAY_2, [("B", 3, 7), ("A", 4, 9)], ["A ", "B"]) == (["A ", "B"], 1)
    assert load(DAY_2, [("A", 4, 9)], ["A", "A "]) == (["A ", "A"], 0)
    assert load(DAY_2, [("A  ", 5, 1)], ["A  "]) == (["A  "], 2)
