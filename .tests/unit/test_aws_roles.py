"""Roles as IAM and Redshift write them."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aws.iam import get_role
from aws.redshift.roles import list_workgroup_roles

ROLE = "arn:aws:iam::123456789012:role/service/copy"


class FakeServerless:
    """redshift-serverless, which moto does not have."""

    def __init__(self, *roles: str) -> None:
        self._roles = list(roles)

    def get_workgroup(self, workgroupName: str) -> dict[str, Any]:
        return {"workgroup": {"namespaceName": f"{workgroupName}-data"}}

    def get_namespace(self, namespaceName: str) -> dict[str, Any]:
        assert namespaceName == "etl-data"
        return {"namespace": {"iamRoles": self._roles}}


@pytest.mark.parametrize(
    "roles, expected",
    [
        ([], []),
        ([ROLE], [ROLE]),
        ([f"IamRole(applyStatus=in-sync, iamRoleArn={ROLE})", ROLE + "2"], [ROLE, ROLE + "2"]),
    ],
)
def test_workgroup_roles_are_read_in_either_spelling(roles: list[str], expected: list[str]) -> None:
    client: Any = FakeServerless(*roles)
    assert list_workgroup_roles(client, workgroup_name="etl") == expected


@mock_aws
@pytest.mark.parametrize(
    "principal, services",
    [
        ({"Service": "glue.amazonaws.com"}, {"glue.amazonaws.com"}),
        (
            {"Service": ["a.amazonaws.com", "b.amazonaws.com"]},
            {"a.amazonaws.com", "b.amazonaws.com"},
        ),
        ({"AWS": "arn:aws:iam::123456789012:root"}, set()),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_role_names_the_services_that_may_take_it_on(
    principal: dict[str, Any], services: set[str], listed: bool
) -> None:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    policy = {"Version": "2012-10-17", "Statement": [statement] if listed else statement}
    iam = boto3.client("iam")
    iam.create_role(RoleName="x", AssumeRolePolicyDocument=json.dumps(policy))
    assert get_role(iam, name="x").services == services
