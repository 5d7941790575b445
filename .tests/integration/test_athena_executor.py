"""Queries of the embedded Athena run: over real objects, by Athena's rules, with true states."""

from __future__ import annotations

import datetime as dt
import gzip
import time
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from support.athena_queries import AthenaQueries

COLUMNS = (
    "id string, n bigint, total decimal(12,2), ok boolean, d date, at timestamp, x double,"
    " items array<struct<sku:string,quantity:int>>"
)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("n", pa.int64()),
        ("total", pa.decimal128(12, 2)),
        ("ok", pa.bool_()),
        ("d", pa.date32()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("x", pa.float64()),
        ("items", pa.list_(pa.struct([("sku", pa.string()), ("quantity", pa.int32())]))),
    ]
)
MOMENT = dt.datetime(2026, 1, 1, 9, 15, 27, 123456, tzinfo=dt.timezone.utc)
FULL = {
    "id": 'a "q", ü',
    "n": 1,
    "total": Decimal("1.50"),
    "ok": True,
    "d": dt.date(2026, 1, 1),
    "at": MOMENT,
    "x": 1e10,
    "items": [{"sku": "s1", "quantity": 2}, {"sku": "s2", "quantity": None}],
}
EMPTY: dict[str, Any] = dict.fromkeys(SCHEMA.names)


@pytest.fixture(scope="module")
def lake(client: Callable[[str], Any]) -> AthenaQueries:
    """A database with `orders`: two rows on the first of January, one on the second."""
    name = uuid.uuid4().hex[:8]
    queries = AthenaQueries(
        client("athena"), client("glue"), client("s3"), f"athena-{name}", f"shop_{name}"
    )
    queries.s3.create_bucket(Bucket=queries.bucket)
    queries.rows(f"CREATE DATABASE {queries.database}")
    for day, rows in (
        ("2026-01-01", [FULL, EMPTY]),
        ("2026-01-02", [{**FULL, "id": "", "n": 7, "items": []}]),
    ):
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        queries.put_parquet(f"orders/ingest_date={day}/part.parquet", table)
    queries.rows(external_table(queries, "orders"))
    queries.rows("MSCK REPAIR TABLE orders")
    return queries


def external_table(lake: AthenaQueries, name: str, properties: str = "") -> str:
    return (
        f"CREATE EXTERNAL TABLE {name} ({COLUMNS}) PARTITIONED BY (ingest_date date)"
        f" STORED AS PARQUET LOCATION 's3://{lake.bucket}/orders/' {properties}"
    )


def test_select_values_of_every_type_look_as_athena_writes_them(lake: AthenaQueries) -> None:
    rows = lake.rows("SELECT * FROM orders WHERE ingest_date = DATE '2026-01-01' ORDER BY n")

    assert rows == [
        [
            'a "q", ü',
            "1",
            "1.50",
            "true",
            "2026-01-01",
            "2026-01-01 09:15:27.123",
            "1.0E10",
            "[{sku=s1, quantity=2}, {sku=s2, quantity=null}]",
            "2026-01-01",
        ],
        [None, None, None, None, None, None, None, None, "2026-01-01"],
    ]


def test_select_result_file_quotes_values_and_leaves_nulls_empty(lake: AthenaQueries) -> None:
    execution = lake.finish("SELECT id, n FROM orders ORDER BY n")

    key = execution["ResultConfiguration"]["OutputLocation"].removeprefix(f"s3://{lake.bucket}/")
    body = lake.s3.get_object(Bucket=lake.bucket, Key=key)["Body"].read().decode()
    assert body == '"id","n"\n"a ""q"", ü","1"\n"","7"\n,\n'
    assert f"{key}.metadata" in lake.keys("results/")


