"""COPY and UNLOAD of the embedded Redshift."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

BUCKET = "etl-local-processed"
ITEM = pa.struct([("sku", pa.string()), ("quantity", pa.int32()), ("price", pa.decimal128(10, 2))])
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("name", pa.string()),
        ("amount", pa.decimal128(12, 2)),
        ("ratio", pa.float64()),
        ("flag", pa.bool_()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("items", pa.list_(ITEM)),
    ]
)
TABLE = (
    "CREATE TEMP TABLE t (id BIGINT, name VARCHAR(12), amount DECIMAL(12,2),"
    " ratio DOUBLE PRECISION, flag BOOLEAN, day DATE, at TIMESTAMPTZ, items SUPER)"
)
ROWS = [
    {
        "id": 2**62,
        "name": 'Zoë "q" \\ 😀'[:8],
        "amount": Decimal("-9999999999.99"),
        "ratio": 0.1,
        "flag": True,
        "day": dt.date(2026, 1, 1),
        "at": dt.datetime(2026, 1, 1, 9, 15, 27, 123456, tzinfo=dt.UTC),
        "items": [
            {"sku": 'A"\\é', "quantity": 2, "price": Decimal("61.70")},
            {"sku": None, "quantity": None, "price": Decimal("0.00")},
        ],
    },
    dict.fromkeys(SCHEMA.names),
    {"id": 1, "name": "", "amount": Decimal("0.00"), "items": [], "flag": False},
]


@pytest.fixture(scope="module")
def s3(client: Callable[[str], Any]) -> Any:
    """The embedded cloud's S3."""
    return client("s3")


@pytest.fixture(scope="module")
def connection(cloud: dict[str, str]) -> Iterator[Any]:
    """One connection for all tests."""
    connection = psycopg2.connect(dbname="dev")
    yield connection
    connection.close()


@pytest.fixture
def cursor(connection: Any) -> Iterator[Any]:
    """A cursor whose transaction is rolled back after the test."""
    with connection.cursor() as cursor:
        yield cursor
    connection.rollback()


@pytest.fixture(scope="module")
def role(client: Callable[[str], Any]) -> str:
    """A role that Redshift may take on: that of config/local.yml reads what runs leave only."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "redshift.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    created = client("iam").create_role(
        RoleName="copy-tests", AssumeRolePolicyDocument=json.dumps(trust)
    )
    return str(created["Role"]["Arn"])


@pytest.fixture
def put(s3: Any) -> Callable[..., str]:
    """Puts bytes under a new prefix: put(body, "name") is the object's URI."""
    prefix = f"copy/{uuid.uuid4()}"

    def put(body: bytes, name: str = "data") -> str:
        s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{name}", Body=body)
        return f"s3://{BUCKET}/{prefix}/{name}"

    return put


