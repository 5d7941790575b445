"""Loads as the pipeline does them after the transform, into a schema of a test's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from warehouse_samples import make_contract

from etl.keys import parse_s3_uri, processed_uri
from etl.manifest import RawObject
from etl.model import Contract
from etl.settings import Settings
from etl.warehouse.executor import Executor, open_executor
from etl.warehouse.load import LoadResult, load
from etl.warehouse.table_hash import table_hash_sql

LOADERS = ("copy", "data-api")

ITEM = pa.struct([("sku", pa.string()), ("quantity", pa.int32())])
ARROW_TYPES = {
    "id": pa.string(),
    "small": pa.int32(),
    "big": pa.int64(),
    "price": pa.decimal128(12, 2),
    "weight": pa.float64(),
    "gift": pa.bool_(),
    "day": pa.date32(),
    "updated_at": pa.timestamp("us", tz="UTC"),
    "note": pa.string(),
    "items": pa.list_(ITEM),
    "colour": pa.string(),
    "_source_file": pa.string(),
    "_ingested_at": pa.timestamp("us", tz="UTC"),
    "_run_id": pa.string(),
    "_contract_version": pa.string(),
}


def make_row(
    key: str,
    *,
    small: int | None = 1,
    hour: int = 0,
    note: str | None = "Zoë 'quoted' \\ 😀",
    **more: Any,
) -> dict[str, Any]:
    """A row of the sample contract."""
    return {
        "id": key,
        "small": small,
        "big": 2**62,
        "price": Decimal("-12.50"),
        "weight": 0.1,
        "gift": True,
        "day": date(2026, 1, 1),
        "updated_at": datetime(2026, 1, 1, hour, 0, 0, 123456, tzinfo=UTC),
        "note": note,
        "items": [{"sku": "SKU-1", "quantity": 2}],
        **more,
    }


class Warehouse:
    """Rows in, tables out.

    Args:
        schema: One of the test's own, dropped by `drop`.
    """

    def __init__(self, settings: Settings, s3: Any, schema: str) -> None:
        self.settings, self.s3, self.schema = settings, s3, schema
        self._executors: dict[str, Executor] = {}

    def contract(self, **changes: Any) -> Contract:
        """The sample contract, its tables in the schema."""
        contract = make_contract(**changes)
        bucket = self.settings.buckets.processed
        processed = f"s3://{bucket}/processed/sales/{self.schema}/"
        places = dataclasses.replace(contract.places, schema=self.schema, processed=processed)
        return dataclasses.replace(contract, places=places)

    def elsewhere(self, **changes: Any) -> Warehouse:
        """This one with other settings."""
        section = self.settings.warehouse.model_copy(update=changes)
        settings = self.settings.model_copy(update={"warehouse": section})
        return Warehouse(settings, self.s3, self.schema)

    def open_executor(self, loader: str = "copy") -> Executor:
        """A loader's executor."""
        section = self.settings.warehouse.model_copy(update={"loader": loader})
        return open_executor(self.settings.model_copy(update={"warehouse": section}), label="test")

    def executor(self, loader: str = "copy") -> Executor:
        """One for all of a test's loads, as making clients takes longer than loading."""
        if loader not in self._executors:
            self._executors[loader] = self.open_executor(loader)
        return self._executors[loader]

    def close(self) -> None:
        """Close what is open."""
        for executor in self._executors.values():
            executor.close()

    def write(
        self, contract: Contract, run_date: date, rows: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """One Parquet file of the rows; no file for none."""
        names = [column.name for column in contract.columns]
        uri = processed_uri(contract, run_date) + "part-00000.parquet"
        return [{"uri": uri, "bytes": self._put(uri, names, rows)}] if rows else []

    def write_keys(
        self, contract: Contract, run_date: date, rows: Sequence[dict[str, Any]]
    ) -> tuple[RawObject, ...]:
        """One Parquet file of the rows' keys; no file for none."""
        names = [column.name for column in contract.columns if column.name in contract.primary_key]
        uri = processed_uri(contract, run_date) + "_keys/part-00000.parquet"
        if not rows:
            return ()
        size = self._put(uri, names, [{name: row[name] for name in names} for row in rows])
        return (RawObject(uri=uri, bytes=size, sha256="", rows=len(rows)),)

    def load(
        self,
        contract: Contract,
        run_date: date,
        rows: Sequence[dict[str, Any]],
        *,
        loader: str = "copy",
        expected: int | None = None,
        executor: Executor | None = None,
        keys: Sequence[dict[str, Any]] | None = None,
    ) -> LoadResult:
        """Load a run date's rows; `keys` are those of all rows of the source, if it is looked."""
        counts = {"read": len(rows) + 3, "quarantined": 2, "deduplicated": 1, "filtered": 0}
        return load(
            s3=self.s3,
            contract=contract,
            run_date=run_date,
            run_id="run-1",
            metrics={
                "manifest_digest": "ab" * 32,
                "rows": counts,
                "files": self.write(contract, run_date, rows),
            },
            rows=len(rows) if expected is None else expected,
            settings=self.settings,
            executor=executor or self.executor(loader),
            keys=None if keys is None else self.write_keys(contract, run_date, keys),
        )

    def load_and_hash(self, contract: Contract, *given: Any, **more: Any) -> tuple[LoadResult, str]:
        """What `load` says, and the hash of the table after it."""
        return self.load(contract, *given, **more), self.table_hash(contract)

    def table_hash(self, contract: Contract) -> str:
        """One number for the whole table's content."""
        ((found,),) = self.executor().query(table_hash_sql(contract))
        return str(found)

    def query(self, sql: str, loader: str = "copy") -> list[tuple[Any, ...]]:
        """A query's rows; {s} stands for the schema."""
        return self.executor(loader).query(sql.format(s=f'"{self.schema}"'))

    def drop(self) -> None:
        """Let go of all tables."""
        self.executor().execute(f'DROP SCHEMA IF EXISTS "{self.schema}" CASCADE')

    def _put(self, uri: str, names: list[str], rows: Sequence[dict[str, Any]]) -> int:
        sink = pa.BufferOutputStream()
        schema = pa.schema([(name, ARROW_TYPES[name]) for name in names])
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink)
        body = sink.getvalue().to_pybytes()
        bucket, key = parse_s3_uri(uri)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)
        return len(body)