def test_select_metadata_names_types(lake: AthenaQueries) -> None:
    execution = lake.finish("SELECT *, sum(n) OVER (), count(*) OVER () c FROM orders")

    answer = lake.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(column["Name"], column["Type"]) for column in columns] == [
        ("id", "varchar"),
        ("n", "bigint"),
        ("total", "decimal"),
        ("ok", "boolean"),
        ("d", "date"),
        ("at", "timestamp"),
        ("x", "double"),
        ("items", "array"),
        ("ingest_date", "date"),
        ("_col1", "bigint"),
        ("c", "bigint"),
    ]
    assert (columns[2]["Precision"], columns[2]["Scale"]) == (12, 2)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT count(*), count(n), sum(total), max(at) FROM orders", ["3", "2", "3.00", None]),
        ("SELECT 7 / 2, 7.0 / 2, 7 % 2", ["3", "3.5", "1"]),
        ("SELECT date_trunc('month', d) FROM orders WHERE n = 1", ["2026-01-01"]),
        ("SELECT d + INTERVAL '1' DAY FROM orders WHERE n = 1", ["2026-01-02"]),
        ("SELECT date_diff('day', DATE '2026-01-01', DATE '2026-01-31')", ["30"]),
        ("SELECT date_format(at, '%Y/%m/%d') FROM orders WHERE n = 1", ["2026/01/01"]),
        ("SELECT cardinality(items), items[1].sku FROM orders WHERE n = 1", ["2", "s1"]),
        ("SELECT sum(quantity) FROM orders, UNNEST(items) AS i(sku, quantity)", ["2"]),
        ("SELECT element_at(array[1, 2], 2), array_join(array['a', 'b'], '-')", ["2", "a-b"]),
        ("SELECT json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a.b')", ["1"]),
        ("SELECT coalesce(null, 'x'), nullif(1, 1), try_cast('x' AS bigint)", ["x", None, None]),
        ("SELECT approx_distinct(id) > 0, bool_or(ok), arbitrary(d) FROM orders WHERE n = 1",
         ["true", "true", "2026-01-01"]),
        ("SELECT format_datetime FROM (SELECT 1 AS format_datetime)", ["1"]),
    ],
)  # fmt: skip
def test_select_speaks_trino(lake: AthenaQueries, sql: str, expected: list[str | None]) -> None:
    (row,) = lake.rows(sql)

    assert [value for value, wanted in zip(row, expected, strict=True) if wanted is not None] == [
        wanted for wanted in expected if wanted is not None
    ]


def test_select_with_parameters_binds_literals(lake: AthenaQueries) -> None:
    sql = "SELECT n FROM orders WHERE ingest_date BETWEEN ? AND ? AND id <> ? ORDER BY n"

    assert lake.rows(sql, "DATE '2026-01-01'", "DATE '2026-01-02'", "'it''s'") == [["1"], ["7"]]
    assert "expected 3 but found 1" in lake.failure(sql, "1")
    assert "needs its quotes" in lake.failure("SELECT ?", "abc")


def test_select_scans_only_what_it_reads(lake: AthenaQueries) -> None:
    def scanned(sql: str) -> int:
        return int(lake.finish(sql)["Statistics"]["DataScannedInBytes"])

    day = "WHERE ingest_date = DATE '2026-01-01'"
    assert scanned("SELECT count(*) FROM orders") == 0
    assert 0 < scanned(f"SELECT n FROM orders {day}") < scanned("SELECT n FROM orders")
    assert scanned("SELECT n FROM orders") < scanned("SELECT * FROM orders")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nope FROM orders", "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"),
        ("SELECT * FROM nowhere", "TABLE_NOT_FOUND: Table 'awsdatacatalog."),
        ("SELECT * FROM no_db.t", "SCHEMA_NOT_FOUND: Schema 'no_db' does not exist"),
        ("SELECT no_function(n) FROM orders", "FUNCTION_NOT_FOUND: Function 'no_function'"),
        ("SELECT cast(id AS integer) FROM orders", "INVALID_CAST_ARGUMENT"),
        (
            "SELECT * FROM orders WHERE ingest_date = '2026-01-01'",
            "TYPE_MISMATCH: Cannot apply operator: date = varchar",
        ),
        ("SELECT n, count(*) FROM orders", "SYNTAX_ERROR"),
        ("SELECT * FROM read_csv('/etc/passwd')", "NOT_SUPPORTED: Table function"),
        ("CREATE VIEW v AS SELECT 1 AS x", "NOT_SUPPORTED"),
        ("DELETE FROM orders", "NOT_SUPPORTED"),
    ],
)
def test_query_that_athena_would_fail_is_failed(lake: AthenaQueries, sql: str, reason: str) -> None:
    assert lake.failure(sql).startswith(reason)


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT (1", "SELECT 1; SELECT 2", ""])
def test_text_that_is_no_statement_is_refused_at_once(lake: AthenaQueries, sql: str) -> None:
    with pytest.raises(ClientError, match="InvalidRequestException|Parameter validation|length"):
        lake.start(sql or " ")


def test_results_of_a_failed_query_are_refused(lake: AthenaQueries) -> None:
    execution = lake.finish("SELECT nope FROM orders")

    with pytest.raises(ClientError, match="did not finish successfully"):
        lake.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])


