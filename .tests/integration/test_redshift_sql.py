"""SQL on the embedded Redshift: what has to work, with its results, and what has to be refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg2
import pytest

Connect = Callable[..., Any]


@pytest.fixture(scope="module")
def connect(cloud: dict[str, str]) -> Connect:
    """Opens connections to the embedded Redshift; they take what PG* variables say."""

    def connect(**parameters: Any) -> Any:
        return psycopg2.connect(**{"dbname": "dev"} | parameters)

    return connect


@pytest.fixture(scope="module")
def connection(connect: Connect) -> Iterator[Any]:
    """One connection for the tests that leave nothing behind."""
    connection = connect()
    yield connection
    connection.close()


@pytest.fixture
def cursor(connection: Any) -> Iterator[Any]:
    """A cursor whose transaction is rolled back after the test."""
    with connection.cursor() as cursor:
        yield cursor
    connection.rollback()


ORDERS = """
CREATE TEMP TABLE orders (id INTEGER, status VARCHAR(8), at TIMESTAMP, day DATE, items SUPER);
INSERT INTO orders VALUES
 (1, 'paid', '2026-01-31 23:59:59', '2026-01-31',
  JSON_PARSE('[{"sku": "A", "quantity": 2, "price": 61.70}, {"sku": "B", "quantity": 1}]')),
 (2, 'open', '2026-02-01 00:00:01', '2026-02-01', JSON_PARSE('[]')),
 (3, NULL, NULL, NULL, NULL);
