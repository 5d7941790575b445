"""`python -m etl share-warehouse`: the parts of the pipeline use each other's tables."""

from __future__ import annotations

import argparse

from aws.clients import make_client
from aws.redshift.credentials import find_cluster_administrator, find_workgroup_administrator
from aws.redshift.data_api import Target
from etl.contracts import datasets_of, load_contract
from etl.environment import enter
from etl.errors import UsageError
from etl.settings import Settings
from etl.warehouse.executor import DataApiExecutor
from etl.warehouse.explain import explain_warehouse_errors
from etl.warehouse.sharing import schemas_of, share


def run(options: argparse.Namespace) -> None:
    """Make the database role, as the warehouse's administrator."""
    settings = enter(options.env, assume_role=False)
    role = settings.warehouse.database_role
    if role is None:
        raise UsageError(
            f"{options.env} names no database role for the parts of the pipeline to share",
            fix=f"set warehouse.database_role in config/{options.env}.yml",
        )
    contracts = [load_contract(each, settings=settings) for each in datasets_of(settings)]
    schemas = schemas_of(contracts)
    with explain_warehouse_errors(settings):
        executor = _as_administrator(settings, options.secret_arn)
        share(executor, role, database=settings.warehouse.database, schemas=schemas)
    print(f"{role} may use what is in {', '.join(schemas)}; the parts' IAM roles carry its name")


def _as_administrator(settings: Settings, secret_arn: str | None) -> DataApiExecutor:
    target = Target(
        database=settings.warehouse.database,
        workgroup_name=settings.warehouse.workgroup_name,
        cluster_identifier=settings.warehouse.cluster_identifier,
        secret_arn=secret_arn or _administrator(settings),
    )
    client = make_client("redshift-data", settings.aws)
    return DataApiExecutor(client, target=target, label="share-warehouse")


def _administrator(settings: Settings) -> str:
    """The secret of the administrator whose password AWS manages."""
    warehouse = settings.warehouse
    if warehouse.workgroup_name is not None:
        serverless = make_client("redshift-serverless", settings.aws)
        found = find_workgroup_administrator(serverless, workgroup_name=warehouse.workgroup_name)
    else:
        provisioned = make_client("redshift", settings.aws)
        cluster = str(warehouse.cluster_identifier)
        found = find_cluster_administrator(provisioned, cluster_identifier=cluster)
    if found is None:
        raise UsageError(
            "AWS does not manage the password of the warehouse's administrator",
            fix="name a secret that holds username and password: --secret-arn arn:aws:…",
        )
    return found
