"""The Data API of the embedded cloud runs its statements."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest
from botocore.exceptions import ClientError

TARGET = {"WorkgroupName": "etl-local", "Database": "dev"}
FINAL = ("FINISHED", "FAILED", "ABORTED")


@pytest.fixture(scope="module")
def api(client: Callable[[str], Any]) -> Any:
    """The Data API's client."""
    return client("redshift-data")


def wait(api: Any, statement_id: str) -> dict[str, Any]:
    """A statement's description once it is finished."""
    deadline = time.monotonic() + 30
    while True:
        found: dict[str, Any] = api.describe_statement(Id=statement_id)
        if found["Status"] in FINAL:
            return found
        assert found["Status"] in ("SUBMITTED", "PICKED", "STARTED")
        assert time.monotonic() < deadline
        time.sleep(0.02)


def run(api: Any, sql: str, **more: Any) -> dict[str, Any]:
    """Execute one statement and wait."""
    return wait(api, api.execute_statement(Sql=sql, **TARGET, **more)["Id"])


def test_statement_returns_typed_records(api: Any) -> None:
    done = run(
        api,
        "SELECT 7::SMALLINT AS a, 2::BIGINT AS b, 1.50::DECIMAL(9,2) AS c, 0.1::FLOAT AS d,"
        " true AS e, 'Zoë'::VARCHAR(9) AS f, DATE '2026-01-31' AS g,"
        " TIMESTAMP '2026-01-31 01:02:03.5' AS h,"
        " '2026-01-31 01:02:03+00'::TIMESTAMPTZ AS i, JSON_PARSE('[1]') AS j, NULL::INT AS k",
    )
    assert (done["Status"], done["HasResultSet"], done["ResultRows"]) == ("FINISHED", True, 1)
    assert (done["WorkgroupName"], done["Database"]) == ("etl-local", "dev")
    assert done["Duration"] > 0 and done["ResultSize"] > 0 and done["RedshiftPid"] > 0
    result = api.get_statement_result(Id=done["Id"])
    assert result["TotalNumRows"] == 1
    assert result["Records"] == [
        [
            {"longValue": 7},
            {"longValue": 2},
            {"stringValue": "1.50"},
            {"doubleValue": 0.1},
            {"booleanValue": True},
            {"stringValue": "Zoë"},
            {"stringValue": "2026-01-31"},
            {"stringValue": "2026-01-31 01:02:03.5"},
            {"stringValue": "2026-01-31 01:02:03+00"},
            {"stringValue": "[1]"},
            {"isNull": True},
        ]
    ]
    assert [column["typeName"] for column in result["ColumnMetadata"]] == [
        *("int2", "int8", "numeric", "float8", "bool", "varchar"),
        *("date", "timestamp", "timestamptz", "super", "int4"),
    ]
    decimal = result["ColumnMetadata"][2]
    assert (decimal["name"], decimal["precision"], decimal["scale"]) == ("c", 9, 2)
    assert result["ColumnMetadata"][5]["length"] == 9


def test_parameters_are_values_not_sql(api: Any) -> None:
    done = run(
        api,
        "SELECT :name AS name, :number::INT + 1, ':name', 'a'::VARCHAR WHERE :name = :name",
        Parameters=[
            {"name": "name", "value": "it's; DROP TABLE \\ --"},
            {"name": "number", "value": "41"},
        ],
    )
    (record,) = api.get_statement_result(Id=done["Id"])["Records"]
    assert [list(field.values())[0] for field in record] == [
        "it's; DROP TABLE \\ --",
        42,
        ":name",
        "a",
    ]


def test_large_result_comes_in_pages(api: Any) -> None:
    done = run(api, "SELECT n, REPEAT('x', 1000) FROM generate_series(1, 3000) AS n")
    pages = list(api.get_paginator("get_statement_result").paginate(Id=done["Id"]))
    numbers = [record[0]["longValue"] for page in pages for record in page["Records"]]
    assert (len(pages) > 1, numbers) == (True, list(range(1, 3001)))


