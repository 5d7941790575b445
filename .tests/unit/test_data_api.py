"""The Data API: one submission, every end it can have, rows as psycopg2 types them."""

import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.stub import ANY, Stubber

from aws.redshift import data_api
from aws.redshift.errors import (
    ConnectionLostError,
    DeadlineError,
    RedshiftError,
    StatementError,
)

TARGET = data_api.Target(database="etl", workgroup_name="etl-local")
CLUSTER = data_api.Target(database="etl", cluster_identifier="etl", db_user="loader")


@pytest.fixture
def client():
    return boto3.client(
        "redshift-data",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def stub(client, monkeypatch):
    monkeypatch.setattr(data_api.time, "sleep", lambda _: None)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def _submit(stub, *sqls, target=TARGET):
    stub.add_response(
        "batch_execute_statement",
        {"Id": "abc"},
        {"Sqls": list(sqls), "ClientToken": ANY, "StatementName": "load", **target.parameters()},
    )


def _execute(stub):
    stub.add_response("execute_statement", {"Id": "abc"})


def _describe(stub, status, **more):
    stub.add_response("describe_statement", {"Id": "abc", "Status": status, **more}, {"Id": "abc"})


def _run(client, *sqls, target=TARGET):
    data_api.run_transaction(client, statements=sqls, target=target, label="load")


def test_target_takes_workgroup_or_cluster_and_never_both():
    assert TARGET.parameters() == {"Database": "etl", "WorkgroupName": "etl-local"}
    assert CLUSTER.parameters() == {
        "Database": "etl",
        "ClusterIdentifier": "etl",
        "DbUser": "loader",
    }
    for names in ({}, {"workgroup_name": "a", "cluster_identifier": "b"}):
        with pytest.raises(ValueError, match="not both"):
            data_api.Target(database="etl", **names)


def test_client_token_is_short_and_new_for_each_submission():
    first = data_api.make_client_token("load", ["SELECT 1"])
    second = data_api.make_client_token("load", ["SELECT 1"])
    assert len(first) == 64
    assert first != second


class _LosesFirstAnswer(BaseHTTPRequestHandler):
    bodies: list[bytes] = []

    def do_POST(self):
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        if len(self.bodies) == 1:
            return  # the connection closes without an answer
        answer = b'{"Id": "abc", "Status": "FINISHED"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def test_client_token_is_resent_when_an_answer_is_lost():
    with ThreadingHTTPServer(("127.0.0.1", 0), _LosesFirstAnswer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = boto3.client(
            "redshift-data",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{server.server_port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        _run(client, "SELECT 1")
        server.shutdown()
    lost, resent, _ = _LosesFirstAnswer.bodies
    assert b"ClientToken" in lost
    assert resent == lost


def test_run_transaction_waits_through_every_running_status(client, stub):
    _submit(stub, "LOCK a", "DELETE FROM a")
    for status in ("SUBMITTED", "PICKED", "STARTED", "FINISHED"):
        _describe(stub, status)
    _run(client, "LOCK a", "DELETE FROM a")


def test_run_transaction_in_a_cluster_names_it_and_the_user(client, stub):
    _submit(stub, "LOCK a", target=CLUSTER)
    _describe(stub, "FINISHED")
    _run(client, "LOCK a", target=CLUSTER)


@pytest.mark.parametrize("count", [0, 41])
def test_run_transaction_other_than_1_to_40_statements_is_refused(client, stub, count):
    with pytest.raises(ValueError, match=f"not {count}"):
        _run(client, *["SELECT 1"] * count)


def test_run_transaction_failed_part_is_named_with_its_own_words(client, stub):
    _submit(stub, "LOCK a", "COPY a", "DROP b")
    _describe(
        stub,
        "FAILED",
        Error="Query #2 failed with ERROR: Spectrum Scan Error",
        SubStatements=[
            {"Id": "abc:1", "Status": "FINISHED"},
            {"Id": "abc:2", "Status": "FAILED", "Error": "ERROR: Spectrum Scan Error"},
            {"Id": "abc:3", "Status": "ABORTED"},
        ],
    )
    with pytest.raises(StatementError, match=r"^ERROR: Spectrum Scan Error$") as caught:
        _run(client, "LOCK a", "COPY a", "DROP b")
    assert caught.value.index == 1


def test_run_transaction_that_fails_at_its_commit_says_so(client, stub):
    _submit(stub, "LOCK a")
    _describe(
        stub,
        "FAILED",
        Error="ERROR: 1023 Detail: Serializable isolation violation",
        SubStatements=[{"Id": "abc:1", "Status": "FINISHED"}],
    )
    with pytest.raises(StatementError) as caught:
        _run(client, "LOCK a")
    assert caught.value.index == -1
    assert caught.value.is_conflict


def test_run_transaction_aborted_by_someone_is_an_error(client, stub):
    _submit(stub, "LOCK a")
    _describe(stub, "ABORTED")
    with pytest.raises(StatementError, match="was aborted"):
        _run(client, "LOCK a")


def test_run_transaction_past_its_deadline_is_cancelled(client, stub):
    target = data_api.Target(database="etl", workgroup_name="etl-local", deadline_seconds=0.01)
    _submit(stub, "LOCK a", target=target)
    _describe(stub, "STARTED")
    stub.add_response("cancel_statement", {"Status": True}, {"Id": "abc"})
    with pytest.raises(DeadlineError, match="STARTED after 0.01 seconds"):
        _run(client, "LOCK a", target=target)


def test_run_transaction_interrupted_is_cancelled(client, stub, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(data_api.time, "sleep", interrupt)
    _submit(stub, "LOCK a")
    _describe(stub, "STARTED")
    stub.add_response("cancel_statement", {"Status": True}, {"Id": "abc"})
    with pytest.raises(KeyboardInterrupt):
        _run(client, "LOCK a")


def test_run_transaction_status_that_aws_adds_one_day_is_no_success(client, stub):
    _submit(stub, "LOCK a")
    _describe(stub, "ALL")
    stub.add_response("cancel_statement", {"Status": True}, {"Id": "abc"})
    with pytest.raises(RedshiftError, match="unknown status ALL"):
        _run(client, "LOCK a")


def _result(stub, names_and_types, *records, next_token=None, token=None):
    answer = {
        "ColumnMetadata": [{"name": name, "typeName": kind} for name, kind in names_and_types],
        "Records": list(records),
    }
    stub.add_response(
        "get_statement_result",
        answer | ({"NextToken": next_token} if next_token else {}),
        {"Id": "abc"} | ({"NextToken": token} if token else {}),
    )


def test_query_values_are_typed_and_pages_followed(client, stub):
    types = [
        ("n", "int8"),
        ("text", "varchar"),
        ("price", "numeric"),
        ("flag", "bool"),
        ("day", "date"),
        ("at", "timestamptz"),
        ("gone", "varchar"),
    ]
    record = [
        {"longValue": 7},
        {"stringValue": ""},
        {"stringValue": "12.50"},
        {"booleanValue": False},
        {"stringValue": "2026-01-31"},
        {"stringValue": "2026-01-31 10:00:00.5+00"},
        {"isNull": True},
    ]
    _execute(stub)
    _describe(stub, "FINISHED", HasResultSet=True)
    _result(stub, types, record, next_token="more")
    _result(stub, types, record, token="more")
    rows = data_api.query(client, sql="SELECT …", target=TARGET, label="read")
    expected = (
        7,
        "",
        Decimal("12.50"),
        False,
        date(2026, 1, 31),
        datetime(2026, 1, 31, 10, 0, 0, 500000, tzinfo=UTC),
        None,
    )
    assert rows == [expected, expected]


def test_query_without_rows_is_empty(client, stub):
    _execute(stub)
    _describe(stub, "FINISHED", HasResultSet=True)
    _result(stub, [("n", "int4")])
    assert data_api.query(client, sql="SELECT …", target=TARGET, label="read") == []


def test_query_that_is_refused_raises_redshifts_words(client, stub):
    _execute(stub)
    _describe(stub, "FAILED", Error='ERROR: relation "nope" does not exist')
    with pytest.raises(StatementError, match='relation "nope" does not exist') as caught:
        data_api.query(client, sql="SELECT …", target=TARGET, label="read")
    assert caught.value.index == 0


@pytest.mark.parametrize(
    "said",
    [
        "FATAL: terminating connection due to administrator command",
        "server closed the connection unexpectedly",
        "FATAL: SSL connection has been closed unexpectedly",
    ],
)
def test_session_that_was_ended_under_a_batch_may_be_tried_again(client, stub, said):
    _submit(stub, "DELETE", "INSERT")
    _describe(stub, "FAILED", Error=said, SubStatements=[{"Id": "abc:1", "Status": "FINISHED"}])
    with pytest.raises(ConnectionLostError):
        _run(client, "DELETE", "INSERT")
