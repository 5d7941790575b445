"""What a person is told when the warehouse refuses."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from aws.redshift import connection, credentials
from aws.redshift.errors import (
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    RedshiftError,
    StatementError,
)
from etl.errors import WarehouseError
from etl.warehouse import executor as executors
from etl.warehouse.explain import explain_warehouse_errors, explained_step, load_errors
from etl.warehouse.stage_sql import Step

WAREHOUSE = SimpleNamespace(
    loader="copy",
    workgroup_name="etl-dev",
    cluster_identifier=None,
    database="etl",
    host=None,
    port=5439,
    db_user=None,
    database_role=None,
    sslrootcert=None,
)
SETTINGS = SimpleNamespace(warehouse=WAREHOUSE, aws=None)
COPY = Step("copy the files into the stage table", "COPY …")


def _client_error(code):
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetCredentials")


@pytest.mark.parametrize(
    ("error", "message", "fix"),
    [
        (ConnectError("timeout expired", problem="unreachable"), "cannot connect", "data-api"),
        (ConnectError("no", problem="password"), "cannot connect", "warehouse.db_user"),
        (ConnectError("no", problem="database"), "cannot connect", "create the database"),
        (ConnectError("no", problem="certificate"), "cannot connect", "sslrootcert"),
        (ConnectionLostError("EOF"), "dropped the connection", "run again"),
        (DeadlineError("is STARTED after 5 seconds"), "after 5 seconds", "svv_transactions"),
        (StatementError("ERROR:  permission denied"), ": permission denied", "privileges"),
        (RedshiftError("strange"), "strange", "run again"),
        (_client_error("ExpiredTokenException"), "GetCredentials", "sign in again"),
        (_client_error("AccessDeniedException"), "GetCredentials", "allow the role"),
        (_client_error("ResourceNotFoundException"), "GetCredentials", "workgroup_name"),
        (EndpointConnectionError(endpoint_url="https://x"), "https://x", "network"),
    ],
)
def test_explain_names_the_warehouse_the_cause_and_the_fix(error, message, fix):
    with pytest.raises(WarehouseError) as caught, explain_warehouse_errors(SETTINGS):
        raise error
    assert "Redshift etl-dev, database etl" in caught.value.message
    assert message in caught.value.message
    assert fix in caught.value.fix


def test_explained_step_shows_redshifts_words_and_the_values_it_wrote_down():
    error = explained_step(
        "orders 2026-01-01", COPY, StatementError("ERROR:  bad value"), ["s3://a, line 3: too long"]
    )
    assert error.message == (
        "orders 2026-01-01: could not copy the files into the stage table: bad value\n"
        "  s3://a, line 3: too long"
    )
    assert "copy_role_arn" in error.fix


def test_explained_step_guard_is_told_in_its_own_sentence():
    message = "ERROR: Invalid digit, Value 't', … context: the stage holds 2 rows, not 3 (1207)"
    error = explained_step("orders", Step("count", "SELECT"), StatementError(message), [])
    assert error.message == "orders: could not count: the stage holds 2 rows, not 3"
    assert "transform" in error.fix


def test_explained_step_conflict_that_never_ended_says_wait():
    error = explained_step("orders", COPY, StatementError("1023"), [])
    assert "run again" in error.fix


class _Answers:
    def __init__(self, rows):
        self.rows = rows

    def query(self, sql):
        self.sql = sql
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows


def test_load_errors_are_those_of_this_loads_files():
    answers = _Answers([("s3://p/a.parquet", 3, "note", "too long"), ("s3://p/b", 0, "", "gone")])
    since = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    assert load_errors(answers, prefix="s3://p/", since=since) == [
        "s3://p/a.parquet, line 3, column note: too long",
        "s3://p/b, line 0: gone",
    ]
    assert "LIKE 's3://p/%'" in answers.sql
    assert "'2026-01-01 11:58:00'" in answers.sql


def test_load_errors_that_cannot_be_read_do_not_hide_the_first_error():
    answers = _Answers(StatementError("permission denied"))
    assert load_errors(answers, prefix="s3://p/", since=datetime.now(UTC)) == []


class _Connection:
    closed = 0

    def close(self):
        self.closed = 1


def test_connection_executor_connects_late_and_again_after_a_loss(monkeypatch):
    made = []

    def connect():
        made.append(_Connection())
        return made[-1]

    monkeypatch.setattr(connection, "query", lambda opened, *, sql: [(opened, sql)])
    executor = executors.ConnectionExecutor(connect)
    assert made == []
    executor.query("SELECT 1")
    executor.query("SELECT 1")
    assert len(made) == 1
    made[0].closed = 2
    executor.query("SELECT 1")
    assert len(made) == 2
    executor.close()
    assert made[1].closed


@pytest.mark.parametrize("kind", ["serverless", "cluster"])
def test_connect_fetches_credentials_for_each_connection(monkeypatch, kind):
    calls = []
    secret = credentials.Credentials(user="u", password="p")
    names = {"workgroup_name": "wg", "cluster_identifier": None}
    if kind == "cluster":
        names = {"workgroup_name": None, "cluster_identifier": "c"}
    warehouse = SimpleNamespace(**vars(WAREHOUSE) | names)

    def answer(name, value):
        def call(_client, **asked):
            calls.append((name, asked))
            return value

        monkeypatch.setattr(credentials, name, call)

    answer("get_workgroup_credentials", secret)
    answer("get_cluster_credentials", secret)
    found = credentials.Endpoint(host="found.example.com", port=5440)
    answer("find_workgroup_endpoint", found)
    answer("find_cluster_endpoint", found)
    monkeypatch.setattr(executors, "make_client", lambda service, config: service)
    monkeypatch.setattr(connection, "connect", lambda **asked: asked)

    settings = SimpleNamespace(warehouse=warehouse, aws=None)
    first, second = executors.connect(settings), executors.connect(settings)
    assert first["host"] == "found.example.com"
    assert first["credentials"] == second["credentials"] == secret
    assert [name for name, _ in calls].count(calls[1][0]) == 2
    warehouse.host = "named.example.com"
    assert executors.connect(settings)["host"] == "named.example.com"
