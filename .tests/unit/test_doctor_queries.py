"""Each fault of the warehouse, the catalogue and Athena gets its line and its command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from support.aws_commands import check_commands
from support.doctor_patient import (
    client,
    look,
    make_cluster,
    make_patient,
    make_role,
    make_settings,
    make_workgroup,
    only_fault,
    refused,
)

from aws.athena import Workgroup
from aws.redshift.errors import ConnectError
from etl.doctor import queries, warehouse
from etl.doctor.findings import Finding
from etl.doctor.patient import Patient
from etl.doctor.queries import query_groups
from etl.doctor.warehouse import warehouse_groups


class FakeExecutor:
    """A warehouse that answers, or fails with `error`."""

    error: Exception | None = None

    def query(self, sql: str) -> list[tuple[int]]:
        if self.error:
            raise self.error
        return [(1,)]

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> FakeExecutor:
    fake = FakeExecutor()
    monkeypatch.setattr(warehouse, "open_executor", lambda settings, label: fake)
    return fake


@pytest.fixture
def patient(tmp_path: Path, executor: FakeExecutor) -> Iterator[Patient]:
    with mock_aws():
        settings = make_settings(tmp_path)
        make_role("doc-copy", "redshift")
        make_cluster(settings.warehouse.copy_role_arn)
        client("glue").create_database(DatabaseInput={"Name": "doc"})
        make_workgroup({"ResultConfiguration": {"OutputLocation": "s3://doc-artifacts/results/"}})
        yield make_patient(settings)


def _look(patient: Patient) -> dict[str, Finding]:
    return look(patient, *warehouse_groups(patient), *query_groups(patient))


def test_doctor_warehouse_and_queries_in_order_are_ok(patient: Patient) -> None:
    assert [(check, each.state) for check, each in _look(patient).items()] == [
        ("warehouse", "ok"),
        ("warehouse: roles", "ok"),
        ("COPY role", "ok"),
        ("Glue database", "ok"),
        ("Athena workgroup", "ok"),
    ]


def test_doctor_copy_role_missing_fails(patient: Patient) -> None:
    client("iam").delete_role(RoleName="doc-copy")
    check, found = only_fault(_look(patient))
    assert (check, found.what) == ("COPY role", "there is no role doc-copy")
    assert found.fix.startswith("aws iam create-role --role-name doc-copy ")


def test_doctor_copy_role_that_the_cluster_has_not_got_fails(patient: Patient) -> None:
    client("redshift").delete_cluster(ClusterIdentifier="doc", SkipFinalClusterSnapshot=True)
    make_cluster()
    check, found = only_fault(_look(patient))
    assert (check, found.state) == ("warehouse: roles", "FAIL")
    assert "aws redshift modify-cluster-iam-roles --cluster-identifier doc" in found.fix


def test_doctor_warehouse_missing_says_how_to_create_it(
    patient: Patient, executor: FakeExecutor
) -> None:
    executor.error = ClientError({"Error": {"Code": "ClusterNotFound"}}, "GetClusterCredentials")
    check, found = only_fault(_look(patient))
    assert (check, found.what) == ("warehouse", "there is no cluster doc")
    assert found.fix.startswith("aws redshift create-cluster --cluster-identifier doc ")


def test_doctor_serverless_warehouse_missing_says_how_to_create_it(
    tmp_path: Path, executor: FakeExecutor
) -> None:
    error = ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetCredentials")
    executor.error = error
    own = {"kind": "serverless", "workgroup_name": "doc", "cluster_identifier": None}
    patient = make_patient(make_settings(tmp_path, warehouse=own))
    found = look(patient, warehouse_groups(patient)[0])["warehouse"]
    assert found.what == "there is no workgroup doc"
    check_commands(found.fix)
    assert "aws redshift-serverless create-workgroup --workgroup-name doc" in found.fix


def test_doctor_warehouse_out_of_reach_names_the_way(
    patient: Patient, executor: FakeExecutor
) -> None:
    executor.error = ConnectError("connection timed out", problem="unreachable")
    check, found = only_fault(_look(patient))
    assert (check, found.state) == ("warehouse", "FAIL")
    assert "cannot connect to Redshift doc, database etl" in found.what
    assert "security group" in found.fix


def test_doctor_database_missing_says_how_to_create_it(patient: Patient) -> None:
    client("glue").delete_database(Name="doc")
    check, found = only_fault(_look(patient))
    assert (check, found.what) == ("Glue database", "there is no database doc")
    assert found.fix.startswith("aws glue create-database --database-input ")


def test_doctor_workgroup_missing_says_how_to_create_it(patient: Patient) -> None:
    with refused("GetWorkGroup", "InvalidRequestException"):  # moto answers with nothing
        check, found = only_fault(_look(patient))
    assert (check, found.what) == ("Athena workgroup", "there is no workgroup doc")
    assert found.fix.startswith("aws athena create-work-group --name doc ")


def test_doctor_workgroup_without_a_place_for_results_fails(patient: Patient) -> None:
    client("athena").delete_work_group(WorkGroup="doc")
    make_workgroup({})
    check, found = only_fault(_look(patient))
    assert (check, found.state) == ("Athena workgroup", "FAIL")
    assert "OutputLocation=s3://doc-artifacts/athena-results/" in found.fix


def test_doctor_warehouse_api_denied_names_the_action(
    patient: Patient, executor: FakeExecutor
) -> None:
    executor.error = ClientError({"Error": {"Code": "AccessDenied"}}, "GetClusterCredentials")
    check, found = only_fault(_look(patient))
    assert check == "warehouse"
    assert found.what == "access denied: redshift:GetClusterCredentials is missing"


def test_doctor_workgroup_that_is_disabled_fails(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Workgroup(name="doc", enabled=False, output_location=None, manages_results=True)
    monkeypatch.setattr(queries, "get_workgroup", lambda client, name: group)
    check, found = only_fault(_look(patient))
    assert (check, found.what) == ("Athena workgroup", "doc is disabled")
    assert "aws athena update-work-group --work-group doc --state ENABLED" in found.fix


@pytest.mark.parametrize(
    "operation, action",
    [
        ("DescribeClusters", "redshift:DescribeClusters"),
        ("GetDatabase", "glue:GetDatabase"),
        ("GetWorkGroup", "athena:GetWorkGroup"),
    ],
)
def test_doctor_query_operation_denied_names_the_action(
    patient: Patient, operation: str, action: str
) -> None:
    with refused(operation):
        _, found = only_fault(_look(patient))
    assert found.what == f"access denied: {action} is missing"
