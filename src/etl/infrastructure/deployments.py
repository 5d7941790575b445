"""What the environment decides about prefect.yaml's deployments, and what they say of datasets."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from etl.errors import UsageError
from etl.root import ROOT
from etl.settings import Settings, load_settings

IMAGE_FOLDER = "/opt/etl"  # the Dockerfile's WORKDIR
_INTERVAL = TypeAdapter(timedelta)  # seconds or ISO 8601, as Prefect reads it


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


def read_deployments(settings: Settings, *, root: Path = ROOT) -> list[dict[str, Any]]:
    """What prefect.yaml says of each deployment that the environment has."""
    text = (root / "prefect.yaml").read_text(encoding="utf-8")
    return [
        each
        for each in yaml.safe_load(text)["deployments"]
        if settings.datasets is None or _dataset_of(each) in (None, *settings.datasets)
    ]


def daily_datasets(settings: Settings, *, root: Path = ROOT) -> list[str]:
    """The environment's datasets that are run every day by themselves, sorted."""
    found = {
        dataset
        for each in read_deployments(settings, root=root)
        for schedule in each.get("schedules") or []
        if (dataset := _dataset_of(each)) and _is_active(schedule, settings) and _is_daily(schedule)
    }
    return sorted(found)


def _dataset_of(deployment: dict[str, Any]) -> str | None:
    """The dataset that a deployment runs; None where it is told which."""
    name: str | None = (deployment.get("parameters") or {}).get("dataset")
    return name


def _is_active(schedule: dict[str, Any], settings: Settings) -> bool:
    """Whether it runs: a template stands for the environment's word."""
    active = schedule.get("active", True)
    return active if isinstance(active, bool) else settings.workers.schedules


def _is_daily(schedule: dict[str, Any]) -> bool:
    if "interval" in schedule:
        return _INTERVAL.validate_python(schedule["interval"]) <= timedelta(days=1)
    return str(schedule.get("cron")).split()[2:5] == ["*", "*", "*"]
