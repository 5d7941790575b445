"""The load beside binary COPY below Redshift: the same rows, merged by the same key.

A day of orders goes through the pipeline once. Then, by turns, ours loads the run's Parquet files
from S3 through Redshift, with everything that a load does; theirs encodes the same rows, which
DuckDB holds in memory, for the PostgreSQL below it, as `contestants/floor.py` does. Both into a
fresh table, and over what it holds. The last lines are our rows a second divided by theirs.

    python -m bench.load --rows 1000000 --repeat 5
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.project import RUN_DATE, below_redshift, carried_day, empty_warehouse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STATES = ("fresh", "filled")
_GOOD = """
CREATE TABLE good AS
SELECT * REPLACE (CAST(to_json(items) AS VARCHAR) AS items), DATE '{day}' AS ingest_date
FROM read_parquet('{files}', hive_partitioning = false)
"""


def main() -> None:
    """Measure, print each figure, and the ratios last."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5, help="times each is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="etl-bench-") as name:
        folder = Path(name)
        with carried_day(folder, options.rows, engine="duckdb") as (_, environ):
            compare(folder, environ, options.repeat)


def compare(folder: Path, environ: dict[str, str], repeat: int) -> None:
    """Run both by turns."""
    import duckdb
    import psycopg2

    os.environ["BENCH_POSTGRES"] = below_redshift(folder / "cloud", environ)
    warehouse = psycopg2.connect("")
    warehouse.autocommit = True
    rows, ours = _ours(folder)
    with duckdb.connect() as orders:
        _measure(warehouse, {"ours": ours, "theirs": _theirs(orders)}, rows, repeat)


def _measure(warehouse: Any, loads: dict[str, Callable[[], None]], rows: int, repeat: int) -> None:
    found: dict[tuple[str, str], list[float]] = {}
    for turn in range(1, repeat + 1):
        for name, load in loads.items():
            empty_warehouse(warehouse)
            for state in STATES:
                began = time.monotonic()
                load()
                speed = rows / (time.monotonic() - began)
                found.setdefault((name, state), []).append(speed)
                print(f"{turn}: {name:7} {state:7} {speed:10,.0f} rows/s", flush=True)
    for state in STATES:
        own, other = (statistics.median(found[name, state]) for name in loads)
        print(f"{state} {own / other:.2f}")


def _ours(folder: Path) -> tuple[int, Callable[[], None]]:
    """How many rows the run has, and what loads them."""
    import boto3

    from aws.s3 import get_bytes
    from etl.contracts import load_contract
    from etl.keys import parse_s3_uri, run_uri
    from etl.settings import load_settings
    from etl.warehouse.executor import ConnectionExecutor, connect
    from etl.warehouse.load import load

    s3, settings = boto3.client("s3"), load_settings("local")
    contracts = folder / "project" / "config" / "contracts"
    contract = load_contract("orders", settings=settings, folder=contracts)
    uri = run_uri(settings.buckets.artifacts, contract.dataset, RUN_DATE, "metrics.json")
    bucket, key = parse_s3_uri(uri)
    metrics = json.loads(get_bytes(s3, bucket=bucket, key=key))
    rows = metrics["rows"]["valid"]

    def run() -> None:
        loaded = load(
            s3=s3,
            contract=contract,
            run_date=RUN_DATE,
            run_id="bench",
            metrics=metrics,
            rows=rows,
            settings=settings,
            executor=ConnectionExecutor(lambda: connect(settings)),
        )
        assert loaded.table_rows == rows, loaded

    return rows, run


def _theirs(orders: DuckDBPyConnection) -> Callable[[], None]:
    import boto3
    from bench.contestants.floor import load, make_table

    s3 = boto3.client("s3")
    prefix = "processed/sales/orders/"
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="etl-local-processed", Prefix=prefix
    )
    with tempfile.TemporaryDirectory(prefix="etl-bench-") as name:
        for page in pages:
            for each in page["Contents"]:
                target = str(Path(name) / each["Key"].rpartition("/")[2])
                s3.download_file("etl-local-processed", each["Key"], target)
        orders.execute(_GOOD.format(files=f"{name}/*.parquet", day=RUN_DATE))

    def run() -> None:
        make_table()
        load(orders)

    return run


if __name__ == "__main__":
    main()