FAILURES = [
    ("SELECT 1/0", "ERROR: division by zero"),
    ("SELECT * FROM nowhere", 'ERROR: relation "nowhere" does not exist'),
    ("SELECT 1; SELECT 2", "cannot insert multiple commands into a prepared statement"),
    ("COPY nowhere FROM 's3://x/y' IAM_ROLE 'z' CSV", "nonexistent table nowhere"),
    ("CREATE TABLE t (a JSONB)", 'unsupported type "jsonb"'),
]


@pytest.mark.parametrize(("sql", "text"), FAILURES, ids=[sql for sql, _ in FAILURES])
def test_bad_statement_fails_with_redshifts_error(api: Any, sql: str, text: str) -> None:
    done = run(api, sql)
    assert (done["Status"], done["HasResultSet"]) == ("FAILED", False)
    assert text in done["Error"]
    with pytest.raises(ClientError, match="Query does not have result"):
        api.get_statement_result(Id=done["Id"])


def test_missing_database_fails_the_statement(api: Any) -> None:
    submitted = api.execute_statement(Sql="SELECT 1", WorkgroupName="etl-local", Database="nowhere")
    done = wait(api, submitted["Id"])
    assert (done["Status"], 'database "nowhere" does not exist' in done["Error"]) == (
        "FAILED",
        True,
    )


def test_batch_is_one_transaction_with_a_result_for_each_part(api: Any) -> None:
    table = f"batch_{uuid.uuid4().hex}"
    submitted = api.batch_execute_statement(
        Sqls=[
            f"CREATE TABLE {table} (v INT)",
            f"INSERT INTO {table} VALUES (1), (2)",
            f"SELECT SUM(v) FROM {table}",
        ],
        StatementName="sums",
        **TARGET,
    )
    done = wait(api, submitted["Id"])
    parts = done["SubStatements"]
    assert [part["Status"] for part in parts] == ["FINISHED"] * 3
    assert [part["Id"] for part in parts] == [f"{done['Id']}:{n}" for n in (1, 2, 3)]
    assert [part["HasResultSet"] for part in parts] == [False, False, True]
    assert parts[1]["ResultRows"] == 2
    assert api.get_statement_result(Id=parts[2]["Id"])["Records"] == [[{"longValue": 3}]]
    run(api, f"DROP TABLE {table}")


def test_batch_that_fails_leaves_nothing_and_says_which_part(api: Any) -> None:
    table = f"batch_{uuid.uuid4().hex}"
    submitted = api.batch_execute_statement(
        Sqls=[f"CREATE TABLE {table} (v INT)", "SELECT 1/0", "SELECT 1"], **TARGET
    )
    done = wait(api, submitted["Id"])
    assert done["Status"] == "FAILED" and "division by zero" in done["Error"]
    assert [part["Status"] for part in done["SubStatements"]] == ["FINISHED", "FAILED", "ABORTED"]
    assert "division by zero" in done["SubStatements"][1]["Error"]
    found = run(api, f"SELECT COUNT(*) FROM svv_tables WHERE table_name = '{table}'")
    assert api.get_statement_result(Id=found["Id"])["Records"] == [[{"longValue": 0}]]


def test_batch_in_auto_commit_keeps_what_succeeded(api: Any) -> None:
    table = f"batch_{uuid.uuid4().hex}"
    submitted = api.batch_execute_statement(
        Sqls=[f"CREATE TABLE {table} (v INT)", "SELECT 1/0", f"INSERT INTO {table} VALUES (1)"],
        ExecutionMode="AUTO_COMMIT",
        **TARGET,
    )
    done = wait(api, submitted["Id"])
    assert [part["Status"] for part in done["SubStatements"]] == ["FINISHED", "FAILED", "FINISHED"]
    found = run(api, f"SELECT COUNT(*) FROM {table}")
    assert api.get_statement_result(Id=found["Id"])["Records"] == [[{"longValue": 1}]]
    run(api, f"DROP TABLE {table}")


