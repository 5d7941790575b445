"""The work pool of an environment: how a flow run is started there."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists

from etl.errors import UsageError
from etl.root import ROOT
from etl.settings import Settings

_PACKAGES = {"process": "prefect", "ecs": "prefect-aws"}


def put_pool(client: SyncPrefectClient, settings: Settings) -> str:
    """Create the pool or bring it up to date; its name.

    Raises:
        UsageError: It is of another type, or Terraform has not said what an ECS pool needs.
    """
    kind = settings.workers.kind
    known = client.read_worker_metadata()
    template = known[_PACKAGES[kind]][kind]["default_base_job_configuration"]
    if kind == "ecs":
        template = ecs_template(template, read_outputs(settings))
    pool = WorkPoolCreate(
        name=settings.name,
        type=kind,
        description=f"Flow runs of {settings.environment}.",
        base_job_template=template,
        concurrency_limit=settings.workers.concurrency,
    )
    try:
        client.create_work_pool(pool, overwrite=True)
    except (ObjectAlreadyExists, ValueError) as error:
        raise UsageError(
            f"the work pool {settings.name} is not of type {kind}",
            fix=f"prefect work-pool delete {settings.name}, then deploy again",
        ) from error
    return settings.name


def read_outputs(settings: Settings, *, root: Path = ROOT) -> dict[str, Any]:
    """What Terraform made for flow runs: its output `worker`.

    Raises:
        UsageError: It has not been written.
    """
    environment = settings.environment
    path = root / "build" / "terraform" / f"{environment}.worker.json"
    try:
        found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        found = None
    if not found and settings.infrastructure.worker is None:
        raise UsageError(
            f"config/{environment}.yml does not say where flows run",
            fix="set workers: { kind: process }, or infrastructure: worker: for ECS and "
            f"make apply ENV={environment}; docs/deployments.md",
        )
    if not found:
        raise UsageError(
            f"{path.relative_to(root)} does not say where flows of {environment} run",
            fix=f"make apply ENV={environment}, then make deploy ENV={environment}",
        )
    return found


def ecs_template(template: dict[str, Any], worker: dict[str, Any]) -> dict[str, Any]:
    """The ECS worker's own template, for tasks of the definition that Terraform registers.

    Args:
        template: What Prefect gives a pool of type ecs.
        worker: Terraform's output of that name.
    """
    template = copy.deepcopy(template)
    job = template["job_configuration"]
    # Image, roles and logs are the registered definition's, so the worker needs no right to make
    # one; the network is in the request, so it asks for no VPC.
    del job["task_definition"]
    job["task_run_request"]["networkConfiguration"] = {
        "awsvpcConfiguration": {
            "subnets": worker["subnets"],
            "securityGroups": worker["security_groups"],
            "assignPublicIp": "DISABLED",
        }
    }
    if secret := worker.get("prefect_api_key_secret_arn"):
        job["prefect_api_key_secret_arn"] = secret  # the key is in no request of the worker's
    properties = template["variables"]["properties"]
    for name in ("cluster", "task_definition_arn", "container_name", "launch_type"):
        properties[name]["default"] = worker[name]
    return template
