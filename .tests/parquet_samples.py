"""A small contract, and Parquet files that keep it, for tests of what reads processed data."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl.model import Check, Column, Contract, Field, Places, Rule, Source, Type
from etl.validation.arrow_schema import arrow_schema
from etl.validation.verdict import ProcessedFile

RUN_DATE = date(2026, 1, 1)
STRING = Type(kind="string", max_bytes=32)
MONEY = Type(kind="decimal", precision=12, scale=2)
ITEM = Type(
    kind="object",
    fields=(
        Field(name="sku", type=STRING, required=True),
        Field(name="quantity", type=Type(kind="integer", bits=32), required=True),
        Field(name="gift_note", type=STRING),
    ),
)


def sales_contract(**changes: Any) -> Contract:
    """A contract with every kind of column, a rule over two columns and every metric."""
    return Contract(
        **{
            "dataset": "sales",
            "version": "1.0.0",
            "domain": "shop",
            "description": "What was sold",
            "columns": (
                Column(name="sale_id", type=STRING, path=("id",), required=True),
                Column(name="line", type=Type(kind="integer", bits=32), path=("line",)),
                Column(name="seller_id", type=Type(kind="integer"), path=("seller",)),
                Column(name="status", type=STRING, path=("status",), required=True),
                Column(name="subtotal", type=MONEY, path=("subtotal",), required=True),
                Column(name="discount", type=MONEY, path=("discount",)),
                Column(name="weight", type=Type(kind="double"), path=("weight",)),
                Column(name="is_gift", type=Type(kind="boolean"), path=("is_gift",)),
                Column(name="sold_on", type=Type(kind="date"), path=("sold_on",), required=True),
                Column(name="updated_at", type=Type(kind="timestamp"), path=("updated_at",)),
                Column(
                    name="items",
                    type=Type(kind="array", element=ITEM),
                    path=("items",),
                    required=True,
                    description="It's what was in the box",
                ),
            ),
            "primary_key": ("sale_id", "line"),
            "latest_by": "updated_at",
            "partition": "ingest_date",
            "load_mode": "replace",
            "source": Source(kind="api", name="shop", location="http://x", format="json"),
            "places": Places(
                raw="s3://raw/raw/shop/sales/",
                processed="s3://processed/processed/shop/sales/",
                quarantine="s3://quarantine/quarantine/shop/sales/",
                schema="public",
                table="sales",
                catalog_database="etl_test",
                catalog_table="sales",
            ),
            "rules": (
                Rule(
                    name="discount_within_subtotal",
                    column="discount",
                    expression=[
                        "between",
                        ["col", "discount"],
                        ["integer", ["lit", 0, "integer"], 1],
                        ["col", "subtotal"],
                    ],
                ),
                Rule(
                    name="known_status",
                    column="status",
                    expression=[
                        "in",
                        ["col", "status"],
                        [["lit", "paid", "string"], ["lit", "placed", "string"]],
                    ],
                ),
                Rule(
                    name="not_in_the_future",
                    column="sold_on",
                    expression=["<=", ["col", "sold_on"], ["run_date"]],
                ),
            ),
            "checks": (
                Check(name="some_rows", metric="row_count", minimum=1, maximum=1000),
                Check(name="few_rejects", metric="quarantined_percent", maximum=20),
                Check(name="weights_known", metric="null_count", column="weight", maximum=3),
                Check(name="sale_once", metric="duplicate_count", column="sale_id", maximum=0),
                Check(name="fresh", metric="freshness_hours", column="updated_at", maximum=48),
            ),
        }
        | changes
    )


def sale(number: int, **changes: Any) -> dict[str, Any]:
    """A row that keeps the contract."""
    return {
        "sale_id": f"S-{number:06d}",
        "line": 1,
        "seller_id": number,
        "status": "paid" if number % 2 else "placed",
        "subtotal": Decimal("100.25"),
        "discount": None if number % 3 else Decimal("0.05"),
        "weight": 0.5,
        "is_gift": False,
        "sold_on": RUN_DATE,
        "updated_at": datetime(2026, 1, 1, 12, tzinfo=timezone.utc),
        "items": [{"sku": "SKU-1", "quantity": 1, "gift_note": None}],
    } | changes


def parquet_bytes(
    rows: Sequence[dict[str, Any]], *, schema: pa.Schema | None = None, **options: Any
) -> bytes:
    """The rows as a Parquet file."""
    table = pa.Table.from_pylist(list(rows), schema or arrow_schema(sales_contract()))
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="snappy", **options)
    return sink.getvalue()


@dataclass
class CountingFile(io.RawIOBase):
    """A file in memory that knows how many bytes were read from it."""

    body: bytes
    read_bytes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._file = io.BytesIO(self.body)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int | None = -1) -> bytes:
        chunk = self._file.read(size)
        self.read_bytes += len(chunk)
        return chunk


def processed_file(body: bytes, *, name: str = "part-0.parquet", size: int | None = None) -> Any:
    """The file as the validator gets it."""
    return ProcessedFile(
        uri=f"s3://processed/{name}",
        size=len(body) if size is None else size,
        open=partial(CountingFile, body),
    )
