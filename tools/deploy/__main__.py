"""Put the flows of prefect.yaml on a Prefect server or Cloud: pool, deployments, automations.

    PREFECT_API_URL=http://127.0.0.1:4200/api python -m tools.deploy
    PREFECT_API_URL=… PREFECT_API_KEY=… python -m tools.deploy --env prod

It may be run again: what is there is brought up to date.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL
from tools.deploy.automations import put_automations
from tools.deploy.pool import put_pool

from aws.clients import make_client
from etl.arguments import environment_argument
from etl.cli import run_command
from etl.environment import enter
from etl.errors import EtlError, UsageError
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


def _put_deployments(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
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


def main() -> int:
    """Deploy to the server that PREFECT_API_URL names."""
    parser = argparse.ArgumentParser(prog="python -m tools.deploy", description=__doc__)
    parser.add_argument(
        "--env",
        type=environment_argument,
        default=os.environ.get("ETL_ENV", "local"),
        help="a file in config/, by default $ETL_ENV or local",
    )
    options = parser.parse_args()
    return run_command(lambda: deploy(options.env), again=f"make deploy ENV={options.env}")


if __name__ == "__main__":
    sys.exit(main())
