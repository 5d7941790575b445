"""Lambda entry point: `validator_handler.handle`. Parses the event, calls the validator, replies.

Event: {"contract_uri": "s3://…", "metrics_uri": "s3://…", "run_date": "2026-01-01"}
Reply: {"passed", "rows", "bytes", "checks": [{"name", "column", "passed", "measured", "expected",
"severity"}]}
A failing check is a normal reply; an error means that there was nothing to judge.
"""

from __future__ import annotations

import os
from datetime import date
from functools import cache
from typing import Any

from aws.clients import AwsConfig, make_client
from etl.validation.function import validate_processed

_FIELDS = ("contract_uri", "metrics_uri", "run_date")


class InvalidEventError(ValueError):
    """The event does not say what to validate."""


def handle(event: Any, context: object) -> dict[str, Any]:
    """Validate the run that the event names."""
    request = _parse(event)
    return validate_processed(_s3(), **request).to_dict()


def _parse(event: Any) -> dict[str, Any]:
    if not isinstance(event, dict) or set(event) != set(_FIELDS):
        raise InvalidEventError(f"expected an object of {', '.join(_FIELDS)}, got {event!r}")
    if not all(isinstance(event[name], str) for name in _FIELDS):
        raise InvalidEventError(f"{', '.join(_FIELDS)} must be strings, got {event!r}")
    for name in ("contract_uri", "metrics_uri"):
        if not event[name].startswith("s3://"):
            raise InvalidEventError(f"{name} must be an s3:// URI, got {event[name]!r}")
    try:
        return event | {"run_date": date.fromisoformat(event["run_date"])}
    except ValueError as error:
        raise InvalidEventError(f"run_date: {error}") from error


@cache
def _s3() -> Any:
    # One client for all invocations of a warm function.
    return make_client("s3", AwsConfig(region=os.environ["AWS_REGION"]))