def test_copy_reports_no_rows_but_counts_them(api: Any, client: Callable[[str], Any]) -> None:
    client("s3").put_object(
        Bucket="etl-local-processed", Key="processed/data-api/x.csv", Body=b"1\n2\n"
    )
    submitted = api.batch_execute_statement(
        Sqls=[
            "CREATE TEMP TABLE t (n INT)",
            "COPY t FROM 's3://etl-local-processed/processed/data-api/' CSV"
            " IAM_ROLE 'arn:aws:iam::123456789012:role/etl-local-redshift-copy'",
            "SELECT pg_last_copy_count(), COUNT(*) FROM t",
        ],
        **TARGET,
    )
    done = wait(api, submitted["Id"])
    assert done["Status"] == "FINISHED", done
    assert done["SubStatements"][1]["ResultRows"] == 0
    result = api.get_statement_result(Id=f"{done['Id']}:3")
    assert result["Records"] == [[{"longValue": 2}, {"longValue": 2}]]


def test_client_token_submits_once(api: Any) -> None:
    table = f"once_{uuid.uuid4().hex}"
    run(api, f"CREATE TABLE {table} (v INT)")
    token = uuid.uuid4().hex
    sql = f"INSERT INTO {table} VALUES (1)"
    first, second = (
        api.execute_statement(Sql=sql, ClientToken=token, **TARGET)["Id"] for _ in range(2)
    )
    assert first == second
    wait(api, first)
    found = run(api, f"SELECT COUNT(*) FROM {table}")
    assert api.get_statement_result(Id=found["Id"])["Records"] == [[{"longValue": 1}]]
    run(api, f"DROP TABLE {table}")


def test_running_statement_is_cancelled(api: Any) -> None:
    submitted = api.execute_statement(Sql="SELECT pg_sleep(60)", **TARGET)
    while api.describe_statement(Id=submitted["Id"])["Status"] != "STARTED":
        time.sleep(0.02)
    time.sleep(0.1)
    assert api.cancel_statement(Id=submitted["Id"])["Status"] is True
    assert wait(api, submitted["Id"])["Status"] == "ABORTED"
    with pytest.raises(ClientError, match="already in ABORTED state"):
        api.cancel_statement(Id=submitted["Id"])


def test_describe_can_wait(api: Any) -> None:
    submitted = api.execute_statement(Sql="SELECT pg_sleep(0.5)", **TARGET)
    found = api.describe_statement(Id=submitted["Id"], WaitTimeSeconds=10)
    assert found["Status"] == "FINISHED"


def test_statements_are_listed_by_name_and_status(api: Any) -> None:
    name = f"named-{uuid.uuid4()}"
    good = run(api, "SELECT 1", StatementName=name)["Id"]
    bad = run(api, "SELECT 1/0", StatementName=name)["Id"]
    found = api.list_statements(StatementName=name, Status="ALL")["Statements"]
    assert [each["Id"] for each in found] == [bad, good]
    (failed,) = api.list_statements(StatementName=name, Status="FAILED")["Statements"]
    assert (failed["Id"], failed["QueryString"]) == (bad, "SELECT 1/0")


def test_tables_schemas_and_databases_are_listed(api: Any) -> None:
    run(api, "CREATE SCHEMA listed")
    run(api, "CREATE TABLE listed.one (v INT)")
    tables = api.list_tables(SchemaPattern="listed", **TARGET)["Tables"]
    assert tables == [{"name": "one", "schema": "listed", "type": "TABLE"}]
    assert "listed" in api.list_schemas(**TARGET)["Schemas"]
    assert {"dev", "etl"} <= set(api.list_databases(**TARGET)["Databases"])
    run(api, "DROP SCHEMA listed CASCADE")


