"""The floor: the same work by the fastest tools, nothing around them, for these orders only.

DuckDB reads, checks and writes; each file is uploaded once; binary COPY takes what DuckDB has.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import duckdb
import pgpq
import psycopg2
import pyarrow

TABLE = "bench.floor"
_BATCH = 100_000
_PIECE = 1024 * 1024
_READ = """
CREATE TABLE checked AS
WITH lines AS (
  FROM read_csv('{folder}/*.gz', columns = {{'line': 'VARCHAR'}}, header = false, delim = '\x01',
    quote = '', escape = '', auto_detect = false, max_line_size = 10000000)
), typed AS (
  SELECT line,
    CASE WHEN line NOT LIKE '%\\u0000%' AND line NOT LIKE '%\\ud83d"%' THEN line END AS j,
    json_type(j, ['$.order_id', '$.customer', '$.customer.id', '$.customer.name',
      '$.customer.country', '$.is_gift', '$.subtotal', '$.shipping', '$.discount', '$.items',
      '$.ordered_at', '$.updated_at', '$.order_date', '$.status', '$.currency',
      '$.items[0].quantity']) AS t,
    json_extract_string(j, ['$.order_id', '$.customer.id', '$.customer.name', '$.customer.email',
      '$.customer.country', '$.status', '$.currency', '$.subtotal', '$.discount', '$.shipping',
      '$.is_gift', '$.order_date', '$.delivery_date', '$.ordered_at', '$.updated_at',
      '$.note', '$.items']) AS v
  FROM lines
), rows AS (
  SELECT line, t, v[1] AS order_id, TRY_CAST(v[2] AS BIGINT) AS customer_id,
    v[3] AS customer_name, v[4] AS customer_email, v[5] AS country, v[6] AS status,
    v[7] AS currency, TRY_CAST(v[8] AS DECIMAL(12, 2)) AS subtotal,
    TRY_CAST(v[9] AS DECIMAL(12, 2)) AS discount, TRY_CAST(v[10] AS DECIMAL(12, 2)) AS shipping,
    TRY_CAST(v[11] AS BOOLEAN) AS is_gift, TRY_CAST(v[12] AS DATE) AS order_date,
    TRY_CAST(v[13] AS DATE) AS delivery_date, TRY_CAST(v[14] AS TIMESTAMPTZ) AS ordered_at,
    TRY_CAST(v[15] AS TIMESTAMPTZ) AS updated_at, v[16] AS note, v[17] AS items,
    v[13] AS delivery_text, v[8] AS subtotal_text, v[15] AS updated_text, v[14] AS ordered_text
  FROM typed
)
SELECT * EXCLUDE (t, delivery_text, subtotal_text, updated_text, ordered_text),
  (subtotal - coalesce(discount, 0) + shipping)::DECIMAL(13, 2) AS total_amount,
  DATE '2026-01-01' AS ingest_date,
  coalesce(t[1] = 'VARCHAR' AND t[2] = 'OBJECT' AND t[3] IN ('UBIGINT', 'BIGINT')
    AND t[4] = 'VARCHAR' AND t[6] = 'BOOLEAN' AND t[7] <> 'BOOLEAN' AND t[8] <> 'BOOLEAN'
    AND t[10] = 'ARRAY' AND t[16] = 'UBIGINT' AND t[11] = 'VARCHAR'
    AND regexp_full_match(order_id, 'ORD-[0-9]{{8}}-[0-9]{{6,}}') AND customer_id IS NOT NULL
    AND octet_length(encode(customer_name)) <= 200 AND regexp_full_match(country, '[A-Z]{{2}}')
    AND status IN ('placed', 'paid', 'shipped', 'delivered', 'cancelled')
    AND regexp_full_match(currency, '[A-Z]{{3}}') AND subtotal >= 0 AND shipping >= 0
    AND regexp_full_match(subtotal_text, '-?[0-9]+([.][0-9]{{1,2}})?')
    AND (discount IS NULL OR discount BETWEEN 0 AND subtotal)
    AND order_date <= DATE '2026-01-01' AND (delivery_text IS NULL OR delivery_date >= order_date)
    AND ordered_at IS NOT NULL AND updated_at IS NOT NULL
    AND regexp_matches(ordered_text, '(Z|[+-][0-9]{{2}}:[0-9]{{2}})$')
    AND NOT regexp_matches(updated_text, '[.][0-9]{{7}}'), false) AS good
FROM rows
"""
_GOOD = """
CREATE TABLE good AS SELECT * EXCLUDE (line, good) FROM checked WHERE good
QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY updated_at DESC, rowid DESC) = 1
"""


def main() -> None:
    """One day, once."""
    s3, folder = boto3.client("s3"), Path(os.environ["BENCH_ORDERS"])
    for path in sorted(folder.iterdir()):
        s3.upload_file(str(path), "etl-local-raw", f"floor/{path.name}")
    make_table()
    connection = duckdb.connect()
    connection.execute(_READ.format(folder=folder))
    connection.execute(_GOOD)
    with tempfile.TemporaryDirectory() as made:
        connection.execute(f"COPY good TO '{made}/good.parquet'")
        connection.execute(
            f"COPY (SELECT line FROM checked WHERE NOT good) TO '{made}/bad.gz'"
            " (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01', COMPRESSION gzip)"
        )
        key = "floor/ingest_date=2026-01-01/good.parquet"
        s3.upload_file(f"{made}/good.parquet", "etl-local-processed", key)
        s3.upload_file(f"{made}/bad.gz", "etl-local-quarantine", "floor/bad.jsonl.gz")
    load(connection)


def make_table() -> None:
    """The table, made by Redshift."""
    table = (Path(__file__).parent / "table.sql").read_text()
    connection = psycopg2.connect("")
    with connection, connection.cursor() as cursor:
        cursor.execute(table.format(table=TABLE))
    connection.close()


def load(orders: duckdb.DuckDBPyConnection) -> None:
    """Binary COPY into the database below Redshift, then a merge by key."""
    reader = orders.sql("FROM good").to_arrow_reader(_BATCH)
    connection = psycopg2.connect(os.environ["BENCH_POSTGRES"])
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE incoming (LIKE {TABLE})")
        cursor.copy_expert("COPY incoming FROM STDIN (FORMAT binary)", Encoded(reader), _PIECE)
        cursor.execute(f"DELETE FROM {TABLE} t USING incoming i WHERE t.order_id = i.order_id")
        cursor.execute(f"INSERT INTO {TABLE} SELECT * FROM incoming")
    connection.close()


class Encoded(io.RawIOBase):
    """Arrow batches as PostgreSQL's binary COPY reads them."""

    def __init__(self, reader: pyarrow.RecordBatchReader) -> None:
        self._encoder = pgpq.ArrowToPostgresBinaryEncoder(reader.schema)
        self._parts = self._encode(reader)
        self._rest = memoryview(b"")

    def _encode(self, reader: pyarrow.RecordBatchReader) -> Iterator[bytes]:
        yield self._encoder.write_header()
        yield from map(self._encoder.write_batch, reader)
        yield self._encoder.finish()

    def read(self, size: int = -1) -> bytes:
        """So much of the next part, and all of what is left of it if it is less."""
        if not self._rest:
            self._rest = memoryview(next((each for each in self._parts if each), b""))
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)


if __name__ == "__main__":
    main()
