"""An environment's work pool, deployments and automations, on the server that is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL
from tools.deploy.automations import put_automations
from tools.deploy.pool import put_pool

from aws.clients import make_client
from etl.environment import enter
from etl.errors import EtlError, UsageError
from etl.infrastructure.deployments import read_deployments
from etl.root import ROOT
from etl.secrets import read_secret
from etl.settings import Settings

_SET = (
    "PREFECT_API_URL=http://127.0.0.1:4200/api for `make server`, or Cloud's with PREFECT_API_KEY"
)


class DeployError(EtlError):
    """Prefect refuses what is to be deployed, or cannot be reached."""


def deploy(environment: str) -> None:
    """Put everything that the environment has, and say what was.

    Raises:
        UsageError: No server is named, or it has not got what the environment needs.
        DeployError: Prefect refuses something, or cannot be reached.
    """
    if not PREFECT_API_URL.value():
        raise UsageError("PREFECT_API_URL does not say where to deploy", fix=f"set {_SET}")
    settings = enter(environment, assume_role=False)
    try:
        with get_client(sync_client=True) as client:
            print(f"work pool    {put_pool(client, settings)}")
            _put_deployments(settings)
            _tell(client, settings)
    except (httpx.TransportError, PrefectHTTPStatusError) as error:
        raise DeployError(
            f"{PREFECT_API_URL.value()} does not take it: {error}",
            fix=f"set {_SET}; `make doctor` looks at it",
        ) from error


def deployments_of(settings: Settings, *, root: Path = ROOT) -> list[str]:
    """Arguments of `prefect deploy`: which of prefect.yaml the environment has."""
    if settings.datasets is None:
        return ["--all"]
    found = read_deployments(settings, root=root)
    return [word for each in found for word in ("--name", each["name"])]


def _put_deployments(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", *deployments_of(settings)],
        cwd=ROOT,
        env=os.environ
        | {"ETL_ENV": settings.environment, "PREFECT_DEFAULT_WORK_POOL_NAME": settings.name},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise DeployError(
            f"prefect deploy failed:\n{done.stdout.strip()}", fix="mend prefect.yaml as it says"
        )
    for line in done.stdout.splitlines():
        if "Deployment '" in line:
            print(f"deployment   {line.split(chr(39))[1]}")


def _tell(client: SyncPrefectClient, settings: Settings) -> None:
    secret = settings.alerts.webhook_secret
    if not secret:
        print("automations  none: alerts.webhook_secret does not say whom to tell (docs/alerts.md)")
        return
    found = read_secret(make_client("secretsmanager", settings.aws), secret, expected=["url"])
    for name in put_automations(client, settings, found.field("url")):
        print(f"automation   {name}")
