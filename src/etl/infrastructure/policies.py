"""What each role may do: terraform/policies/<role>.yml, filled in for one environment.

A file is a YAML list of IAM statements with IAM's own keys, `Effect` being Allow unless it says
otherwise. Terraform reads the same files, so three things hold in both places:

- `${name}` stands for a variable, see `policy_variables`. A list is given as JSON, so it stands
  alone: `Resource: ${source_objects}`. IAM's own variables are written `$${aws:userid}`.
- A statement whose `Resource` is an empty list is left out: what an environment does not have, it
  does not allow.
- `Reason` says why an action or a resource has a `*` that nothing narrows, or else why something is
  granted that no test uses. IAM does not see it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

from etl.errors import SettingsError
from etl.infrastructure.roles import roles
from etl.infrastructure.source_access import read_source_access
from etl.model import Contract
from etl.root import ROOT
from etl.settings import Settings

POLICIES = ROOT / "terraform" / "policies"
REASON = "Reason"


def policy_variables(
    settings: Settings,
    account_id: str,
    contracts: Iterable[Contract],
    *,
    workgroup_arn: str | None = None,
    kms_key_arns: Iterable[str] = (),
) -> dict[str, str]:
    """What the policies' `${…}` stand for.

    Args:
        contracts: All of the environment's: their sources' places and secrets are among it.
        workgroup_arn: Of the serverless warehouse, which has an id that only its making tells;
            None for any of that region and account. Terraform puts its own in its place.
        kms_key_arns: Keys that the buckets are encrypted with, for SSE-KMS.

    Returns:
        `partition`, `region`, `account_id`, `name`; `<layer>_bucket` for raw, processed,
        quarantine, artifacts and archive; `glue_job`, `glue_database`, `athena_workgroup`,
        `warehouse_database`, `state_machine`, `<role>_function`, `incoming_prefix`,
        `completed_prefix`, `archived_prefix`. As JSON lists: `queue_arns`,
        `dead_letter_queue_arns`, `topic_arns`, `metrics_log_groups`, `archive_buckets`,
        `archive_objects`, `workgroup_arns`, `cluster_arns`, `cluster_database_arns`,
        `cluster_user_arns`, `kms_key_arns`, `ingest_secret_arns`, `started_machine_arns`, and
        those of `SourceAccess`.
    """
    arns = _Arns(settings.partition, settings.region, account_id)
    names = {
        "partition": settings.partition,
        "region": settings.region,
        "account_id": account_id,
        "name": settings.name,
        **_bucket_names(settings),
        "glue_job": settings.glue.job_name,
        "glue_database": settings.glue.database,
        "athena_workgroup": settings.athena.workgroup,
        "warehouse_database": settings.warehouse.database,
        "state_machine": settings.state_machine.name,
        "validator_function": settings.validator.function_name,
        "processor_function": settings.processor.function_name,
        "archiver_function": settings.archiver.function_name or "",
        "ingest_function": settings.ingest.function_name,
        "pipeline_function": settings.state_machine.function_name,
        "incoming_prefix": settings.processor.incoming_prefix,
        "completed_prefix": settings.processor.completed_prefix,
        "archived_prefix": settings.archiver.prefix,
    }
    lists = {
        **_optional_resources(settings, arns),
        **_warehouse_resources(settings, arns, workgroup_arn),
        **read_source_access(contracts, settings, arns.secret, settings.partition).to_variables(),
        "kms_key_arns": list(kms_key_arns),
    }
    return names | {name: json.dumps(value) for name, value in lists.items()}


def render_policy(
    role_key: str, variables: Mapping[str, str], *, folder: Path = POLICIES
) -> dict[str, Any]:
    """A role's policy as IAM takes it.

    Raises:
        SettingsError: The file is no list of statements, or names what nothing fills in.
    """
    statements = [
        {"Effect": "Allow"} | {key: value for key, value in each.items() if key != REASON}
        for each in read_statements(role_key, variables, folder=folder)
        if each.get("Resource") != []
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def read_statements(
    role_key: str, variables: Mapping[str, str], *, folder: Path = POLICIES
) -> list[dict[str, Any]]:
    """A file's statements, filled in, with what IAM does not see."""
    path = folder / f"{role_key}.yml"
    try:
        found = yaml.safe_load(Template(path.read_text(encoding="utf-8")).substitute(variables))
    except (KeyError, ValueError) as error:
        raise SettingsError(
            f"terraform/policies/{path.name} names {error}, which nothing fills in",
            fix=f"use one of {', '.join(sorted(variables))}",
        ) from error
    except yaml.YAMLError as error:
        raise SettingsError(
            f"terraform/policies/{path.name} is not YAML: {error}", fix="mend the file there"
        ) from error
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise SettingsError(
            f"terraform/policies/{path.name} is no list of statements",
            fix="write it as terraform/policies/validator.yml is",
        )
    return found


