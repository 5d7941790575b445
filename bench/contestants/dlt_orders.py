"""dlt: Arrow tables, parquet files staged on S3, Redshift's COPY of them, merged by key."""

from __future__ import annotations

import os
from collections.abc import Iterator

import dlt
import pyarrow
from bench.contestants.orders_in_python import folder, keep_bad, keep_raw, read_orders, s3

_CHUNK = 100_000


def orders() -> Iterator[pyarrow.Table]:
    """The good orders of the day."""
    frame, bad = read_orders(folder())
    keep_bad(s3(), bad, "dlt")
    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    for start in range(0, table.num_rows, _CHUNK):
        yield table.slice(start, _CHUNK)


def main() -> None:
    """One day, once."""
    keep_raw(s3(), folder(), "dlt")
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.redshift(
            {
                "host": os.environ["PGHOST"],
                "port": int(os.environ["PGPORT"]),
                "database": os.environ["PGDATABASE"],
                "username": os.environ["PGUSER"],
                "password": os.environ.get("PGPASSWORD", ""),
            },
            staging_iam_role=os.environ["BENCH_COPY_ROLE"],
        ),
        staging=dlt.destinations.filesystem("s3://etl-local-processed/processed/dlt"),
        dataset_name="bench_dlt",
    )
    pipeline.run(
        orders(),
        table_name="orders",
        write_disposition="merge",
        primary_key="order_id",
        loader_file_format="parquet",
    )


if __name__ == "__main__":
    main()
