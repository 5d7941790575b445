"""Values of every type come out of the catalogue as they went in, whatever holds them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.catalogs import SETTINGS
from support.contracts import make_column, make_contract

from aws.redshift.errors import StatementError
from etl.catalog.access import Access
from etl.catalog.layers import Dates
from etl.catalog.parquet import catalog_schema
from etl.catalog.raw_files import raw_batches, raw_schema
from etl.catalog.reading import open_scanner
from etl.catalog.saving import save_table
from etl.catalog.selection import Selection
from etl.catalog.stores import FolderStore
from etl.catalog.warehouse import warehouse_batches, warehouse_figures
from etl.errors import UsageError, WarehouseError
from etl.formats import open_encoder
from etl.model import LINEAGE_COLUMNS, Contract, Field, Places, Raw, Type
from etl.validation.arrow_schema import arrow_schema

DAY = date(2026, 1, 31)
ITEM = Type(
    kind="object",
    fields=(
        Field(name="sku", type=Type(kind="string")),
        Field(name="price", type=Type(kind="decimal", precision=10, scale=2)),
        Field(name="count", type=Type(kind="integer", bits=32)),
    ),
)
COLUMNS = (
    make_column("id", Type(kind="integer"), required=True),
    make_column("small", Type(kind="integer", bits=32)),
    make_column("text", Type(kind="string")),
    make_column("money", Type(kind="decimal", precision=12, scale=2)),
    make_column("exact", Type(kind="decimal", precision=38, scale=10)),
    make_column("weight", Type(kind="double")),
    make_column("flag", Type(kind="boolean")),
    make_column("day", Type(kind="date")),
    make_column("moment", Type(kind="timestamp")),
    make_column("numbers", Type(kind="array", element=Type(kind="integer"))),
    make_column("items", Type(kind="array", element=ITEM)),
    make_column("level", Type(kind="string", max_bytes=8), required=True),
    *LINEAGE_COLUMNS.values(),
)
CONTRACT = make_contract(*COLUMNS)

texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=9)


def decimals(digits: int, scale: int) -> Any:
    limit = 10**digits - 1
    return st.integers(-limit, limit).map(lambda number: Decimal(number).scaleb(-scale))


moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
items = st.fixed_dictionaries(
    {
        "sku": st.none() | texts,
        "price": st.none() | decimals(10, 2),
        "count": st.none() | st.integers(-(2**31), 2**31 - 1),
    }
)
OPTIONAL = {
    "small": st.integers(-(2**31), 2**31 - 1),
    "text": texts,
    "money": decimals(12, 2),
    "exact": decimals(27, 10),
    "weight": st.floats(allow_nan=False),
    "flag": st.booleans(),
    "day": st.dates(),
    "moment": moments,
    "numbers": st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3),
    "items": st.lists(st.none() | items, max_size=3),
    "_source_file": texts,
    "_ingested_at": moments,
}
rows = st.fixed_dictionaries(
    {
        "id": st.integers(-(2**63), 2**63 - 1),
        "level": st.sampled_from(["INFO", "a/b", "é=%", "x y"]),
        **{name: st.none() | strategy for name, strategy in OPTIONAL.items()},
    }
)


def in_folder(folder: Path, **changes: Any) -> Contract:
    places = Places(raw=f"{folder}/raw/", processed=f"{folder}/data/", quarantine=f"{folder}/bad/")
    return replace(CONTRACT, places=places, **changes)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(found=st.lists(rows, max_size=5), columns=st.sampled_from([(), ("level",)]))
def test_save_then_load_gives_the_same_table(
    found: list[dict[str, Any]], columns: tuple[str, ...]
) -> None:
    numbered = [row | {"id": number} for number, row in enumerate(found)]
    table = pa.Table.from_pylist(numbered, arrow_schema(CONTRACT))
    access = Access(SETTINGS, Path())
    with tempfile.TemporaryDirectory() as folder:
        contract = in_folder(Path(folder), partition_columns=columns)
        version = save_table(access, contract, table, DAY, "processed")
        selection = Selection(Dates(DAY, DAY))
        scanner = open_scanner(access, contract, "processed", selection, columns=None, filter=None)
        loaded = scanner.to_table()
    assert loaded.schema == catalog_schema(contract)
    assert loaded.drop_columns([contract.partition]).sort_by("id") == table
    assert version.rows == len(found)


class Warehouse:
    """Answers each query with the next of the rows it was given."""

    def __init__(self, *answers: Sequence[tuple[Any, ...]] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        self.asked.append(sql)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    run_transaction = execute = close = None


NAMES = ["id", "money", "weight", "day", "moment", "numbers", "items", "ingest_date"]


def test_warehouse_rows_get_the_contracts_types() -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
    items = '[{"sku":"a","price":5.0,"count":2},{"sku":null,"price":0.10},null]'
    answers = [
        (1, Decimal("12.50"), 0.1, DAY, moment, "[1,null]", items, DAY),
        (2, None, None, None, None, None, None, DAY),
    ]
    warehouse: Any = Warehouse([(DAY,), (date(2026, 2, 1),)], answers, [])
    batches = list(warehouse_batches(warehouse, CONTRACT, Dates(DAY), NAMES))
    found = pa.Table.from_batches(batches)
    assert found.schema == pa.schema([catalog_schema(CONTRACT).field(name) for name in NAMES])
    assert found.to_pylist()[0] == {
        "id": 1,
        "money": Decimal("12.50"),
        "weight": 0.1,
        "day": DAY,
        "moment": moment,
        "numbers": [1, None],
        "items": [
            {"sku": "a", "price": Decimal("5.00"), "count": 2},
            {"sku": None, "price": Decimal("0.10"), "count": None},
            None,
        ],
        "ingest_date": DAY,
    }
    assert set(found.to_pylist()[1].values()) == {2, None, DAY}
    assert "WHERE \"ingest_date\" >= CAST('2026-01-31' AS DATE) ORDER BY" in warehouse.asked[0]
    assert warehouse.asked[1].endswith("= CAST('2026-01-31' AS DATE) ORDER BY \"id\"")


def test_warehouse_that_refuses_is_named() -> None:
    warehouse: Any = Warehouse(StatementError('relation "public.things" does not exist'))
    with pytest.raises(WarehouseError, match='cannot read "public"."things".*does not exist'):
        warehouse_figures(warehouse, CONTRACT)


@pytest.mark.parametrize(
    "raw",
    [
        Raw(),
        Raw(compression="zstd"),
        Raw(compression="none"),
        Raw(format="csv"),
        Raw(format="csv", compression="zstd"),
        Raw(format="parquet", compression="none"),
    ],
    ids=lambda raw: f"{raw.format} {raw.compression}",
)
def test_raw_of_every_format_is_read(tmp_path: Path, raw: Raw) -> None:
    plain = [each for each in COLUMNS if each.type.kind != "array" or raw.format != "csv"]
    contract = in_folder(tmp_path, raw=raw, columns=tuple(plain))
    records = [
        {"id": 1, "level": "a\nb", "money": "1.50", "text": "", "moment": "2026-01-31T01:00:00Z"},
        {"id": 2, "level": 'say "ä"', "text": None},
    ]
    encoder = open_encoder(contract, DAY)
    lines = b"".join(json.dumps(each).encode() + b"\n" for each in records)
    body = encoder.encode(lines).data + encoder.finish()
    path = tmp_path / "raw" / "2026" / "01" / "31" / f"part-00000{encoder.suffix}"
    path.parent.mkdir(parents=True)
    path.write_bytes(body)
    store = FolderStore()
    files = {DAY: list(store.find(f"{tmp_path}/raw/"))}
    found = pa.Table.from_batches(raw_batches(store, contract, files), raw_schema(contract))
    is_typed = raw.format == "parquet"
    assert found.column("id").to_pylist() == ([1, 2] if is_typed else ["1", "2"])
    assert found.column("level").to_pylist() == ["a\nb", 'say "ä"']
    assert found.column("text").to_pylist() == ["", None]
    assert found.column("money").to_pylist() == [Decimal("1.50") if is_typed else "1.50", None]
    assert found.column("ingest_date").to_pylist() == [DAY, DAY]


def test_raw_protobuf_says_who_reads_it() -> None:
    contract = replace(CONTRACT, raw=Raw(format="protobuf"))
    with pytest.raises(UsageError, match="is protobuf"):
        raw_batches(FolderStore(), contract, {})
