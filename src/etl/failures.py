"""Which step a failure came from, and the alert that tells of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import ParamSpec, TypeVar

from etl.alerts import Alert, send_alert
from etl.describe import describe_error
from etl.errors import SettingsError, UsageError
from etl.settings import load_settings

P = ParamSpec("P")
R = TypeVar("R")

_NOTE = "in step "


def naming_step(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let the exceptions of a function say in a note which step it is."""

    def name_it(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                error.add_note(f"{_NOTE}{name}")
                raise

        return call

    return name_it


def step_of(error: object) -> str:
    """The step that an exception came from; "" if nobody has said."""
    notes = [each for each in getattr(error, "__notes__", ()) if each.startswith(_NOTE)]
    return notes[0].removeprefix(_NOTE) if notes else ""


def cause_of(error: object) -> str:
    """What an alert says; "" where nobody else has to be told: a mistake in the input, Ctrl-C.

    An exception that knows better says so by its attribute `alert_cause`.
    """
    if not isinstance(error, Exception) or isinstance(error, (UsageError, SettingsError)):
        return ""
    known = getattr(error, "alert_cause", None)
    if isinstance(known, str):
        return known
    return describe_error(error)


def alert_of_failure(
    error: object,
    *,
    what: str,
    environment: str,
    next_command: str,
    dataset: str = "",
    run_date: date | None = None,
) -> bool:
    """Send the alert of a failed run, if its environment has a topic; whether one was sent."""
    cause = cause_of(error)
    if not cause:
        return False
    settings = load_settings(environment)
    alert = Alert(
        what=what,
        environment=environment,
        dataset=dataset,
        run_date=run_date,
        step=step_of(error),
        cause=cause,
        next_command=next_command,
    )
    alerts = settings.alerts
    return send_alert(alert, topic=alerts.topic_name, format=alerts.format, aws=settings.aws)
