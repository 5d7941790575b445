"""All that Terraform has to know of an environment: settings and contracts, as one document.

HCL says how AWS's resources hang together; names, numbers and texts come from here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from etl.athena_ddl import table_input
from etl.contracts import datasets_of, load_contract
from etl.infrastructure.code import LIBRARY, SCRIPT, CodeFile, code_files
from etl.infrastructure.deployments import daily_datasets
from etl.infrastructure.functions import LambdaFunction, lambda_functions
from etl.infrastructure.glue_job import job_definition
from etl.infrastructure.lifecycle import RESULTS_PREFIX, bucket_rules
from etl.infrastructure.policies import policy_variables
from etl.infrastructure.roles import roles, trust_policy
from etl.ingest.openapi import render as render_api
from etl.model import Contract
from etl.root import ROOT
from etl.settings import Settings
from etl.state_machine import render as render_state_machine

BUILD = ROOT / "build"
_INCOMING = {
    "batch_size",
    "dead_letter_queue_name",
    "incoming_prefix",
    "max_receive_count",
    "queue_name",
    "retention_days",
}
_NOT_DEPLOYED = {"before_run", "next_steps", "places", "profile", "role_arn"}


def deployment(settings: Settings, account_id: str, *, packages: Path = BUILD) -> dict[str, Any]:
    """The document that Terraform reads; the same settings, contracts and code give the same.

    Args:
        packages: The folder of the archives that tools/package.py has built.

    Raises:
        UsageError: An archive is missing.
        ContractError, SettingsError: A contract or a setting will not do.
    """
    contracts = [load_contract(each, settings=settings) for each in datasets_of(settings)]
    functions = lambda_functions(settings, account_id)
    code = code_files([LIBRARY, *(each.archive for each in functions)], packages)
    return {
        "environment": settings.environment,
        "name": settings.name,
        "region": settings.region,
        "account_id": account_id,
        "settings": settings.model_dump(mode="json", exclude=_NOT_DEPLOYED),
        "state": state_place(settings, account_id),
        "buckets": _buckets(settings),
        "incoming": settings.processor.model_dump(include=_INCOMING)
        | {"visibility_seconds": settings.processor.visibility_seconds},
        "code": {name: dataclasses.asdict(file) for name, file in code.items()},
        "functions": {each.key: _function(each, code) for each in functions},
        "roles": {
            role.key: {
                "name": role.name,
                "trust": trust_policy(role, account_id, partition=settings.partition),
                "tags": role.tags,
            }
            for role in roles(settings).values()
        },
        "policy_variables": policy_variables(settings, account_id, contracts),
        "glue_job": _glue_job(settings, code),
        "scheduled_datasets": daily_datasets(settings),
        "tables": {each.dataset: table_input(each) for each in contracts if each.is_transformed},
        "athena_results": f"s3://{settings.buckets.artifacts}/{RESULTS_PREFIX}",
        "openapi": _openapi(settings, account_id, contracts, functions),
        "state_machine": render_state_machine(settings, account_id),
        "secrets": secret_names(settings, contracts),
    }


def state_place(settings: Settings, account_id: str) -> dict[str, str]:
    """Where Terraform keeps what it knows: a bucket an account and region, a key an environment."""
    named = settings.infrastructure.state_bucket
    return {
        "bucket": named or f"terraform-state-{account_id}-{settings.region}",
        "key": f"{settings.name}/terraform.tfstate",
        "region": settings.region,
    }


def secret_names(settings: Settings, contracts: Iterable[Contract]) -> list[str]:
    """The secrets that contracts and settings name, but for those named by ARN: they exist."""
    found = {str(each.source.options.get("secret") or "") for each in contracts}
    if settings.ingest.on_accept and settings.ingest.on_accept.secret:
        found.add(settings.ingest.on_accept.secret)
    if settings.alerts.webhook_secret:
        found.add(settings.alerts.webhook_secret)
    return sorted(name for name in found if name and not name.startswith("arn:"))


def _buckets(settings: Settings) -> dict[str, Any]:
    infrastructure = settings.infrastructure
    logs = infrastructure.access_log_bucket or f"{settings.buckets.artifacts}-access-logs"
    names = settings.buckets.names | {"logs": logs}
    rules = bucket_rules(settings)
    return {layer: {"name": name, "rules": rules[layer]} for layer, name in names.items()}


def _function(function: LambdaFunction, code: Mapping[str, CodeFile]) -> dict[str, Any]:
    file = code[function.archive]
    return {
        **dataclasses.asdict(function),
        "handler": function.handler,
        "code_key": file.key,
        "code_sha256": file.sha256,
    }


def _glue_job(settings: Settings, code: Mapping[str, CodeFile]) -> dict[str, Any]:
    place = f"s3://{settings.buckets.artifacts}"
    script, library = code[SCRIPT.name], code[LIBRARY]
    return {
        "Name": settings.glue.job_name,
        **job_definition(
            settings, script=f"{place}/{script.key}", library=f"{place}/{library.key}"
        ),
    }


def _openapi(
    settings: Settings,
    account_id: str,
    contracts: Sequence[Contract],
    functions: Iterable[LambdaFunction],
) -> str | None:
    """None where there is no API."""
    for function in functions:
        if function.key == "ingest":
            arn = function.arn(settings, account_id)
            return render_api(settings, contracts, function_arn=arn)
    return None
