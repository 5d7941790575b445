"""Athena: named parameters, every state of a query, and rows with their types."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import boto3
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from aws.athena import QueryFailedError, QueryTimeoutError, bind, literal, query, run_query

QUERY = {"QueryExecutionId": "q-1"}
COLUMNS = [
    ("b", "boolean", 0, 0),
    ("i", "integer", 10, 0),
    ("l", "bigint", 19, 0),
    ("d", "decimal", 12, 2),
    ("x", "double", 17, 0),
    ("day", "date", 0, 0),
    ("at", "timestamp", 3, 0),
    ("zoned", "timestamp with time zone", 3, 0),
    ("s", "varchar", 2147483647, 0),
    ("a", "array", 0, 0),
]


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Stubber]]:
    monkeypatch.setattr(query.time, "sleep", lambda seconds: None)
    client = boto3.client(
        "athena", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def add_start(stubber: Stubber, text: str, **more: Any) -> None:
    expected = {"QueryString": text, "WorkGroup": "w", **more}
    stubber.add_response("start_query_execution", QUERY, expected)


def add_state(stubber: Stubber, state: str, statement: str = "DML", **status: Any) -> None:
    execution = {
        "QueryExecutionId": "q-1",
        "StatementType": statement,
        "Status": {"State": state, **status},
        "Statistics": {"DataScannedInBytes": 1234, "EngineExecutionTimeInMillis": 500},
    }
    stubber.add_response("get_query_execution", {"QueryExecution": execution}, QUERY)


def add_rows(stubber: Stubber, columns: list[Any], pages: list[list[list[str | None]]]) -> None:
    info = [
        {"Name": name, "Type": kind, "Precision": precision, "Scale": scale}
        for name, kind, precision, scale in columns
    ]
    for number, page in enumerate(pages):
        rows = [
            {"Data": [{} if text is None else {"VarCharValue": text} for text in row]}
            for row in page
        ]
        answer: dict[str, Any] = {
            "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": info}}
        }
        expected: dict[str, Any] = dict(QUERY)
        if number:
            expected["NextToken"] = f"page-{number}"
        if number + 1 < len(pages):
            answer["NextToken"] = f"page-{number + 1}"
        stubber.add_response("get_query_results", answer, expected)


def test_run_query_returns_python_values_by_column_type(stubbed: Any) -> None:
    client, stubber = stubbed
    add_start(
        stubber,
        "SELECT * FROM t WHERE day = ?",
        ExecutionParameters=["DATE '2026-01-01'"],
        QueryExecutionContext={"Database": "db"},
        ResultConfiguration={"OutputLocation": "s3://b/out/"},
    )
    for state in ("QUEUED", "RUNNING", "SUCCEEDED"):
        add_state(stubber, state)
    header = [name for name, *_ in COLUMNS]
    moment = "2026-01-01 09:15:27.123"
    full = ["true", "7", "9007199254740993", "12.50", "0.1", "2026-01-01", moment]
    full += [moment + " UTC", 'å, "b"', "[{sku=1}]"]
    add_rows(stubber, COLUMNS, [[header, full], [[None] * 10, ["false", *full[1:8], "", "[]"]]])
    found = run_query(
        client,
        sql="SELECT * FROM t WHERE day = :day",
        parameters={"day": date(2026, 1, 1)},
        workgroup="w",
        database="db",
        output_location="s3://b/out/",
    )
    naive = datetime(2026, 1, 1, 9, 15, 27, 123000)
    expected = (
        *(True, 7, 9007199254740993, Decimal("12.50"), 0.1, date(2026, 1, 1), naive),
        *(naive.replace(tzinfo=timezone.utc), 'å, "b"', "[{sku=1}]"),
    )
    assert found.rows == (expected, (None,) * 10, (False, *expected[1:8], "", "[]"))
    assert (found.bytes_scanned, found.engine_seconds) == (1234, 0.5)
    assert found.to_dicts()[1] == dict.fromkeys(header)
    table = found.to_arrow()
    assert table.schema.field("d").type == pa.decimal128(12, 2)
    assert table.schema.field("zoned").type == pa.timestamp("us", "UTC")
    assert [tuple(row.values()) for row in table.to_pylist()] == list(found.rows)


def test_run_query_no_rows_keep_their_columns(stubbed: Any) -> None:
    client, stubber = stubbed
    add_start(stubber, "SELECT 1 AS b WHERE false")
    add_state(stubber, "SUCCEEDED")
    add_rows(stubber, COLUMNS[:2], [[["b", "i"]]])
    found = run_query(client, sql="SELECT 1 AS b WHERE false", workgroup="w")
    assert found.rows == ()
    assert found.to_arrow().schema == pa.schema([("b", pa.bool_()), ("i", pa.int32())])


def test_run_query_header_is_dropped_once_and_only_from_selects(stubbed: Any) -> None:
    client, stubber = stubbed
    column = [("s", "varchar", 0, 0)]
    for statement, expected in (("DML", (("s",),)), ("UTILITY", (("s",), ("s",)))):
        add_start(stubber, "SHOW")
        add_state(stubber, "SUCCEEDED", statement)
        add_rows(stubber, column, [[["s"], ["s"]]])
        assert run_query(client, sql="SHOW", workgroup="w").rows == expected


def test_run_query_ddl_gives_no_rows(stubbed: Any) -> None:
    client, stubber = stubbed
    add_start(stubber, "MSCK REPAIR TABLE t")
    add_state(stubber, "SUCCEEDED", "DDL")
    add_rows(stubber, [], [[]])
    found = run_query(client, sql="-- why\nMSCK REPAIR TABLE t\n", workgroup="w")
    assert (found.columns, found.rows) == ((), ())


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_run_query_that_ends_otherwise_is_an_error_with_athenas_reason(
    stubbed: Any, state: str
) -> None:
    client, stubber = stubbed
    add_start(stubber, "SELECT x")
    add_state(
        stubber,
        state,
        StateChangeReason="COLUMN_NOT_FOUND: x",
        AthenaError={"Retryable": True, "ErrorCategory": 2, "ErrorType": 1006},
    )
    with pytest.raises(QueryFailedError, match=f"query q-1 {state}: COLUMN_NOT_FOUND") as caught:
        run_query(client, sql="SELECT x", workgroup="w")
    assert caught.value.retryable


def test_run_query_past_its_deadline_is_stopped(stubbed: Any) -> None:
    client, stubber = stubbed
    add_start(stubber, "SELECT 1")
    add_state(stubber, "RUNNING")
    stubber.add_response("stop_query_execution", {}, QUERY)
    with pytest.raises(QueryTimeoutError, match="query q-1 still RUNNING after 0 s"):
        run_query(client, sql="SELECT 1", workgroup="w", timeout_seconds=0)


def test_run_query_interrupted_is_stopped(stubbed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(query.time, "sleep", interrupt)
    client, stubber = stubbed
    add_start(stubber, "SELECT 1")
    add_state(stubber, "QUEUED")
    stubber.add_client_error("stop_query_execution", "ThrottlingException")
    with pytest.raises(KeyboardInterrupt):
        run_query(client, sql="SELECT 1", workgroup="w")


def test_run_query_that_athena_does_not_accept_is_a_client_error(stubbed: Any) -> None:
    client, stubber = stubbed
    stubber.add_client_error("start_query_execution", "InvalidRequestException")
    with pytest.raises(ClientError):
        run_query(client, sql="SELECT 1", workgroup="w")


def test_bind_replaces_names_outside_of_quotes_and_comments() -> None:
    sql = """-- :not this
    SELECT ':no', "a:b" /* :nor ? this */ FROM t
    WHERE a = :a AND b=:b AND c = :a AND d = 'it''s :x ?' -- :end"""
    text, parameters = bind(sql, {"a": 1, "b": "it's"})
    assert " ".join(text.split()) == (
        """SELECT ':no', "a:b" FROM t WHERE a = ? AND b=? AND c = ? AND d = 'it''s :x ?'"""
    )
    assert parameters == ["1", "'it''s'", "1"]


def test_bind_hostile_text_stays_one_literal() -> None:
    assert bind("SELECT :a", {"a": "'; DROP TABLE t; --"})[1] == ["'''; DROP TABLE t; --'"]


@pytest.mark.parametrize(
    ("sql", "values", "message"),
    [
        ("SELECT :a", {}, "no value for the parameter :a"),
        ("SELECT 1", {"a": 1}, "the query has no parameter :a"),
        ("SELECT ?", {}, "a [?] of its own"),
        ("SELECT :a", {"a": "x" * 1023}, "may have 1024 characters, got 1025"),
    ],
)
def test_bind_mismatch_is_refused(sql: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bind(sql, values)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "NULL"),
        (True, "true"),
        (-7, "-7"),
        (0.1, "DOUBLE '0.1'"),
        (Decimal("1E+3"), "DECIMAL '1000'"),
        (date(2026, 1, 1), "DATE '2026-01-01'"),
        (datetime(2026, 1, 1, 12), "TIMESTAMP '2026-01-01 12:00:00.000000'"),
        (
            datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))),
            "TIMESTAMP '2026-01-01 10:00:00.000000'",
        ),
        ("Zoë's", "'Zoë''s'"),
    ],
)
def test_literal_is_typed(value: Any, expected: str) -> None:
    assert literal(value) == expected