def render_policies(
    settings: Settings, variables: Mapping[str, str], *, folder: Path = POLICIES
) -> dict[str, dict[str, Any]]:
    """Every role's policy by the role's key."""
    return {key: render_policy(key, variables, folder=folder) for key in roles(settings)}


class _Arns:
    def __init__(self, partition: str, region: str, account_id: str) -> None:
        self.partition, self._place = partition, f"{region}:{account_id}"

    def of(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self._place}:{resource}"

    def secret(self, name: str) -> str:
        """Secrets Manager adds six characters to the name."""
        is_arn = name.startswith("arn:")
        return name if is_arn else self.of("secretsmanager", f"secret:{name}-??????")


def _bucket_names(settings: Settings) -> dict[str, str]:
    named = settings.buckets.model_dump().items()
    return {f"{layer}_bucket": name or "" for layer, name in named}


def _optional_resources(settings: Settings, arns: _Arns) -> dict[str, list[str]]:
    archive = [settings.buckets.archive] if settings.buckets.archive else []
    topic, queues = settings.alerts.topic_name, settings.processor
    accepted = settings.ingest.on_accept
    machine = arns.of("states", f"stateMachine:{settings.state_machine.name}")
    groups = [settings.metrics.log_group] if settings.metrics.log_group else []
    topics = [topic if topic.startswith("arn:") else arns.of("sns", topic)] if topic else []
    secrets = [arns.secret(accepted.secret)] if accepted and accepted.secret else []
    return {
        "archive_buckets": [f"arn:{arns.partition}:s3:::{each}" for each in archive],
        "archive_objects": [f"arn:{arns.partition}:s3:::{each}/*" for each in archive],
        "topic_arns": topics,
        "queue_arns": [arns.of("sqs", queues.queue_name)],
        "dead_letter_queue_arns": [arns.of("sqs", queues.dead_letter_queue_name)],
        "metrics_log_groups": [arns.of("logs", f"log-group:{each}:*") for each in groups],
        "started_machine_arns": (
            [machine] if accepted and accepted.start == "state_machine" else []
        ),
        "ingest_secret_arns": secrets,
    }


def _warehouse_resources(
    settings: Settings, arns: _Arns, workgroup_arn: str | None
) -> dict[str, list[str]]:
    wanted = settings.warehouse
    cluster, database, user = wanted.cluster_identifier, wanted.database, wanted.db_user
    if cluster is None:
        workgroups = [workgroup_arn or arns.of("redshift-serverless", "workgroup/*")]
        return {
            "workgroup_arns": workgroups,
            **dict.fromkeys(("cluster_arns", "cluster_database_arns", "cluster_user_arns"), []),
        }
    named = arns.of("redshift", f"dbname:{cluster}/{database}")
    as_user = [named, arns.of("redshift", f"dbuser:{cluster}/{user}")]
    return {
        "workgroup_arns": [],
        "cluster_arns": [arns.of("redshift", f"cluster:{cluster}")],
        "cluster_database_arns": [] if user else [named],
        "cluster_user_arns": as_user if user else [],
    }
