"""What the environment decides about prefect.yaml's deployments: its build step."""

from __future__ import annotations

from typing import Any

from etl.errors import UsageError
from etl.root import ROOT
from etl.settings import Settings, load_settings

IMAGE_FOLDER = "/opt/etl"  # the Dockerfile's WORKDIR


def deployment_values(environment: str = "", pool: str = "") -> dict[str, Any]:
    """What `{{ … }}` in prefect.yaml stands for, beside Prefect's own.

    Args:
        environment: $ETL_ENV; "" for local.
        pool: $PREFECT_DEFAULT_WORK_POOL_NAME; "" for prefect.toml's, which is local's.

    Raises:
        SettingsError: There is no such environment, or its settings will not do.
        UsageError: The pool is another environment's.
    """
    settings = load_settings(environment or "local")
    chosen = pool or load_settings("local").name
    if chosen != settings.name:
        raise UsageError(
            f"{settings.environment}'s deployments do not belong in the work pool {chosen}",
            fix=f"set PREFECT_DEFAULT_WORK_POOL_NAME={settings.name}, "
            f"or use `make deploy ENV={settings.environment}`",
        )
    return {
        "env": settings.environment,
        "directory": flow_folder(settings),
        "schedules": settings.workers.schedules,
    }


def flow_folder(settings: Settings) -> str:
    """Where flows/ lies for who runs it: here beside a worker, in the image elsewhere."""
    return str(ROOT) if settings.workers.kind == "process" else IMAGE_FOLDER