REFUSED = [
    ({"Database": "dev"}, "WorkgroupName or ClusterIdentifier is required"),
    ({**TARGET, "ClusterIdentifier": "c"}, "Only one of"),
    ({"WorkgroupName": "missing", "Database": "dev"}, "endpoint doesn't exist"),
    ({"ClusterIdentifier": "missing", "Database": "dev"}, "endpoint doesn't exist"),
    ({"WorkgroupName": "etl-local"}, "Database is required"),
    ({**TARGET, "DbUser": "awsuser"}, "DbUser cannot be provided"),
]


@pytest.mark.parametrize(("target", "text"), REFUSED, ids=[text for _, text in REFUSED])
def test_request_without_one_clear_target_is_refused(
    api: Any, target: dict[str, str], text: str
) -> None:
    with pytest.raises(ClientError) as refused:
        api.execute_statement(Sql="SELECT 1", **target)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert text in refused.value.response["Error"]["Message"]


def test_batch_of_too_many_is_refused(api: Any) -> None:
    with pytest.raises(ClientError, match="less than or equal to 40"):
        api.batch_execute_statement(Sqls=["SELECT 1"] * 41, **TARGET)


@pytest.mark.parametrize(
    ("statement_id", "code"),
    [
        ("00000000-0000-4000-8000-000000000000", "ResourceNotFoundException"),
        ("x" * 36, "ValidationException"),
    ],
)
def test_unknown_statement_is_not_found(api: Any, statement_id: str, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        api.describe_statement(Id=statement_id)
    assert refused.value.response["Error"]["Code"] == code


def test_secret_is_the_login(api: Any, client: Callable[[str], Any]) -> None:
    connection = psycopg2.connect(dbname="dev")
    connection.autocommit = True
    connection.cursor().execute("CREATE USER secretive PASSWORD 'Right-123'")
    secrets = client("secretsmanager")
    outcomes = []
    for password in ("Right-123", "Wrong-123"):
        secret = secrets.create_secret(
            Name=f"redshift/{password}",
            SecretString=json.dumps({"username": "secretive", "password": password}),
        )
        done = run(api, "SELECT current_user", SecretArn=secret["ARN"])
        outcomes.append((done["Status"], done.get("Error", "")))
    connection.cursor().execute("DROP USER secretive")
    connection.close()
    assert outcomes[0] == ("FINISHED", "")
    assert outcomes[1][0] == "FAILED" and "password authentication failed" in outcomes[1][1]


def test_statements_and_results_outlive_a_restart(
    tmp_path: Any, run_cloud: Any, monkeypatch: Any
) -> None:
    import boto3

    home = tmp_path / "home"

    def api_of_started() -> Any:
        assert run_cloud(home, "up", "--bare").returncode == 0
        lines = run_cloud(home, "env").stdout.splitlines()
        found = dict(line.removeprefix("export ").split("=", 1) for line in lines if "=" in line)
        names = ("endpoint_url", "aws_access_key_id", "aws_secret_access_key", "region_name")
        keys = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
        arguments = {n: found[k].strip("'\"") for n, k in zip(names, keys, strict=True)}
        serverless = boto3.client("redshift-serverless", **arguments)
        if not serverless.list_workgroups()["workgroups"]:
            serverless.create_namespace(namespaceName="etl-local", dbName="dev")
            serverless.create_workgroup(workgroupName="etl-local", namespaceName="etl-local")
        return boto3.client("redshift-data", **arguments)

    api = api_of_started()
    done = run(api, "SELECT 7")
    running = api.execute_statement(Sql="SELECT pg_sleep(60)", **TARGET)["Id"]
    run_cloud(home, "down")
    api = api_of_started()
    try:
        assert api.get_statement_result(Id=done["Id"])["Records"] == [[{"longValue": 7}]]
        assert wait(api, running)["Status"] in ("ABORTED", "FAILED")
    finally:
        run_cloud(home, "down")
