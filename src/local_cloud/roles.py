"""The roles that the parts run under, with the policies that Terraform gives them too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from etl.infrastructure.policies import policy_variables, render_policies
from etl.infrastructure.roles import role_arn, roles, trust_policy
from etl.model import Contract
from etl.settings import Settings
from local_cloud.context import Cloud

POLICY_NAME = "least-privilege"
_INLINE = "RolePolicyList"
_NONE: dict[str, Any] = {_INLINE: [], "Tags": []}


def provide_roles(cloud: Cloud, settings: Settings, contracts: Iterable[Contract]) -> None:
    """Create the roles that are missing; trust and policy of the others are made the files'.

    Raises:
        SettingsError: A policy cannot be read.
    """
    iam, account = cloud.client("iam"), cloud.account_id
    variables = policy_variables(
        settings, account, contracts, workgroup_arn=_workgroup_arn(cloud, settings)
    )
    policies, existing = render_policies(settings, variables), _read_roles(iam)
    for key, role in roles(settings).items():
        trust = trust_policy(role, account, partition=settings.partition)
        found = existing.get(role.name)
        if found is None:
            iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=json.dumps(trust))
        elif found["AssumeRolePolicyDocument"] != trust:
            iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=json.dumps(trust))
        tags = [{"Key": name, "Value": value} for name, value in role.tags.items()]
        if (found or _NONE)["Tags"] != tags:
            iam.tag_role(RoleName=role.name, Tags=tags)
        kept = {each["PolicyName"]: each["PolicyDocument"] for each in (found or _NONE)[_INLINE]}
        if kept.get(POLICY_NAME) != policies[key]:
            iam.put_role_policy(
                RoleName=role.name,
                PolicyName=POLICY_NAME,
                PolicyDocument=json.dumps(policies[key]),
            )


def arn_of(cloud: Cloud, settings: Settings, key: str) -> str:
    """A role's ARN."""
    return role_arn(roles(settings)[key], cloud.account_id, partition=settings.partition)


def _read_roles(iam: Any) -> dict[str, Any]:
    """All roles by name, with their policies: one call for what is looked at on every attach."""
    pages = iam.get_paginator("get_account_authorization_details").paginate(Filter=["Role"])
    return {each["RoleName"]: each for page in pages for each in page["RoleDetailList"]}


def _workgroup_arn(cloud: Cloud, settings: Settings) -> str | None:
    name = settings.warehouse.workgroup_name
    if name is None:
        return None
    found = cloud.client("redshift-serverless").get_workgroup(workgroupName=name)
    return str(found["workgroup"]["workgroupArn"])
