"""The warehouse, reached as the loader reaches it, and the role that its COPY takes on."""

from __future__ import annotations

from botocore.exceptions import ClientError

from aws.redshift.roles import list_cluster_roles, list_workgroup_roles
from etl.doctor.explain import error_code
from etl.doctor.findings import Check, Finding, Group, fail, ok
from etl.doctor.patient import Patient
from etl.doctor.roles import check_role
from etl.warehouse.executor import open_executor
from etl.warehouse.explain import explain_warehouse_errors

_ABSENT = {"ClusterNotFound", "ClusterNotFoundFault", "ResourceNotFoundException"}
_SERVICES = ("redshift.amazonaws.com", "redshift-serverless.amazonaws.com")


def warehouse_groups(patient: Patient) -> list[Group]:
    """A query, the role, and whether the one has the other."""
    role = patient.settings.warehouse.copy_role_arn
    return [
        [
            Check("warehouse", lambda: _answers(patient)),
            Check("  warehouse: roles", lambda: _has_role(patient)),
        ],
        [Check("COPY role", lambda: check_role(patient, role, *_SERVICES))],
    ]


def _answers(patient: Patient) -> Finding:
    warehouse = patient.settings.warehouse
    try:
        with explain_warehouse_errors(patient.settings):
            executor = open_executor(patient.settings, label="doctor")
            try:
                executor.query("SELECT 1")
            finally:
                executor.close()
    except Exception as error:
        if isinstance(error.__cause__, ClientError) and error_code(error.__cause__) in _ABSENT:
            kind = "cluster" if warehouse.workgroup_name is None else "workgroup"
            return fail(f"there is no {kind} {_name(patient)}", _create(patient))
        raise
    return ok(f"{_name(patient)}, database {warehouse.database}, by {warehouse.loader}: SELECT 1")


def _has_role(patient: Patient) -> Finding:
    warehouse = patient.settings.warehouse
    if warehouse.workgroup_name is not None:
        client = patient.client("redshift-serverless")
        roles = list_workgroup_roles(client, workgroup_name=warehouse.workgroup_name)
    else:
        name = str(warehouse.cluster_identifier)
        roles = list_cluster_roles(patient.client("redshift"), cluster_identifier=name)
    if warehouse.copy_role_arn in roles:
        return ok("the COPY role is one of them")
    return fail(
        f"{_name(patient)} may not take on {warehouse.copy_role_arn}", _associate(patient, roles)
    )


def _name(patient: Patient) -> str:
    warehouse = patient.settings.warehouse
    return str(warehouse.workgroup_name or warehouse.cluster_identifier)


def _create(patient: Patient) -> str:
    warehouse, name = patient.settings.warehouse, _name(patient)
    role = warehouse.copy_role_arn
    if warehouse.workgroup_name is None:
        return patient.command(
            *("redshift", "create-cluster", "--cluster-identifier", name),
            *("--db-name", warehouse.database, "--node-type", "ra3.large"),
            *("--cluster-type", "single-node", "--encrypted", "--iam-roles", role),
            *("--master-username", "admin", "--manage-master-password"),
        )
    namespace = patient.command(
        *("redshift-serverless", "create-namespace", "--namespace-name", name),
        *("--db-name", warehouse.database, "--iam-roles", role),
    )
    workgroup = patient.command(
        *("redshift-serverless", "create-workgroup", "--workgroup-name", name),
        *("--namespace-name", name),
    )
    return f"{namespace} && {workgroup}"


def _associate(patient: Patient, roles: list[str]) -> str:
    warehouse, name = patient.settings.warehouse, _name(patient)
    role = warehouse.copy_role_arn
    if warehouse.workgroup_name is None:
        return patient.command(
            *("redshift", "modify-cluster-iam-roles", "--cluster-identifier", name),
            *("--add-iam-roles", role),
        )
    # The namespace's roles are replaced by those that are named.
    return patient.command(
        *("redshift-serverless", "update-namespace", "--namespace-name", name),
        *("--iam-roles", *roles, role),
    )