"""

WORKS = [
    ("SELECT NVL(NULL, 7), NVL2(NULL, 1, 2), NVL2(3, 1, 2)", [(7, 2, 1)]),
    ("SELECT DECODE(2, 1, 'a', 2, 'b', 'c'), DECODE(NULL, NULL, 'n')", [("b", "n")]),
    ("SELECT DECODE(9, 1, 'a')", [(None,)]),
    ("SELECT CONVERT(INTEGER, '12'), CAST('x' AS VARCHAR(MAX))", [(12, "x")]),
    ("SELECT LEN('Zoë'), CHARINDEX('o', 'Zoë'), CONCAT('a', 'b')", [(3, 2, "ab")]),
    ("SELECT CONCAT('a', NULL)", [(None,)]),
    (
        "SELECT REGEXP_REPLACE('a-b-c', '-', '+'), REGEXP_REPLACE('a1b2', '[0-9]')",
        [("a+b+c", "ab")],
    ),
    ("SELECT 'a\\\\b', 'it''s'", [("a\\b", "it's")]),
    ("SELECT DATEADD(day, 1, '2026-01-31')", [(dt.datetime(2026, 2, 1),)]),
    ("SELECT DATEADD(month, 1, DATE '2026-01-31')", [(dt.datetime(2026, 2, 28),)]),
    (
        "SELECT DATEADD('hour', -2, TIMESTAMP '2026-01-01 01:00:00')",
        [(dt.datetime(2025, 12, 31, 23),)],
    ),
    ("SELECT DATEDIFF(day, '2026-01-01', '2026-03-01')", [(59,)]),
    (
        "SELECT DATEDIFF(month, '2026-01-31', '2026-02-01'), DATEDIFF(qtr, '2026-3-1', '2026-4-1')",
        [(1, 1)],
    ),
    ("SELECT DATEDIFF(hour, '2026-01-01 00:59:59', '2026-01-01 01:00:00')", [(1,)]),
    ("SELECT DATEDIFF(years, '2025-12-31', '2026-01-01')", [(1,)]),
    (
        "SELECT DATE_PART(dayofweek, DATE '2026-01-01'), DATE_PART(year, '2026-05-01')",
        [(4.0, 2026.0)],
    ),
    ("SELECT DATE_TRUNC('month', DATE '2026-01-31')", [(dt.datetime(2026, 1, 1),)]),
    (
        "SELECT TRUNC(TIMESTAMP '2026-01-31 23:00:00'), LAST_DAY(DATE '2024-02-03')",
        [(dt.date(2026, 1, 31), dt.date(2024, 2, 29))],
    ),
    ("SELECT ADD_MONTHS(DATE '2024-02-29', 1)", [(dt.datetime(2024, 3, 31),)]),
    ("SELECT MONTHS_BETWEEN('2026-03-31', '2026-01-31')", [(2.0,)]),
    (
        "SELECT CONVERT_TIMEZONE('US/Pacific', TIMESTAMP '2026-01-01 00:00:00')",
        [(dt.datetime(2025, 12, 31, 16),)],
    ),
    (
        "SELECT CONVERT_TIMEZONE('Europe/Stockholm', 'UTC', TIMESTAMP '2026-07-01 02:00:00')",
        [(dt.datetime(2026, 7, 1),)],
    ),
    (
        "SELECT TO_CHAR(TIMESTAMP '2026-01-02 03:04:05.123456', 'YYYY-MM-DD HH24:MI:SS.US')",
        [("2026-01-02 03:04:05.123456",)],
    ),
    ("SELECT GETDATE() - SYSDATE BETWEEN INTERVAL '-1 minute' AND INTERVAL '1 minute'", [(True,)]),
    (
        "SELECT STRTOL('ff', 16), STRTOL('-101', 2), STRTOL('abcdef012345678', 16)",
        [(255, -5, 0xABCDEF012345678)],
    ),
    (
        "SELECT MD5('abc'), SHA1('abc')",
        [("900150983cd24fb0d6963f7d28e17f72", "a9993e364706816aba3e25717850c26c9cd0d89d")],
    ),
    (
        "SELECT FUNC_SHA1(REPEAT('a', 64)), SHA('')",
        [("0098ba824b5c16427bd7a1122a5a442a25ec644d", "da39a3ee5e6b4b0d3255bfef95601890afd80709")],
    ),
    (
        "SELECT SHA2('abc', 256)",
        [("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",)],
    ),
    # the examples of Redshift's Developer Guide, FNV_HASH
    (
        "SELECT FNV_HASH(1), FNV_HASH('Amazon Redshift')",
        [(-5968735742475085980, 7783490368944507294)],
    ),
    (
        "SELECT FNV_HASH('Amazon Redshift', FNV_HASH(1)), FNV_HASH('cd', FNV_HASH('ab'))",
        [(-2202602717770968555, -281581062704388899)],
    ),
    ("SELECT JSON_EXTRACT_PATH_TEXT('{\"a\": {\"b\": 1.50}}', 'a', 'b')", [("1.50",)]),
    ("SELECT JSON_EXTRACT_PATH_TEXT('no json', 'a', true)", [(None,)]),
    (
        "SELECT JSON_ARRAY_LENGTH('[1, 2]'), JSON_EXTRACT_ARRAY_ELEMENT_TEXT('[\"a\", 2]', 0)",
        [(2, "a")],
    ),
    (
        "SELECT IS_VALID_JSON('{}'), IS_VALID_JSON('['), CAN_JSON_PARSE('[1]')",
        [(True, False, True)],
    ),
    (
        'SELECT JSON_SERIALIZE(JSON_PARSE(\'{"b": [1, 2.50, "x y"], "a": null}\'))',
        [('{"b":[1,2.50,"x y"],"a":null}',)],
    ),
    (
        "SELECT items[0].sku, items[0].price * 2, items[5].sku FROM orders WHERE id = 1",
        [('"A"', Decimal("123.40"), None)],
    ),
    (
        "SELECT o.id, i.sku::VARCHAR, n FROM orders AS o, o.items AS i AT n WHERE i.quantity > 1",
        [(1, "A", 0)],
    ),
    ("SELECT SUM(i.quantity), COUNT(*) FROM orders o, o.items i", [(Decimal(3), 2)]),
    ("SELECT id FROM orders o, o.items i WHERE i.sku = 'B'", [(1,)]),
    (
        "SELECT GET_ARRAY_LENGTH(items), JSON_TYPEOF(items), IS_ARRAY(items) FROM orders LIMIT 1",
        [(2, "array", True)],
    ),
    ("SELECT COUNT(DISTINCT items) FROM orders", [(2,)]),
    ("SELECT LISTAGG(status, '|') WITHIN GROUP (ORDER BY id DESC) FROM orders", [("open|paid",)]),
    ("SELECT LISTAGG(DISTINCT id, ',') FROM orders", [("1,2,3",)]),
    (
        "SELECT SUM(id), AVG(id), SUM(id::BIGINT), AVG(id::BIGINT) FROM orders WHERE id < 3",
        [(3, 1, 3, 1)],
    ),
    ("SELECT MEDIAN(id) FROM orders", [(2.0,)]),
    ("SELECT TOP 1 id FROM orders ORDER BY id DESC", [(3,)]),
    ("SELECT id FROM orders MINUS SELECT 1 MINUS SELECT 2", [(3,)]),
    ("SELECT APPROXIMATE COUNT(DISTINCT id) FROM orders", [(3,)]),
    ("SELECT id, SUM(id) OVER (ORDER BY id) FROM orders ORDER BY 1", [(1, 1), (2, 3), (3, 6)]),
    ("SELECT 'select nvl(1) -- returning', /* jsonb */ 1", [("select nvl(1) -- returning", 1)]),
]


@pytest.mark.parametrize(("sql", "rows"), WORKS, ids=[sql[:70] for sql, _ in WORKS])
def test_sql_of_redshift_gives_redshifts_result(cursor: Any, sql: str, rows: list[Any]) -> None:
    cursor.execute(ORDERS)
    cursor.execute(sql)
    assert cursor.fetchall() == rows


REFUSED = [
    ("INSERT INTO orders VALUES (1) ON CONFLICT DO NOTHING", "42601", 'near "ON"'),
    ("INSERT INTO orders VALUES (1) RETURNING id", "42601", 'near "RETURNING"'),
    ("CREATE TABLE t (a JSONB)", "0A000", 'unsupported type "jsonb"'),
    ("CREATE TABLE t (a SERIAL)", "0A000", 'unsupported type "serial"'),
    ("CREATE TABLE t (a INTEGER[])", "0A000", 'unsupported type "integer[]"'),
    ("CREATE TABLE t (a UUID)", "0A000", 'unsupported type "uuid"'),
    ("CREATE TABLE t (a INT CHECK (a > 0))", "42601", "CHECK"),
    ("CREATE TABLE t (a VARCHAR(65536))", "22023", "cannot exceed 65535"),
    ("CREATE INDEX i ON orders (id)", "0A000", "not supported on Redshift tables"),
    ("CREATE UNIQUE INDEX i ON orders (id)", "0A000", "not supported on Redshift tables"),
    ("CREATE SEQUENCE s", "0A000", "not supported on Redshift tables"),
    ("CREATE TRIGGER t AFTER INSERT ON orders EXECUTE FUNCTION f()", "0A000", "not supported"),
    ("CREATE EXTENSION pgcrypto", "0A000", "not supported"),
    ("CREATE EXTERNAL TABLE t (a INT)", "0A000", "embedded Redshift does not run"),
    ("ALTER TABLE orders ADD COLUMN IF NOT EXISTS x INT", "42601", "syntax error"),
    ("ALTER TABLE orders ADD COLUMN x INT, ADD COLUMN y INT", "42601", "syntax error"),
    ("ALTER TABLE orders ALTER COLUMN id TYPE BIGINT", "0A000", "VARCHAR"),
    ("ALTER TABLE orders ALTER COLUMN status TYPE VARCHAR(9)", "25001", "transaction block"),
    ("SELECT true::VARCHAR", "42846", "cannot cast type boolean to character varying"),
    ("SELECT STRING_AGG(status, ',') FROM orders", "42883", "string_agg"),
    ("SELECT ARRAY_AGG(id) FROM orders", "42883", "array_agg"),
    ("SELECT DISTINCT ON (id) id FROM orders", "0A000", "DISTINCT ON"),
    ("SELECT COUNT(*) FILTER (WHERE id > 1) FROM orders", "42601", "syntax error"),
    ("SELECT '{}'::JSONB", "42704", "jsonb"),
    ("SELECT id FROM orders QUALIFY ROW_NUMBER() OVER (ORDER BY id) = 1", "0A000", "QUALIFY"),
    ("LOCK orders IN SHARE MODE", "42601", "syntax error"),
    (
        "MERGE INTO orders USING (SELECT 1 AS id) s ON orders.id = s.id"
        " WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
        "42601",
        "syntax",
    ),
    (
        "MERGE INTO orders USING orders s ON orders.id = s.id WHEN MATCHED THEN DELETE",
        "42601",
        "both",
    ),
    ("SELECT JSON_PARSE('[1')", "XX000", "JSON parsing error"),
    ("SELECT STRTOL('9', 8)", "22023", "base 8"),
    ("COPY orders FROM STDIN", "42601", "syntax error"),
    ("COPY orders FROM '/etc/passwd'", "0A000", "only s3://"),
    ("SELECT nothing FROM orders", "42703", "does not exist"),
]


@pytest.mark.parametrize(("sql", "code", "text"), REFUSED, ids=[sql[:60] for sql, *_ in REFUSED])
def test_sql_that_redshift_does_not_take_is_refused_and_the_transaction_lost(
    cursor: Any, sql: str, code: str, text: str
) -> None:
    cursor.execute(ORDERS)
    with pytest.raises(psycopg2.Error) as refused:
        cursor.execute(sql)
    assert (refused.value.pgcode, text in str(refused.value)) == (code, True), refused.value
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        cursor.execute("SELECT 1")


def test_create_table_with_every_attribute_keeps_what_it_says(cursor: Any) -> None:
    cursor.execute("""
        CREATE TABLE IF NOT EXISTS public.attributes (
            id BIGINT IDENTITY(10, 5) NOT NULL ENCODE az64,
            "Name" VARCHAR(20) ENCODE zstd DISTKEY,
            amount DECIMAL(12,2) DEFAULT 0 NOT NULL,
            seen TIMESTAMPTZ DEFAULT GETDATE(),
            tags SUPER,
            UNIQUE (id),
            PRIMARY KEY (id, "Name"),
            FOREIGN KEY (id) REFERENCES somewhere (id)
        ) DISTSTYLE KEY COMPOUND SORTKEY (amount, id) BACKUP NO
        """)
    cursor.execute("INSERT INTO attributes (\"Name\") VALUES ('a'), ('a')")
    cursor.execute('SELECT id, "Name", amount FROM attributes ORDER BY id')
    assert cursor.fetchall() == [(10, "a", Decimal("0.00")), (15, "a", Decimal("0.00"))]
    cursor.execute(
        'SELECT "column", type, encoding, distkey, sortkey, "notnull" FROM pg_table_def'
        " WHERE tablename = 'attributes'"
    )
    assert cursor.fetchall() == [
        ("id", "bigint", "az64", False, 2, True),
        ("Name", "character varying(20)", "zstd", True, 0, True),
        ("amount", "numeric(12,2)", "none", False, 1, True),
        ("seen", "timestamp with time zone", "none", False, 0, False),
        ("tags", "super", "none", False, 0, False),
    ]
    cursor.execute(
        "SELECT diststyle, sortkey1, tbl_rows FROM svv_table_info WHERE \"table\" = 'attributes'"
    )
    assert cursor.fetchall() == [("KEY(Name)", "amount", 2)]
    cursor.execute(
        "SELECT data_type, character_maximum_length, numeric_precision FROM svv_columns"
        " WHERE table_name = 'attributes' AND table_schema = 'public'"
    )
    assert cursor.fetchall()[:3] == [
        ("bigint", None, 64),
        ("character varying", 20, None),
        ("numeric", None, 12),
    ]


def test_primary_key_is_known_but_not_enforced(cursor: Any) -> None:
    cursor.execute("CREATE TABLE keyed (id INT PRIMARY KEY, v INT)")
    cursor.execute("INSERT INTO keyed VALUES (1, 1), (1, 2)")
    cursor.execute("SELECT COUNT(*) FROM keyed WHERE id = 1")
    assert cursor.fetchone() == (2,)
    cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'keyed'")
    assert cursor.fetchone()[0].endswith("(id)")


def test_null_in_a_not_null_column_is_refused_in_redshifts_words(cursor: Any) -> None:
    cursor.execute("CREATE TEMP TABLE t (id INT NOT NULL)")
    with pytest.raises(psycopg2.Error, match="Cannot insert a NULL value into column id"):
        cursor.execute("INSERT INTO t VALUES (NULL)")


@pytest.mark.parametrize(
    "make",
    [
        "CREATE TABLE narrow (v VARCHAR(4))",
        "CREATE TEMP TABLE narrow (v VARCHAR(4))",
        "CREATE TEMP TABLE narrow (LIKE wide)",
        "CREATE TABLE narrow AS SELECT * FROM wide",
        "CREATE TABLE narrow (x INT); ALTER TABLE narrow ADD COLUMN v VARCHAR(4);"
        " ALTER TABLE narrow DROP COLUMN x",
    ],
)
def test_varchar_counts_bytes_however_the_table_was_made(cursor: Any, make: str) -> None:
    cursor.execute("CREATE TEMP TABLE wide (v VARCHAR(4))")
    cursor.execute(make)
    cursor.execute("INSERT INTO narrow VALUES ('éé'), ('abcd')")
    with pytest.raises(psycopg2.errors.StringDataRightTruncation) as refused:
        cursor.execute("INSERT INTO narrow VALUES ('ééé')")
    assert str(refused.value).startswith("value too long for type character varying(4)")


def test_varchar_that_grew_takes_more_bytes(connect: Connect) -> None:
    connection = connect()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE growing (v VARCHAR(4))")
        cursor.execute("ALTER TABLE growing ALTER COLUMN v TYPE VARCHAR(6)")
        cursor.execute("INSERT INTO growing VALUES ('ééé')")
        with pytest.raises(psycopg2.errors.StringDataRightTruncation, match=r"varying\(6\)"):
            cursor.execute("INSERT INTO growing VALUES ('éééé')")
        cursor.execute("DROP TABLE growing")
    connection.close()


MERGES = [
    (
        "MERGE INTO target USING source ON target.id = source.id"
        " WHEN MATCHED THEN UPDATE SET v = source.v"
        " WHEN NOT MATCHED THEN INSERT VALUES (source.id, source.v)"
    ),
    "MERGE INTO target USING source ON target.id = source.id REMOVE DUPLICATES",
]


@pytest.mark.parametrize("merge", MERGES)
def test_merge_in_both_forms_replaces_and_adds(cursor: Any, merge: str) -> None:
    cursor.execute(
        "CREATE TEMP TABLE target (id INT, v VARCHAR(9)); CREATE TEMP TABLE source (LIKE target);"
        "INSERT INTO target VALUES (101, 'Bob'), (102, 'John');"
        "INSERT INTO source VALUES (102, 'Tony'), (103, 'Alice')"
    )
    cursor.execute(merge)
    cursor.execute("SELECT * FROM target ORDER BY id")
    assert cursor.fetchall() == [(101, "Bob"), (102, "Tony"), (103, "Alice")]


def test_merge_with_two_rows_for_one_is_refused(cursor: Any) -> None:
    cursor.execute(
        "CREATE TEMP TABLE target (id INT, v INT); CREATE TEMP TABLE source (LIKE target);"
        "INSERT INTO target VALUES (1, 1); INSERT INTO source VALUES (1, 2), (1, 3)"
    )
    with pytest.raises(psycopg2.Error, match="Found multiple matches to update the same tuple"):
        cursor.execute(MERGES[0])


def test_truncate_commits_what_was_before_it(connect: Connect) -> None:
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE truncated (v INT)")
        cursor.execute("INSERT INTO truncated VALUES (1)")
        cursor.execute("CREATE TABLE kept AS SELECT 1 AS v")
        cursor.execute("TRUNCATE TABLE truncated")
        connection.rollback()
        cursor.execute("SELECT (SELECT COUNT(*) FROM truncated), (SELECT COUNT(*) FROM kept)")
        assert cursor.fetchone() == (0, 1)
        cursor.execute("DROP TABLE truncated; DROP TABLE kept")
        connection.commit()
    connection.close()


def test_script_is_one_transaction(connect: Connect) -> None:
    connection = connect()
    connection.autocommit = True
    with connection.cursor() as cursor:
        with pytest.raises(psycopg2.Error):
            cursor.execute("CREATE TABLE half (v INT); CREATE INDEX i ON half (v)")
        cursor.execute("SELECT COUNT(*) FROM svv_tables WHERE table_name = 'half'")
        assert cursor.fetchone() == (0,)
        cursor.execute("BEGIN; CREATE TEMP TABLE whole (v INT); COMMIT; TRUNCATE whole; SELECT 7")
        assert cursor.fetchone() == (7,)
    connection.close()


def test_settings_that_only_redshift_has_are_kept(cursor: Any) -> None:
    cursor.execute("SET query_group TO 'etl'")
    cursor.execute("SET enable_result_cache_for_session TO off")
    cursor.execute("SHOW query_group")
    assert cursor.fetchone() == ("etl",)


def test_writers_of_the_same_rows_conflict_as_on_redshift(connect: Connect) -> None:
    first, second = connect(), connect()
    with first.cursor() as one, second.cursor() as two:
        one.execute("CREATE TABLE contended (id INT, v INT); INSERT INTO contended VALUES (1, 1)")
        first.commit()
        two.execute("SELECT * FROM contended")
        one.execute("UPDATE contended SET v = 2")
        first.commit()
        with pytest.raises(psycopg2.InternalError) as conflict:
            two.execute("UPDATE contended SET v = 3")
        assert "1023" in str(conflict.value)
        assert "Serializable isolation violation on table" in str(conflict.value)
        second.rollback()
        one.execute("DROP TABLE contended")
        first.commit()
    first.close()
    second.close()


def test_lock_makes_the_next_see_what_it_waited_for(connect: Connect) -> None:
    first, second = connect(), connect()
    with first.cursor() as one, second.cursor() as two:
        one.execute("CREATE TABLE locked (v INT)")
        first.commit()
        one.execute("LOCK TABLE locked")
        two.execute("SET statement_timeout TO 200")
        with pytest.raises(psycopg2.errors.QueryCanceled):
            two.execute("LOCK locked")
        second.rollback()
        one.execute("INSERT INTO locked VALUES (1)")
        first.commit()
        two.execute("LOCK locked")
        two.execute("SELECT COUNT(*) FROM locked")
        assert two.fetchone() == (1,)
        second.rollback()
        one.execute("DROP TABLE locked")
        first.commit()
    first.close()
    second.close()


def test_super_column_has_redshifts_type_and_comes_as_text(cursor: Any) -> None:
    cursor.execute('SELECT JSON_PARSE(\'{"b": 1.50, "a": []}\') AS document')
    assert (cursor.description[0].type_code, cursor.fetchone()) == (4000, ('{"b":1.50,"a":[]}',))