def parquet(rows: list[dict[str, Any]], schema: pa.Schema = SCHEMA, **options: Any) -> bytes:
    """Rows as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), sink, **options)
    return sink.getvalue()


def manifest(*entries: tuple[str, int | None], mandatory: bool = True) -> bytes:
    """A COPY manifest."""
    return json.dumps(
        {
            "entries": [
                {"url": uri, "mandatory": mandatory}
                | ({} if size is None else {"meta": {"content_length": size}})
                for uri, size in entries
            ]
        }
    ).encode()


def test_parquet_arrives_with_every_digit(cursor: Any, put: Any, role: str) -> None:
    uri = put(parquet(ROWS, row_group_size=2))
    cursor.execute(TABLE)
    cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' FORMAT AS PARQUET SERIALIZETOJSON")
    cursor.execute("SELECT pg_last_copy_count()")
    assert cursor.fetchone() == (3,)
    cursor.execute("SELECT * FROM t ORDER BY id DESC NULLS LAST")
    full, empty, missing = cursor.fetchall()
    assert full[:7] == tuple(ROWS[0][name] for name in SCHEMA.names[:7])
    assert full[7] == (
        '[{"sku":"A\\"\\\\é","quantity":2,"price":61.70},'
        '{"sku":null,"quantity":null,"price":0.00}]'
    )
    assert empty == (1, "", Decimal("0.00"), None, False, None, None, "[]")
    assert missing == (None,) * 8


def test_parquet_goes_by_position_and_column_list(cursor: Any, put: Any, role: str) -> None:
    schema = pa.schema([("b", pa.string()), ("a", pa.int32())])
    uri = put(parquet([{"b": "x", "a": 7}], schema))
    cursor.execute("CREATE TEMP TABLE t (n INTEGER, extra DATE, v VARCHAR(5))")
    cursor.execute(f"COPY t (v, n) FROM '{uri}' IAM_ROLE '{role}' FORMAT PARQUET")
    cursor.execute("SELECT * FROM t")
    assert cursor.fetchall() == [(7, None, "x")]


def test_parquet_with_fillrecord_leaves_the_last_columns_null(
    cursor: Any, put: Any, role: str
) -> None:
    uri = put(parquet([{"a": 7}], pa.schema([("a", pa.int32())])))
    cursor.execute("CREATE TEMP TABLE t (n INTEGER, extra DATE)")
    cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' FORMAT AS PARQUET FILLRECORD")
    cursor.execute("SELECT * FROM t")
    assert cursor.fetchall() == [(7, None)]


MISMATCHES = [
    ("a INTEGER, b INTEGER", {"a": pa.int32()}, "Unmatched number of columns"),
    ("a INTEGER", {"a": pa.int64()}, "incompatible Parquet schema for column"),
    ("a BIGINT", {"a": pa.int32()}, "Column type: BIGINT, Parquet schema:\noptional int32 a"),
    ("a DECIMAL(12,2)", {"a": pa.decimal128(12, 3)}, "incompatible Parquet schema"),
    ("a DECIMAL(10,2)", {"a": pa.decimal128(12, 2)}, "incompatible Parquet schema"),
    ("a DATE", {"a": pa.string()}, "incompatible Parquet schema"),
    ("a VARCHAR(9)", {"a": pa.int32()}, "Column type: CHARACTER VARYING(9)"),
    ("a TIMESTAMP", {"a": pa.int64()}, "incompatible Parquet schema"),
]


@pytest.mark.parametrize(("columns", "schema", "text"), MISMATCHES, ids=lambda v: str(v)[:40])
def test_parquet_that_does_not_fit_is_a_spectrum_scan_error(
    cursor: Any, put: Any, role: str, columns: str, schema: dict[str, Any], text: str
) -> None:
    uri = put(parquet([dict.fromkeys(schema)], pa.schema(list(schema.items()))))
    cursor.execute(f"CREATE TEMP TABLE t ({columns})")
    with pytest.raises(psycopg2.InternalError) as refused:
        cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' FORMAT AS PARQUET")
    assert str(refused.value).startswith("Spectrum Scan Error")
    assert text in str(refused.value)


def test_parquet_text_of_too_many_bytes_is_named_and_kept_after_the_rollback(
    cursor: Any, connection: Any, put: Any, role: str
) -> None:
    uri = put(parquet([{"v": "a"}, {"v": "ééé"}], pa.schema([("v", pa.string())])))
    cursor.execute("CREATE TEMP TABLE t (v VARCHAR(4))")
    with pytest.raises(psycopg2.InternalError, match="Spectrum Scan Error"):
        cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' FORMAT AS PARQUET")
    connection.rollback()
    cursor.execute(
        "SELECT TRIM(column_name), error_code, TRIM(error_message) FROM sys_load_error_detail"
        f" WHERE TRIM(file_name) = '{uri}'"
    )
    ((column, code, message),) = cursor.fetchall()
    assert (column, code) == ("v", 15007)
    assert "longer than the length defined in the table. Table: 4, Data: 6" in message


def test_copy_is_part_of_the_transaction(cursor: Any, connection: Any, put: Any, role: str) -> None:
    uri = put(parquet([{"n": 1}], pa.schema([("n", pa.int32())])))
    cursor.execute("CREATE TABLE transactional (n INTEGER)")
    connection.commit()
    cursor.execute(f"COPY transactional FROM '{uri}' IAM_ROLE '{role}' FORMAT AS PARQUET")
    cursor.execute("SELECT COUNT(*) FROM transactional")
    assert cursor.fetchone() == (1,)
    connection.rollback()
    cursor.execute("SELECT COUNT(*) FROM transactional")
    assert cursor.fetchone() == (0,)
    cursor.execute("DROP TABLE transactional")
    connection.commit()


def test_refused_copy_loses_the_transaction(cursor: Any, put: Any, role: str) -> None:
    uri = put(parquet([{"n": "1"}], pa.schema([("n", pa.string())])))
    cursor.execute("CREATE TEMP TABLE t (n INTEGER)")
    with pytest.raises(psycopg2.Error):
        cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' FORMAT AS PARQUET")
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' FORMAT AS PARQUET")


def test_manifest_loads_its_files_and_no_others(cursor: Any, put: Any, role: str) -> None:
    schema = pa.schema([("n", pa.int32())])
    bodies = [parquet([{"n": n}], schema) for n in range(3)]
    uris = [put(body, f"part-{n}") for n, body in enumerate(bodies)]
    entries = [(uris[n], len(bodies[n])) for n in (0, 2)]
    uri = put(manifest(*entries), "load.manifest")
    cursor.execute("CREATE TEMP TABLE t (n INTEGER)")
    cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' FORMAT AS PARQUET MANIFEST")
    cursor.execute("SELECT n FROM t ORDER BY n")
    assert cursor.fetchall() == [(0,), (2,)]


MANIFESTS = [
    (lambda uri, size: manifest((uri, None)), "File entry does not have 'meta' key."),
    (lambda uri, size: manifest((uri, size + 1)), "Spectrum Scan Error"),
    (lambda uri, size: manifest((uri, size), (uri + "x", 9)), "does not exist"),
    (lambda uri, size: manifest((uri + "x", 9), mandatory=False), "No files found"),
    (lambda uri, size: b"{nothing", "not in correct json format"),
    (lambda uri, size: manifest(("s3://no-such-bucket-here/x", 9)), "NoSuchBucket"),
]


@pytest.mark.parametrize(("make", "text"), MANIFESTS, ids=[text for _, text in MANIFESTS])
def test_manifest_that_is_wrong_is_refused(
    cursor: Any, put: Any, role: str, make: Any, text: str
) -> None:
    body = parquet([{"n": 1}], pa.schema([("n", pa.int32())]))
    uri = put(make(put(body), len(body)), "load.manifest")
    cursor.execute("CREATE TEMP TABLE t (n INTEGER)")
    with pytest.raises(psycopg2.InternalError) as refused:
        cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' FORMAT AS PARQUET MANIFEST")
    assert text in str(refused.value)


REFUSALS = [
    ("COPY t FROM 's3://no-such-bucket-here/x' IAM_ROLE '{role}' PARQUET", "NoSuchBucket"),
    (
        f"COPY t FROM 's3://{BUCKET}/nothing/' IAM_ROLE '{{role}}' PARQUET",
        "The specified S3 prefix 'nothing/' does not exist",
    ),
    ("COPY t FROM '{uri}' PARQUET", "Must specify AWS credentials"),
    (
        "COPY t FROM '{uri}' IAM_ROLE 'arn:aws:iam::123456789012:role/nobody' PARQUET",
        "is not authorized to assume IAM Role arn:aws:iam::123456789012:role/nobody",
    ),
    (
        "COPY t FROM '{uri}' IAM_ROLE 'arn:aws:iam::123456789012:role/etl-local-transform' PARQUET",
        "is not authorized to assume IAM Role",
    ),  # it trusts Glue, not Redshift
    (
        "COPY t FROM '{uri}' ACCESS_KEY_ID 'AKIAXXXXXXXXXXXXXXXX' SECRET_ACCESS_KEY 'x' PARQUET",
        "InvalidAccessKeyId",
    ),
    (
        "COPY t FROM '{uri}' IAM_ROLE '{role}' PARQUET MAXERROR 5",
        "MAXERROR argument is not supported for PARQUET based COPY",
    ),
    (
        "COPY t FROM '{uri}' IAM_ROLE '{role}' PARQUET REGION 'us-east-1'",
        "REGION argument is not supported for PARQUET based COPY",
    ),
    ("COPY nowhere FROM '{uri}' IAM_ROLE '{role}' PARQUET", "nonexistent table nowhere"),
    ("COPY t (missing) FROM '{uri}' IAM_ROLE '{role}' PARQUET", 'column "missing"'),
    ("COPY s FROM '{uri}' IAM_ROLE '{role}' PARQUET", "requires SERIALIZETOJSON"),
    ("COPY t FROM '{uri}' IAM_ROLE '{role}' FORMAT AS ORC", "embedded Redshift does not run"),
    ("COPY t FROM '{uri}' IAM_ROLE '{role}' NONSENSE", 'syntax error at or near "NONSENSE"'),
]


@pytest.mark.parametrize(("copy", "text"), REFUSALS, ids=[text[:50] for _, text in REFUSALS])
def test_copy_that_redshift_would_refuse_is_refused(
    cursor: Any, put: Any, role: str, copy: str, text: str
) -> None:
    uri = put(parquet([{"n": 1}], pa.schema([("n", pa.int32())])))
    cursor.execute("CREATE TEMP TABLE t (n INTEGER); CREATE TEMP TABLE s (n SUPER)")
    with pytest.raises(psycopg2.Error) as refused:
        cursor.execute(copy.format(uri=uri, role=role))
    assert text in str(refused.value)


TEXTS = [
    ("CSV", b'1,"a, ""b""\nc",2026-01-31\n2,,\n', [(1, 'a, "b"\nc', "2026-01-31"), (2, "", None)]),
    ("CSV IGNOREHEADER 1", b"n,v,d\n1,x,2026-01-31\n", [(1, "x", "2026-01-31")]),
    ("CSV EMPTYASNULL", b"1,,\n", [(1, None, None)]),
    ("CSV NULL AS 'none'", b"none,none,none\n", [(None, None, None)]),
    ("", b"1|a,b|2026-01-31\n\\N|\\N|\\N\n", [(1, "a,b", "2026-01-31"), (None, None, None)]),
    ("DELIMITER '\\t'", b"1\ta\t2026-01-31\n", [(1, "a", "2026-01-31")]),
    ("CSV BLANKSASNULL", b"1,  ,\n", [(1, None, None)]),
    ("CSV TRUNCATECOLUMNS", "1,ééééé,\n".encode(), [(1, "éééé", None)]),
    ("CSV GZIP", gzip.compress(b"1,a,\n", mtime=0), [(1, "a", None)]),
    ("CSV ACCEPTINVCHARS '^'", b"1,a\xff,\n", [(1, "a^", None)]),
    ("CSV TIMEFORMAT 'auto' DATEFORMAT 'auto'", b"1,a,2026-01-31\n", [(1, "a", "2026-01-31")]),
    ("CSV REGION 'us-east-1' COMPUPDATE OFF STATUPDATE OFF", b"1,a,\n", [(1, "a", None)]),
    ("CSV", b"", []),
    (
        "JSON 'auto'",
        b'{"n": 1, "v": "a", "d": "2026-01-31"}\n{"v": {"x": 1.50}}{"n":3}',
        [(1, "a", "2026-01-31"), (None, '{"x":1.50}'[:8], None), (3, None, None)],
    ),
    (
        "JSON 'auto ignorecase' GZIP",
        gzip.compress(b'{"N": 1, "V": "a"}', mtime=0),
        [(1, "a", None)],
    ),
]


@pytest.mark.parametrize(("options", "body", "rows"), TEXTS, ids=[str(t[:2])[:60] for t in TEXTS])
def test_text_is_loaded_as_the_options_say(
    cursor: Any, put: Any, role: str, options: str, body: bytes, rows: list[Any]
) -> None:
    uri = put(body)
    size = 10 if "JSON" in options else 8
    cursor.execute(f"CREATE TEMP TABLE t (n INTEGER, v VARCHAR({size}), d DATE)")
    cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' {options}")
    cursor.execute("SELECT n, v, TO_CHAR(d, 'YYYY-MM-DD') FROM t ORDER BY n NULLS FIRST")
    wanted = sorted(rows, key=lambda row: (row[0] is not None, row[0]))
    if "JSON 'auto'" in options:
        wanted[0] = (None, '{"x":1.50}', None)
    assert cursor.fetchall() == wanted


LOAD_ERRORS = [
    ("CSV", b"1,a\nx2,b\n", 2, "n", 1207, "Invalid digit, Value 'x', Pos 0, Type: Integer"),
    ("CSV", b"1,a\n2,b,c\n", 2, "", 1202, "Extra column(s) found"),
    ("CSV", b"1,a\n2\n", 2, "", 1214, "Delimiter not found"),
    ("CSV", "1,ééé\n".encode(), 1, "v", 1204, "String length exceeds DDL length"),
    ("CSV", b"1,a\xff\n", 0, "v", 1220, "String contains invalid or unsupported UTF8 codepoints."),
    ("JSON 'auto'", b'{"n": 1}\n[2]\n', 2, "", 1208, "Invalid value."),
    ("JSON 'auto'", b'{"n": 1}\n{"n": "x"}\n', 2, "n", 1207, "Invalid digit"),
]


@pytest.mark.parametrize(
    ("options", "body", "line", "column", "code", "reason"),
    LOAD_ERRORS,
    ids=[f"{e[0]}-{e[4]}" for e in LOAD_ERRORS],
)
def test_text_that_does_not_fit_is_in_stl_load_errors(
    cursor: Any,
    connection: Any,
    put: Any,
    role: str,
    options: str,
    body: bytes,
    line: int,
    column: str,
    code: int,
    reason: str,
) -> None:
    uri = put(body)
    cursor.execute("CREATE TEMP TABLE t (n INTEGER, v VARCHAR(4))")
    with pytest.raises(psycopg2.InternalError, match="Load into table 't' failed.  Check"):
        cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' {options}")
    connection.rollback()
    cursor.execute(
        "SELECT line_number, TRIM(colname), err_code, TRIM(err_reason) FROM stl_load_errors"
        f" WHERE TRIM(filename) = '{uri}'"
    )
    ((found_line, found_column, found_code, found_reason),) = cursor.fetchall()
    assert (found_line, found_column, found_code) == (line, column, code)
    assert found_reason.startswith(reason)


def test_maxerror_leaves_out_bad_rows_and_lists_them(cursor: Any, put: Any, role: str) -> None:
    uri = put(b"1,a\nx,b\n3,c,d\n4,e\n")
    cursor.execute("CREATE TEMP TABLE t (n INTEGER, v VARCHAR(4))")
    cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' CSV MAXERROR 3")
    cursor.execute("SELECT pg_last_copy_count(), COUNT(*), SUM(n) FROM t")
    assert cursor.fetchone() == (2, 2, 5)
    cursor.execute(
        f"SELECT err_code FROM stl_load_errors WHERE TRIM(filename) = '{uri}' ORDER BY 1"
    )
    assert cursor.fetchall() == [(1202,), (1207,)]


@pytest.mark.parametrize(("rounding", "number"), [("", "1.99"), ("ROUNDEC", "2.00")])
@pytest.mark.parametrize(("form", "body"), [("CSV", b"1.999\n"), ("JSON 'auto'", b'{"n": 1.999}')])
def test_digits_beyond_the_scale_are_cut_unless_rounded(
    cursor: Any, put: Any, role: str, form: str, body: bytes, rounding: str, number: str
) -> None:
    uri = put(body)
    cursor.execute("CREATE TEMP TABLE t (n DECIMAL(9,2))")
    cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' {form} {rounding}")
    cursor.execute("SELECT n FROM t")
    assert cursor.fetchall() == [(Decimal(number),)]


def test_json_paths_and_noshred(cursor: Any, put: Any, role: str) -> None:
    uri = put(b'{"a": {"b": [1, 2.50]}}\n')
    paths = put(json.dumps({"jsonpaths": ["$.a.b[1]", "$['a']['b'][0]"]}).encode(), "paths.json")
    cursor.execute(
        "CREATE TEMP TABLE t (n DECIMAL(9,2), v VARCHAR(9)); CREATE TEMP TABLE s (d SUPER)"
    )
    cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' JSON '{paths}'")
    cursor.execute(f"COPY s FROM '{uri}' IAM_ROLE '{role}' JSON 'noshred'")
    cursor.execute("SELECT n, v, d FROM t, s")
    assert cursor.fetchall() == [(Decimal("2.50"), "1", '{"a":{"b":[1,2.50]}}')]


def test_identity_columns_are_filled_by_redshift(cursor: Any, put: Any, role: str) -> None:
    uri = put(b"a\nb\n")
    cursor.execute("CREATE TEMP TABLE t (id BIGINT IDENTITY(1, 1), v VARCHAR(4))")
    cursor.execute(f"COPY t FROM '{uri}' IAM_ROLE '{role}' CSV")
    cursor.execute("SELECT * FROM t ORDER BY id")
    assert cursor.fetchall() == [(1, "a"), (2, "b")]


QUERY = (
    "SELECT 1::BIGINT AS n, ''it''''s \\\\\\\\'' AS v, 1.50::DECIMAL(9,2) AS amount, true AS flag,"
    " DATE ''2026-01-31'' AS day, TIMESTAMP ''2026-01-31 01:02:03.5'' AS at, NULL::INTEGER AS none"
    " UNION ALL SELECT 2, '''', (-0.01)::DECIMAL(9,2), NULL, NULL, NULL, 7"
)


def test_unload_to_parquet_writes_what_copy_reads(
    cursor: Any, s3: Any, put: Any, role: str
) -> None:
    prefix = put(b"", "marker").removesuffix("marker") + "out/"
    cursor.execute(
        f"UNLOAD ('{QUERY}') TO '{prefix}' IAM_ROLE '{role}' FORMAT AS PARQUET MANIFEST VERBOSE"
    )
    cursor.execute("SELECT pg_last_unload_count()")
    assert cursor.fetchone() == (2,)
    key = f"{prefix}0000_part_00.parquet".removeprefix(f"s3://{BUCKET}/")
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    table = pq.read_table(pa.BufferReader(body))
    assert table.to_pylist()[0] == {
        "n": 1,
        "v": "it's \\",
        "amount": Decimal("1.50"),
        "flag": True,
        "day": dt.date(2026, 1, 31),
        "at": dt.datetime(2026, 1, 31, 1, 2, 3, 500000),
        "none": None,
    }
    assert [str(kind) for kind in table.schema.types] == [
        "int64",
        "string",
        "decimal128(9, 2)",
        "bool",
        "date32[day]",
        "timestamp[us]",
        "int32",
    ]
    cursor.execute(
        "CREATE TEMP TABLE t (n BIGINT, v VARCHAR(9), amount DECIMAL(9,2), flag BOOLEAN, day DATE,"
        " at TIMESTAMP, none INTEGER)"
    )
    cursor.execute(f"COPY t FROM '{prefix}manifest' IAM_ROLE '{role}' FORMAT AS PARQUET MANIFEST")
    cursor.execute("SELECT COUNT(*), SUM(amount), MAX(LEN(v)) FROM t")
    assert cursor.fetchone() == (2, Decimal("1.49"), 6)


def test_unload_to_text_and_partitions(cursor: Any, s3: Any, put: Any, role: str) -> None:
    prefix = put(b"", "marker").removesuffix("marker")
    cursor.execute(
        f"UNLOAD ('{QUERY}') TO '{prefix}csv_' IAM_ROLE '{role}' CSV HEADER PARALLEL OFF"
    )
    key = f"{prefix}csv_000".removeprefix(f"s3://{BUCKET}/")
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() == (
        "n,v,amount,flag,day,at,none\n1,it's \\,1.50,t,2026-01-31,2026-01-31 01:02:03.5,\n"
        "2,,-0.01,,,,7\n"
    )
    cursor.execute(
        "UNLOAD ('SELECT 1 AS n, ''a b'' AS p UNION ALL SELECT 2, NULL')"
        f" TO '{prefix}by/' IAM_ROLE '{role}' FORMAT PARQUET PARTITION BY (p)"
    )
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}by/".removeprefix(f"s3://{BUCKET}/"))
    assert [entry["Key"].split("/by/")[1] for entry in found["Contents"]] == [
        "p=__HIVE_DEFAULT_PARTITION__/0000_part_00.parquet",
        "p=a b/0000_part_00.parquet",
    ]
    with pytest.raises(psycopg2.Error, match="unload destination on S3 is not empty"):
        cursor.execute(f"UNLOAD ('SELECT 1') TO '{prefix}csv_' IAM_ROLE '{role}' CSV")


def test_unload_of_a_sum_keeps_its_digits(cursor: Any, s3: Any, put: Any, role: str) -> None:
    prefix = put(b"", "marker").removesuffix("marker") + "sum/"
    cursor.execute(
        "UNLOAD ('SELECT SUM(v) AS v FROM (SELECT 1.250 AS v UNION ALL SELECT 2.5)')"
        f" TO '{prefix}' IAM_ROLE '{role}' FORMAT PARQUET"
    )
    key = f"{prefix}0000_part_00.parquet".removeprefix(f"s3://{BUCKET}/")
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert pq.read_table(pa.BufferReader(body)).to_pydict() == {"v": [Decimal("3.750")]}


def test_unload_of_nothing_writes_the_columns(cursor: Any, s3: Any, put: Any, role: str) -> None:
    prefix = put(b"", "marker").removesuffix("marker") + "none/"
    cursor.execute(
        f"UNLOAD ('SELECT 1 AS n WHERE false') TO '{prefix}' IAM_ROLE '{role}' FORMAT PARQUET"
    )
    key = f"{prefix}0000_part_00.parquet".removeprefix(f"s3://{BUCKET}/")
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert pq.read_table(pa.BufferReader(body)).to_pydict() == {"n": []}


@pytest.mark.parametrize(
    ("unload", "text"),
    [
        ("UNLOAD ('SELECT nothing') TO '{to}' IAM_ROLE '{role}' CSV", "does not exist"),
        ("UNLOAD ('SELECT 1 LIMIT 1') TO '{to}' IAM_ROLE '{role}' CSV", "Limit clause"),
        ("UNLOAD ('SELECT 1/0') TO '{to}' IAM_ROLE '{role}' CSV", "division by zero"),
        (
            "UNLOAD ('SELECT 1') TO 's3://no-such-bucket-here/x' IAM_ROLE '{role}' CSV",
            "NoSuchBucket",
        ),
    ],
)
def test_unload_that_fails_says_why_and_loses_the_transaction(
    cursor: Any, s3: Any, put: Any, role: str, unload: str, text: str
) -> None:
    target = put(b"", "marker").removesuffix("marker") + "out/"
    cursor.execute("SELECT 1")
    with pytest.raises(psycopg2.Error) as refused:
        cursor.execute(unload.format(to=target, role=role))
    assert text in str(refused.value)
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        cursor.execute("SELECT 1")
    prefix = target.removeprefix(f"s3://{BUCKET}/")
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)


def test_unload_of_much_is_written_in_parts(cursor: Any, s3: Any, put: Any, role: str) -> None:
    prefix = put(b"", "marker").removesuffix("marker") + "parts/"
    cursor.execute(
        "UNLOAD ('SELECT n, MD5(n::VARCHAR) || MD5(n::VARCHAR) AS v FROM generate_series(1, 300000)"
        f" AS n') TO '{prefix}' IAM_ROLE '{role}' CSV MAXFILESIZE 5 MB MANIFEST"
    )
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix.removeprefix(f"s3://{BUCKET}/"))
    names = [entry["Key"].split("/parts/")[1] for entry in found["Contents"]]
    assert names[:2] == ["0000_part_00", "0000_part_01"] and names[-1] == "manifest"
    cursor.execute("CREATE TEMP TABLE t (n INTEGER, v VARCHAR(64))")
    cursor.execute(f"COPY t FROM '{prefix}manifest' IAM_ROLE '{role}' CSV MANIFEST")
    cursor.execute("SELECT COUNT(DISTINCT n), pg_last_copy_count() FROM t")
    assert cursor.fetchone() == (300000, 300000)
