"""Who is who in the embedded Redshift: each identity a user, and what a database role shares."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from aws.redshift.data_api import Target
from aws.redshift.errors import StatementError
from etl.__main__ import main
from etl.settings import load_settings
from etl.warehouse.executor import DataApiExecutor
from etl.warehouse.sharing import share

TARGET = Target(database="etl", workgroup_name="etl-local")
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
ALL_SQL = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "redshift-data:*",
                "redshift-serverless:GetCredentials",
                "tag:GetResources",
                "tag:GetTagKeys",
            ],
            "Resource": "*",
        }
    ],
}


@dataclass(frozen=True)
class Parts:
    """Executors of three IAM roles: two with the database role's tag, one without; and root's."""

    one: DataApiExecutor
    other: DataApiExecutor
    stranger: DataApiExecutor
    administrator: DataApiExecutor
    database_role: str
    schema: str


@pytest.fixture
def parts(client: Callable[[str], Any], cloud: dict[str, str]) -> Iterator[Parts]:
    unique = uuid.uuid4().hex[:8]
    database_role, schema = f"loader_{unique}", f"shared_{unique}"
    names = [f"{each}-{unique}" for each in ("one", "other", "stranger")]
    iam, executors = client("iam"), []
    for name in names:
        tag = {"Key": "RedshiftDbRoles", "Value": f"unknown_role:{database_role}"}
        arn = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(TRUST),
            Tags=[] if name.startswith("stranger") else [tag],
        )["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="sql", PolicyDocument=json.dumps(ALL_SQL))
        given = client("sts").assume_role(RoleArn=arn, RoleSessionName="part")["Credentials"]
        data = boto3.client(
            "redshift-data",
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )
        executors.append(DataApiExecutor(data, target=TARGET, label=name))
    root = DataApiExecutor(client("redshift-data"), target=TARGET, label="root")
    yield Parts(*executors, root, database_role, schema)
    root.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    for name in names:
        iam.delete_role_policy(RoleName=name, PolicyName="sql")
        iam.delete_role(RoleName=name)


def test_identity_is_a_user_whose_tables_are_its_own(parts: Parts) -> None:
    table = f"mine_{parts.schema}"
    parts.one.execute(f"CREATE TABLE {table} (v INT)")

    assert parts.one.query("SELECT current_user")[0][0].startswith("IAMR:one-")
    for statement in (f"SELECT * FROM {table}", f"INSERT INTO {table} VALUES (1)"):
        with pytest.raises(StatementError, match="permission denied"):
            parts.other.execute(statement)

    parts.administrator.execute(f"DROP TABLE {table}")


def test_parts_that_share_a_role_use_what_the_others_make(parts: Parts) -> None:
    share(parts.administrator, parts.database_role, database="etl", schemas=[parts.schema])
    table = f"{parts.schema}.orders"
    rights = "SELECT, INSERT, UPDATE, DELETE, TRUNCATE, ALTER, DROP"
    parts.one.execute(
        f"CREATE TABLE {table} (v INT)",
        f"GRANT {rights} ON TABLE {table} TO ROLE {parts.database_role}",
    )

    parts.other.execute(f"ALTER TABLE {table} ADD COLUMN w INT")
    parts.other.run_transaction([f"LOCK {table}", f"INSERT INTO {table} VALUES (1, 2)"])
    assert parts.one.query(f"SELECT v, w FROM {table}") == [(1, 2)]
    with pytest.raises(StatementError, match="permission denied"):
        parts.stranger.query(f"SELECT v FROM {table}")


def test_sharing_again_takes_in_what_somebody_else_has_made(parts: Parts) -> None:
    share(parts.administrator, parts.database_role, database="etl", schemas=[parts.schema])
    parts.administrator.execute(f"CREATE TABLE {parts.schema}.earlier AS SELECT 1 AS v")
    with pytest.raises(StatementError, match="permission denied"):
        parts.one.query(f"SELECT v FROM {parts.schema}.earlier")

    share(parts.administrator, parts.database_role, database="etl", schemas=[parts.schema])

    parts.one.execute(f"TRUNCATE {parts.schema}.earlier")
    assert parts.other.query(f"SELECT count(*) FROM {parts.schema}.earlier") == [(0,)]


def test_role_is_granted_to_a_user_and_taken_back(parts: Parts) -> None:
    share(parts.administrator, parts.database_role, database="etl", schemas=[parts.schema])
    parts.one.execute(f"CREATE TABLE {parts.schema}.t (v INT)")
    parts.one.execute(f"GRANT SELECT ON {parts.schema}.t TO ROLE {parts.database_role}")
    (user,) = parts.stranger.query("SELECT current_user")[0]

    parts.administrator.execute(f'GRANT ROLE {parts.database_role} TO "{user}"')
    assert parts.stranger.query(f"SELECT * FROM {parts.schema}.t") == []

    parts.administrator.execute(f'REVOKE ROLE {parts.database_role} FROM "{user}"')
    with pytest.raises(StatementError, match="permission denied"):
        parts.stranger.query(f"SELECT * FROM {parts.schema}.t")


def test_command_wants_an_administrator_and_makes_the_role(
    client: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The local namespace's administrator has no secret; one is named then, or AWS manages one."""
    role = f"loader_{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("ETL_WAREHOUSE__DATABASE_ROLE", role)
    monkeypatch.setenv("ETL_WAREHOUSE__SCHEMA_NAME", f"of_{role}")
    assert load_settings("local").warehouse.database_role == role
    assert main(["share-warehouse"]) != 0
    assert "--secret-arn" in capsys.readouterr().err

    serverless, name = client("redshift-serverless"), f"managed-{uuid.uuid4().hex[:8]}"
    serverless.create_namespace(namespaceName=name, dbName="etl", manageAdminPassword=True)
    serverless.create_workgroup(workgroupName=name, namespaceName=name)
    monkeypatch.setenv("ETL_WAREHOUSE__WORKGROUP_NAME", name)
    for _ in range(2):
        assert main(["share-warehouse"]) == 0
        assert f"{role} may use what is in of_{role};" in capsys.readouterr().out
    DataApiExecutor(client("redshift-data"), target=TARGET, label="root").execute(
        f"DROP SCHEMA of_{role}"
    )
    serverless.delete_workgroup(workgroupName=name)
    serverless.delete_namespace(namespaceName=name)
