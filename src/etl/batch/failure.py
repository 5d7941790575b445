"""What failed in an execution, in words: from what states catch to what a person is told."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from etl.alerts import Alert, clean_cause, render_alert
from etl.settings import Settings
from etl.validation.step import describe_check

_LONGEST_CAUSE = 4000  # characters


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What failed.

    Attributes:
        dataset: None if it was not one dataset's.
        step: The step of the state machine that failed; "" if none did.
        error: The error's name, e.g. "TransformError" or "States.Timeout".
    """

    dataset: str | None
    step: str
    error: str
    cause: str


def explain(event: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Subject and message of the alert for a failed execution, and its cause in words."""
    failure = read_failure(event["failure"])
    given = event.get("input") or {}
    datasets, run_date = given.get("datasets") or [], str(given.get("run_date", ""))
    alert = Alert(
        what=f"execution {event['execution'].rpartition(':')[2]}",
        environment=settings.environment,
        dataset=failure.dataset or ", ".join(map(str, datasets)),
        run_date=_date(run_date),
        step=failure.step,
        run_id=event["execution"],
        cause=f"{failure.error}: {failure.cause}",
        next_command=next_command(settings.environment, run_date, datasets),
    )
    where = " ".join(filter(None, [alert.dataset, run_date, failure.step]))
    return {
        "subject": " ".join(alert.title.split()).encode("ascii", "replace").decode()[:100],
        "message": render_alert(alert, settings.alerts.format),
        "cause": f"{where}: {clean_cause(alert.cause)}",
    }


def next_command(environment: str, run_date: str, datasets: list[str]) -> str:
    """The command line that starts the same again."""
    names = ",".join(map(str, datasets))
    return shlex.join(
        ["python", "flows/heavy_batch.py", "--run-date", run_date, "--datasets", names]
        + ["--env", environment]
    )


def read_failure(caught: Mapping[str, Any]) -> Failure:
    """What a Catch holds, unwrapped: a dataset's failure is JSON in the cause of the Map's."""
    error, cause = str(caught.get("Error", "")), str(caught.get("Cause", ""))
    inner = _json_object(cause)
    if inner is None or "failure" not in inner:
        return Failure(dataset=None, step="", error=error, cause=_words(error, cause))
    ((step, failed),) = inner["failure"].items()
    error, cause = str(failed.get("Error", "")), str(failed.get("Cause", ""))
    return Failure(dataset=inner.get("dataset"), step=step, error=error, cause=_words(error, cause))


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _words(error: str, cause: str) -> str:
    """The cause of a task's failure without its wrapping."""
    found = _json(cause)
    if isinstance(found, list):
        failed = [each for each in found if not each["passed"] and each["severity"] == "error"]
        cause = "the processed data fail: " + "; ".join(map(describe_check, failed))
    elif isinstance(found, dict) and "errorMessage" in found:
        cause = str(found["errorMessage"])
    elif isinstance(found, dict) and "JobRunState" in found:
        cause = (
            f"job run {found.get('Id')} of {found.get('JobName')} {found['JobRunState']}:"
            f" {found.get('ErrorMessage') or 'Glue gives no reason'}"
        )
    return (cause or error)[:_LONGEST_CAUSE]


def _json_object(text: str) -> dict[str, Any] | None:
    found = _json(text)
    return found if isinstance(found, dict) else None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
