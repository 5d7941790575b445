"""awswrangler: to_parquet, and Redshift's COPY of it as an upsert."""

from __future__ import annotations

import os

import awswrangler
import redshift_connector
from bench.contestants.orders_in_python import folder, keep_bad, keep_raw, read_orders, s3

_MONEY = "decimal(12,2)"


def main() -> None:
    """One day, once."""
    client = s3()
    keep_raw(client, folder(), "wrangler")
    frame, bad = read_orders(folder())
    keep_bad(client, bad, "wrangler")
    frame["ordered_at"] = (
        frame["ordered_at"].map(lambda each: each.astimezone()).astype("datetime64[us, UTC]")
    )
    frame["updated_at"] = (
        frame["updated_at"].map(lambda each: each.astimezone()).astype("datetime64[us, UTC]")
    )
    types = {
        "subtotal": _MONEY,
        "discount": _MONEY,
        "shipping": _MONEY,
        "total_amount": "decimal(13,2)",
        "delivery_date": "date",
    }
    awswrangler.s3.to_parquet(
        frame,
        path="s3://etl-local-processed/processed/wrangler/",
        dataset=True,
        mode="overwrite_partitions",
        partition_cols=["ingest_date"],
        dtype=types,
    )
    connection = redshift_connector.connect(
        host=os.environ["PGHOST"],
        port=int(os.environ["PGPORT"]),
        database=os.environ["PGDATABASE"],
        user=os.environ["PGUSER"],
        password=os.environ.get("PGPASSWORD", ""),
        ssl=True,
        sslmode="verify-ca",
    )
    awswrangler.redshift.copy(
        frame,
        path="s3://etl-local-processed/processed/staged/",
        con=connection,
        table="wrangler",
        schema="bench",
        iam_role=os.environ["BENCH_COPY_ROLE"],
        mode="upsert",
        primary_keys=["order_id"],
        dtype=types,
        varchar_lengths={"note": 4000, "items": 65535},
    )
    connection.close()


if __name__ == "__main__":
    main()
