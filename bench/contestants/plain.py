"""What templates ship: pandas, boto3 and psycopg2's execute_values."""

from __future__ import annotations

import io
from pathlib import Path

import psycopg2
from bench.contestants.orders_in_python import RUN_DATE, folder, keep_bad, keep_raw, read_orders, s3
from psycopg2.extras import execute_values

TABLE = "bench.plain"
_PAGE = 10_000


def main() -> None:
    """One day, once."""
    client = s3()
    keep_raw(client, folder(), "plain")
    frame, bad = read_orders(folder())
    keep_bad(client, bad, "plain")
    body = io.BytesIO()
    frame.drop(columns="ingest_date").to_parquet(body, index=False)
    key = f"plain/ingest_date={RUN_DATE}/orders.parquet"
    client.put_object(Bucket="etl-local-processed", Key=key, Body=body.getvalue())
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
    columns = ", ".join(frame.columns)
    table = (Path(__file__).parent / "table.sql").read_text()
    connection = psycopg2.connect("")
    with connection, connection.cursor() as cursor:
        cursor.execute(table.format(table=TABLE))
        cursor.execute(f"CREATE TEMP TABLE incoming (LIKE {TABLE})")
        insert = f"INSERT INTO incoming ({columns}) VALUES %s"
        values = ["%s"] * len(frame.columns)
        values[list(frame.columns).index("items")] = "JSON_PARSE(%s)"
        execute_values(
            cursor, insert, list(rows), template=f"({', '.join(values)})", page_size=_PAGE
        )
        cursor.execute(
            f"DELETE FROM {TABLE} USING incoming WHERE {TABLE}.order_id = incoming.order_id"
        )
        cursor.execute(f"INSERT INTO {TABLE} SELECT * FROM incoming")
    connection.close()


if __name__ == "__main__":
    main()
