"""The catalogue: any dataset, any layer, by name and environment.

    from etl import catalog

    orders = catalog.load("orders", run_date="2026-01-01")           # processed, as Arrow
    orders.to_pandas(); polars.from_arrow(orders)
    catalog.load("orders", layer="warehouse", env="prod", columns=["order_id", "status"])

Each of these functions enters its environment first, which may start something; `open_catalog`
does so once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.catalog.layers import Layer, RunDates
from etl.catalog.stores import S3Store, StoredFile
from etl.catalog.versions import LayerVersion, Version, write_version
from etl.contracts import CONTRACTS_FOLDER
from etl.environment import enter
from etl.model import Contract

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds
    from mypy_boto3_s3 import S3Client

    from etl.catalog.catalog import Catalog

__all__ = [
    "Layer",
    "LayerVersion",
    "RunDates",
    "StoredFile",
    "Version",
    "load",
    "load_batches",
    "open_catalog",
    "record_version",
    "save",
    "scan",
    "schema",
    "versions",
]


def open_catalog(env: str | None = None, *, contracts: Path = CONTRACTS_FOLDER) -> Catalog:
    """The catalogue of an environment, by default $ETL_ENV or local."""
    from etl.catalog.catalog import Catalog  # Arrow's datasets load slowly, and runs need none

    return Catalog(
        enter(env or os.environ.get("ETL_ENV", "local"), assume_role=False), contracts=contracts
    )


def schema(dataset: str, *, env: str | None = None, layer: Layer = "processed") -> pa.Schema:
    """See `Catalog.schema`."""
    return open_catalog(env).schema(dataset, layer=layer)


def load(dataset: str, *, env: str | None = None, **which: Any) -> pa.Table:
    """See `Catalog.load`."""
    return open_catalog(env).load(dataset, **which)


def load_batches(dataset: str, *, env: str | None = None, **which: Any) -> pa.RecordBatchReader:
    """See `Catalog.load_batches`."""
    return open_catalog(env).load_batches(dataset, **which)


def scan(dataset: str, *, env: str | None = None, **which: Any) -> ds.Dataset:
    """See `Catalog.scan`."""
    return open_catalog(env).scan(dataset, **which)


def save(
    table: Any,
    dataset: str,
    *,
    run_date: date,
    env: str | None = None,
    layer: Layer = "processed",
) -> Version:
    """See `Catalog.save`."""
    return open_catalog(env).save(table, dataset, run_date=run_date, layer=layer)


def versions(dataset: str, *, env: str | None = None, run_date: RunDates = None) -> list[Version]:
    """See `Catalog.versions`."""
    return open_catalog(env).versions(dataset, run_date=run_date)


def record_version(
    s3: S3Client,
    *,
    contract: Contract,
    run_date: date,
    run_id: str,
    artifacts_bucket: str,
    rows: Mapping[str, int],
) -> Version:
    """Record what a run left in the dataset's layers, once it is published.

    Args:
        rows: How many rows the run left in each layer.
    """
    store = S3Store(s3)
    return write_version(
        lambda place: store,
        contract,
        run_date=run_date,
        run_id=run_id,
        artifacts_bucket=artifacts_bucket,
        rows=rows,
    )
