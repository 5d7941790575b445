"""The state machine's function: one event, one step, a small JSON answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from etl.batch.extraction import extract, look
from etl.batch.failure import explain
from etl.batch.loading import explain_load, prepare_load
from etl.batch.publishing import complete
from etl.batch.requests import Request, open_request
from etl.errors import UsageError
from etl.passing import may_pass
from etl.settings import Settings

_STEPS: dict[str, Callable[[Request], dict[str, Any]]] = {
    "look": look,
    "extract": extract,
    "prepare_load": prepare_load,
    "explain_load": explain_load,
    "complete": complete,
}


class PassingError(Exception):
    """AWS or the network failed in a way that the next try may not meet."""


def run_step(event: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Do what the event's `step` says.

    Raises:
        PassingError: The same event again may do.
        EtlError: It may not.
    """
    settings = for_function(settings)
    name = event.get("step", "")
    if name == "explain":
        return explain(event, settings)
    if name not in _STEPS:
        raise UsageError(f"there is no step {name!r}", fix=f"name one of {', '.join(_STEPS)}")
    try:
        return _STEPS[name](open_request(event, settings))
    except Exception as error:
        if may_pass(error):
            raise PassingError(f"{type(error).__name__}: {error}") from error
        raise


def for_function(settings: Settings) -> Settings:
    """An environment's settings as its function takes them: by its own role, by the Data API."""
    warehouse = settings.warehouse.model_copy(update={"loader": "data-api"})
    return settings.model_copy(update={"profile": None, "role_arn": None, "warehouse": warehouse})