def test_results_come_in_pages_with_one_header(lake: AthenaQueries) -> None:
    execution = lake.finish("SELECT x FROM UNNEST(sequence(1, 2500)) AS t(x) ORDER BY x")

    rows = list(lake.pages(execution["QueryExecutionId"]))

    assert rows[0] == ["x"] and rows[1] == ["1"] and rows[-1] == ["2500"] and len(rows) == 2501


def test_stop_query_execution_cancels_it(lake: AthenaQueries) -> None:
    slow = (
        "SELECT count(*) FROM UNNEST(sequence(1, 30000000)) AS a(x),"
        " UNNEST(sequence(1, 3000)) AS b(y)"
    )
    query_id = lake.start(slow)

    lake.athena.stop_query_execution(QueryExecutionId=query_id)

    for _ in range(300):
        answer = lake.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        if answer["Status"]["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.1)
    assert answer["Status"]["State"] == "CANCELLED"


def test_ctas_writes_parquet_and_registers_its_partitions(lake: AthenaQueries) -> None:
    location = f"s3://{lake.bucket}/totals/"
    sql = (
        f"CREATE TABLE totals WITH (format = 'PARQUET', external_location = '{location}',"
        " partitioned_by = ARRAY['ingest_date']) AS SELECT sum(total) AS total, max(items) AS"
        " items, count(*) AS n, ingest_date FROM orders GROUP BY ingest_date"
    )
    lake.rows(sql)

    assert lake.rows("SELECT total, n, ingest_date FROM totals ORDER BY 3") == [
        ["1.50", "2", "2026-01-01"],
        ["1.50", "1", "2026-01-02"],
    ]
    assert lake.rows("SHOW PARTITIONS totals") == [
        ["ingest_date=2026-01-01"],
        ["ingest_date=2026-01-02"],
    ]
    table = lake.glue.get_table(DatabaseName=lake.database, Name="totals")["Table"]
    kinds = {c["Name"]: c["Type"] for c in table["StorageDescriptor"]["Columns"]}
    assert kinds == {
        "total": "decimal(38,2)",
        "items": "array<struct<sku:string,quantity:int>>",
        "n": "bigint",
    }
    assert "already exists" in lake.failure(sql)
    lake.rows("DROP TABLE totals")
    assert "HIVE_PATH_ALREADY_EXISTS" in lake.failure(sql)


def test_insert_adds_rows_and_partitions(lake: AthenaQueries) -> None:
    lake.rows(
        f"CREATE TABLE copied WITH (external_location = 's3://{lake.bucket}/copied/',"
        " partitioned_by = ARRAY['day']) AS SELECT id, n, ingest_date AS day FROM orders"
    )

    lake.rows("INSERT INTO copied VALUES ('z', 9, DATE '2026-02-01')")
    lake.rows("INSERT INTO copied (day, n) SELECT DATE '2026-02-01', n + 1 FROM orders WHERE n = 7")

    sql = "SELECT id, n FROM copied WHERE day = DATE '2026-02-01' ORDER BY n"
    assert lake.rows(sql) == [[None, "8"], ["z", "9"]]
    assert "TYPE_MISMATCH" in lake.failure("INSERT INTO copied SELECT 1")


def test_partition_ddl_adds_drops_and_repairs(lake: AthenaQueries) -> None:
    lake.rows(external_table(lake, "parts"))
    assert lake.rows("SELECT count(*) FROM parts") == [["0"]]
    lake.rows("ALTER TABLE parts ADD PARTITION (ingest_date = '2026-01-02')")
    assert lake.rows("SELECT n FROM parts") == [["7"]]
    repeated = "ALTER TABLE parts ADD {} PARTITION (ingest_date = '2026-01-02')"
    assert "AlreadyExists" in lake.failure(repeated.format(""))
    lake.rows(repeated.format("IF NOT EXISTS"))

    assert lake.rows("MSCK REPAIR TABLE parts") == [
        ["Partitions not in metastore:\tparts:ingest_date=2026-01-01"],
        ["Repair: Added partition to metastore parts:ingest_date=2026-01-01"],
    ]
    lake.rows("ALTER TABLE parts DROP PARTITION (ingest_date = '2026-01-02')")

    assert lake.rows("SELECT count(*) FROM parts") == [["2"]]
    assert lake.keys("orders/ingest_date=2026-01-02/") != []


def test_partitions_lie_where_they_are_registered(lake: AthenaQueries) -> None:
    places = {"2026-02-01": "a", "2026-02-02": "b/deep", "2026-02-03": "b", "2026-02-04": "b/none"}
    for text, key in (("1", "places/a/1"), ("2", "places/a2/1"), ("3", "places/b/deep/1")):
        lake.put(f"{key}.json", f'{{"v": "{text}"}}\n')
    lake.put("elsewhere/1.json", '{"v": "4"}\n')
    lake.rows(f"""
        CREATE EXTERNAL TABLE places (v string) PARTITIONED BY (day date)
        ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
        LOCATION 's3://{lake.bucket}/places/'
        """)
    wanted = {day: f"places/{place}" for day, place in places.items()} | {"2026-02-05": "elsewhere"}
    for day, place in wanted.items():
        lake.rows(
            f"ALTER TABLE places ADD PARTITION (day = '{day}')"
            f" LOCATION 's3://{lake.bucket}/{place}/'"
        )

    assert lake.rows("SELECT v, day FROM places WHERE day <> DATE '2026-02-03' ORDER BY day") == [
        ["1", "2026-02-01"],
        ["3", "2026-02-02"],
        ["4", "2026-02-05"],
    ]
    assert lake.rows("SELECT v FROM places WHERE day = DATE '2026-02-03'") == [["3"]]


def test_projection_date_range_decides_what_is_seen(lake: AthenaQueries) -> None:
    lake.rows(
        external_table(
            lake,
            "projected",
            "TBLPROPERTIES ('projection.enabled'='true', 'projection.ingest_date.type'='date',"
            " 'projection.ingest_date.range'='2026-01-02,NOW',"
            " 'projection.ingest_date.format'='yyyy-MM-dd')",
        )
    )

    assert lake.rows("SELECT n, ingest_date FROM projected") == [["7", "2026-01-02"]]


def test_projection_integer_enum_and_injected_follow_the_template(lake: AthenaQueries) -> None:
    for kind, number, tenant in (("a", "001", "t1"), ("b", "002", "t1"), ("c", "003", "t2")):
        lake.put(f"events/{tenant}/{kind}/{number}/x.json", f'{{"v": "{kind}{number}"}}\n')
    lake.rows(f"""
        CREATE EXTERNAL TABLE events (v string)
        PARTITIONED BY (tenant string, kind string, number int)
        ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
        LOCATION 's3://{lake.bucket}/events/'
        TBLPROPERTIES ('projection.enabled'='true', 'projection.tenant.type'='injected',
          'projection.kind.type'='enum', 'projection.kind.values'='a,b',
          'projection.number.type'='integer', 'projection.number.range'='1,2',
          'projection.number.digits'='3',
          'storage.location.template'='s3://{lake.bucket}/events/${{tenant}}/${{kind}}/${{number}}')
        """)

    sql = "SELECT v, number FROM events WHERE tenant = '{}' ORDER BY v"
    assert lake.rows(sql.format("t1")) == [["a001", "1"], ["b002", "2"]]
    assert lake.rows(sql.format("t2")) == []
    assert "injected projected partition column tenant" in lake.failure("SELECT * FROM events")


def test_text_tables_read_json_and_csv_plain_and_gzipped(lake: AthenaQueries) -> None:
    lake.put("json/a.json", '{"id": 1, "tags": ["x"], "at": "2026-01-01 00:00:00"}\n')
    lake.put("json/b.json.gz", gzip.compress(b'{"id": 2}\n'))
    lake.put("csv/a.csv", 'id,name\n1,"a, b"\n2,"say ""hi"""\n')
    lake.rows(f"""
        CREATE EXTERNAL TABLE from_json (id int, tags array<string>, at timestamp)
        ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
        LOCATION 's3://{lake.bucket}/json/'
        """)
    lake.rows(f"""
        CREATE EXTERNAL TABLE from_csv (id int, name string)
        ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
        LOCATION 's3://{lake.bucket}/csv/' TBLPROPERTIES ('skip.header.line.count'='1')
        """)
    lake.put("tsv/a.txt", "1\tx\n\\N\tnot, quoted\n")
    lake.rows(f"""
        CREATE EXTERNAL TABLE from_text (id int, name string)
        ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t'
        STORED AS TEXTFILE LOCATION 's3://{lake.bucket}/tsv/'
        """)

    assert lake.rows("SELECT * FROM from_json ORDER BY id") == [
        ["1", "[x]", "2026-01-01 00:00:00.000"],
        ["2", None, None],
    ]
    assert lake.rows("SELECT * FROM from_csv ORDER BY id") == [["1", "a, b"], ["2", 'say "hi"']]
    assert lake.rows("SELECT * FROM from_text ORDER BY id") == [["1", "x"], [None, "not, quoted"]]


def test_parquet_of_another_type_than_the_catalogue_says_is_bad_data(lake: AthenaQueries) -> None:
    lake.put_parquet("bad/x.parquet", pa.table({"n": ["text"]}))
    lake.rows(f"CREATE EXTERNAL TABLE bad (n bigint) STORED AS PARQUET"
              f" LOCATION 's3://{lake.bucket}/bad/'")  # fmt: skip

    assert lake.failure("SELECT n FROM bad").startswith("HIVE_BAD_DATA: Field n's type VARCHAR")


def test_show_and_describe_read_the_catalogue(lake: AthenaQueries) -> None:
    assert ["orders"] in lake.rows("SHOW TABLES")
    assert [lake.database] in lake.rows("SHOW DATABASES")
    assert lake.rows("SHOW TABLES 'ord*'") == [["orders"]]
    described = [str(row[0]).split() for row in lake.rows("DESCRIBE orders")]
    assert ["total", "decimal(12,2)"] in described and ["ingest_date", "date"] in described
    created = "\n".join(str(row[0]) for row in lake.rows("SHOW CREATE TABLE orders"))
    lake.rows(created.replace(f"{lake.database}.orders", f"{lake.database}`.`again"))
    lake.rows("MSCK REPAIR TABLE again")
    assert lake.rows("SELECT count(*) FROM again") == [["3"]]


def test_workgroup_that_enforces_its_output_overrides_the_request(lake: AthenaQueries) -> None:
    name = f"group-{uuid.uuid4().hex[:8]}"
    lake.athena.create_work_group(
        Name=name,
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": f"s3://{lake.bucket}/enforced"},
        },
    )

    query_id = lake.athena.start_query_execution(
        QueryString="SELECT 1",
        WorkGroup=name,
        ResultConfiguration={"OutputLocation": f"s3://{lake.bucket}/wished/"},
    )["QueryExecutionId"]

    execution = lake.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://{lake.bucket}/enforced/{query_id}.csv"
    assert execution["WorkGroup"] == name


