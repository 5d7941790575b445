"""Roles that services take on."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from aws.iam import get_role
from etl.doctor.explain import error_code
from etl.doctor.findings import Finding, fail, ok
from etl.doctor.patient import Patient


def check_role(patient: Patient, role: str, *services: str) -> Finding:
    """Whether a role is there for a service to take on.

    Args:
        role: Its name or ARN.
        services: One of them must be trusted, e.g. "glue.amazonaws.com".
    """
    account = patient.identity.account if patient.identity else ""
    if role.startswith("arn:") and account and role.split(":")[4] != account:
        return fail(
            f"{role} is not of this account, {account}",
            f"name the account's role in config/{patient.settings.environment}.yml",
        )
    name = role.rpartition("/")[2]
    trust = json.dumps(_trust(services[0]))
    try:
        found = get_role(patient.client("iam"), name=name)
    except ClientError as error:
        if error_code(error) != "NoSuchEntity":
            raise
        return fail(
            f"there is no role {name}",
            patient.command(
                *("iam", "create-role", "--role-name", name),
                *("--assume-role-policy-document", trust),
            ),
        )
    if not found.services & set(services):
        return fail(
            f"{name} does not let {services[0]} take it on",
            patient.command(
                *("iam", "update-assume-role-policy", "--role-name", name),
                *("--policy-document", trust),
            ),
        )
    return ok(found.arn)


def _trust(service: str) -> dict[str, object]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
