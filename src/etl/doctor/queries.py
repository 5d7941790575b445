"""What queries need: the Glue catalogue's database and Athena's workgroup."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from aws.athena import get_workgroup
from aws.glue.catalog import database_exists
from etl.doctor.explain import error_code
from etl.doctor.findings import Check, Finding, Group, fail, ok
from etl.doctor.patient import Patient


def query_groups(patient: Patient) -> list[Group]:
    """The database and the workgroup."""
    return [
        [Check("Glue database", lambda: _has_database(patient))],
        [Check("Athena workgroup", lambda: _has_workgroup(patient))],
    ]


def _has_database(patient: Patient) -> Finding:
    name = patient.settings.glue.database
    if database_exists(patient.client("glue"), name=name):
        return ok(name)
    return fail(
        f"there is no database {name}",
        patient.command("glue", "create-database", "--database-input", json.dumps({"Name": name})),
    )


def _has_workgroup(patient: Patient) -> Finding:
    wanted = patient.settings.athena
    try:
        found = get_workgroup(patient.client("athena"), name=wanted.workgroup)
    except ClientError as error:
        if error_code(error) != "InvalidRequestException":
            raise
        output = f"ResultConfiguration={{OutputLocation={_results(patient)}}}"
        create = ("create-work-group", "--name", wanted.workgroup, "--configuration", output)
        return fail(f"there is no workgroup {wanted.workgroup}", patient.command("athena", *create))
    if not found.enabled:
        return fail(f"{found.name} is disabled", _update(patient, "--state", "ENABLED"))
    output_location = found.output_location or wanted.output_location
    if output_location or found.manages_results:
        return ok(f"{found.name}, results in {output_location or 'Athena'}")
    output = f"ResultConfigurationUpdates={{OutputLocation={_results(patient)}}}"
    return fail(
        f"{found.name} has no place for results, and athena.output_location names none",
        _update(patient, "--configuration-updates", output),
    )


def _update(patient: Patient, *options: str) -> str:
    name = patient.settings.athena.workgroup
    return patient.command("athena", "update-work-group", "--work-group", name, *options)


def _results(patient: Patient) -> str:
    return f"s3://{patient.settings.buckets.artifacts}/athena-results/"
