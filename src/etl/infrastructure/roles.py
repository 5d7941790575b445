"""The roles that the parts run under: what they are called, and who takes them on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from etl.settings import Settings


@dataclass(frozen=True)
class Role:
    """A role of one environment.

    Attributes:
        key: Its policy is terraform/policies/<key>.yml.
        services: AWS services that take it on.
        is_assumed: Whether flows take it on by `role_arn`, whoever of the account runs them.
        database_role: What it is granted in Redshift as it connects.
    """

    key: str
    name: str
    services: tuple[str, ...]
    is_assumed: bool = False
    database_role: str | None = None

    @property
    def tags(self) -> dict[str, str]:
        """What Redshift reads of it."""
        return {"RedshiftDbRoles": self.database_role} if self.database_role else {}


def roles(settings: Settings) -> dict[str, Role]:
    """The environment's roles by key; those of parts that it does not have are left out."""
    functions = {
        "validator": settings.validator.function_name,
        "processor": settings.processor.function_name,
        "archiver": settings.archiver.function_name,
        "ingest": settings.ingest.function_name if settings.ingest.api_name else None,
        "pipeline": settings.state_machine.function_name,
    }
    copy = settings.warehouse.copy_role_arn.rpartition("/")[2]
    shared = settings.warehouse.database_role
    made = [
        Role(
            "flow",
            flow_role_name(settings),
            ("ecs-tasks.amazonaws.com",),
            is_assumed=settings.role_arn is not None,
            database_role=shared,
        ),
        Role("transform", settings.glue.job_name, ("glue.amazonaws.com",)),
        *(
            Role(
                key,
                name,
                ("lambda.amazonaws.com",),
                database_role=shared if key == "pipeline" else None,
            )
            for key, name in functions.items()
            if name
        ),
        Role(
            "state_machine",
            settings.state_machine.name,
            ("states.amazonaws.com",),
            database_role=shared,
        ),
        Role("copy", copy, ("redshift.amazonaws.com", "redshift-serverless.amazonaws.com")),
    ]
    return {each.key: each for each in made}


def role_names(settings: Settings) -> dict[str, str]:
    """The roles' names by key."""
    return {key: role.name for key, role in roles(settings).items()}


def role_arn(role: Role, account_id: str, *, partition: str) -> str:
    """A role's ARN."""
    return f"arn:{partition}:iam::{account_id}:role/{role.name}"


def flow_role_name(settings: Settings) -> str:
    """Who runs flows: role_arn's, if the settings name one."""
    named = (settings.role_arn or "").rpartition("/")[2]
    return named or f"{settings.name}-flow"


def trust_policy(role: Role, account_id: str, *, partition: str) -> dict[str, Any]:
    """Who may take a role on. Where that is the account, its people need `sts:AssumeRole` too."""
    by_service: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": list(role.services)},
        "Action": "sts:AssumeRole",
    }
    statements = [by_service]
    if role.is_assumed:
        root = f"arn:{partition}:iam::{account_id}:root"
        statements.append(
            {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole"}
        )
    return {"Version": "2012-10-17", "Statement": statements}