def test_query_without_an_output_location_is_refused(lake: AthenaQueries) -> None:
    with pytest.raises(ClientError, match="No output location provided"):
        lake.athena.start_query_execution(QueryString="SELECT 1")


def test_query_whose_output_bucket_is_missing_fails(lake: AthenaQueries) -> None:
    query_id = lake.athena.start_query_execution(
        QueryString="SELECT 1", ResultConfiguration={"OutputLocation": "s3://no-such-bucket-x/"}
    )["QueryExecutionId"]

    for _ in range(300):
        answer = lake.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        if answer["Status"]["State"] not in ("QUEUED", "RUNNING"):
            break
    assert answer["Status"]["State"] == "FAILED"
    assert "no-such-bucket-x" in answer["Status"]["StateChangeReason"]


@pytest.mark.parametrize("ctas", [False, True])
def test_awswrangler_reads_a_query(lake: AthenaQueries, ctas: bool) -> None:
    import awswrangler as wr

    frame = wr.athena.read_sql_query(
        "SELECT id, n, total, ok, d, at, x, ingest_date FROM orders WHERE n = 1",
        database=lake.database,
        s3_output=f"s3://{lake.bucket}/wrangler/",
        ctas_approach=ctas,
    )

    (row,) = frame.to_dict("records")
    assert row["id"] == 'a "q", ü' and row["n"] == 1 and row["total"] == Decimal("1.50")
    assert row["at"].isoformat() == "2026-01-01T09:15:27.123000"
    assert row["ingest_date"] == dt.date(2026, 1, 1)
