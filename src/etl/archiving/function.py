"""The archiver as a Lambda: what a part of 15 minutes does, and who does the next part."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from aws.clients import AwsConfig, make_client
from aws.lambda_ import invoke_later
from etl.alerts import Alert, send_alert
from etl.archiving.config import ArchiveConfig
from etl.archiving.report import ArchiveReport, Counts
from etl.archiving.run import archive
from etl.errors import EtlError, UsageError
from etl.metrics import emf_document

log = logging.getLogger("etl")

_MARGIN_MS = 60_000  # for the objects that are under way
# Lambda drops the 17th call of a function that calls itself (AWS Lambda Developer Guide, "Use
# Lambda recursive loop detection"). What is left then is the next night's.
_MOST_PARTS = 15


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the event says; EventBridge's own fields mean nothing here.

    Attributes:
        cursor, part, so_far: Where the part before has ended, its number, and its counts.
    """

    dry_run: bool = False
    cursor: str | None = None
    part: int = 1
    so_far: dict[str, Any] | None = None

    @classmethod
    def of(cls, event: Any) -> Request:
        """The request, checked.

        Raises:
            UsageError: The event is no object, or a field is of another type.
        """
        if not isinstance(event, dict):
            raise UsageError(f"expected an object, got {event!r}", fix="send {} to archive all")
        given = {each.name: event[each.name] for each in fields(cls) if each.name in event}
        kinds = {"dry_run": bool, "cursor": (str, type(None)), "part": int}
        for name, kind in kinds.items():
            if name in given and not isinstance(given[name], kind):  # type: ignore[arg-type]
                raise UsageError(f"{name} cannot be {given[name]!r}", fix="leave it out")
        return cls(**given)

    @property
    def counts(self) -> Counts:
        """What the parts before have counted."""
        return Counts(**(self.so_far or {}))


def run_part(
    config: ArchiveConfig,
    event: Any,
    *,
    aws: AwsConfig,
    function_name: str,
    remaining_ms: Callable[[], int],
    emit: Callable[[str], object] = print,
) -> dict[str, Any]:
    """Archive until the time is nearly over, and have the function called for the rest.

    Args:
        remaining_ms: Until Lambda ends the process.
        emit: Takes a line for the log; CloudWatch makes metrics of those in its format.

    Returns:
        The report so far.
    """
    request = Request.of(event)
    before = request.counts
    try:
        report = archive(
            config,
            s3=make_client("s3", aws),
            glue=make_client("glue", aws),
            now=datetime.now(UTC),
            dry_run=request.dry_run,
            cursor=request.cursor,
            counts=request.counts,
            should_stop=lambda: remaining_ms() < _MARGIN_MS,
        )
    except Exception as error:
        cause = str(error) if isinstance(error, EtlError) else f"{type(error).__name__}: {error}"
        _alert(config, cause, aws)
        raise
    emit(_metrics(report, before, config.namespace))
    if report.cursor is not None and request.part < _MOST_PARTS:
        following = replace(
            request,
            cursor=report.cursor,
            part=request.part + 1,
            so_far=report.counts.to_dict(),
        )
        payload = {each.name: getattr(following, each.name) for each in fields(Request)}
        invoke_later(make_client("lambda", aws), function_name=function_name, payload=payload)
    elif report.counts.errors:
        _alert(config, report.cause, aws)
    return report.to_dict()


def _alert(config: ArchiveConfig, cause: str, aws: AwsConfig) -> None:
    again = ["python", "flows/archive.py", "--env", config.environment]
    alert = Alert(
        what="archiver",
        environment=config.environment,
        step="archive",
        cause=cause,
        next_command=shlex.join(again),
    )
    send_alert(alert, topic=config.topic, format=config.alert_format, aws=aws)


def _metrics(report: ArchiveReport, before: Counts, namespace: str) -> str:
    """This part's figures, for CloudWatch."""
    counts = report.counts
    return emf_document(
        {
            "Objects": counts.objects - before.objects,
            "Bytes": counts.bytes - before.bytes,
            "Errors": counts.errors - before.errors,
        },
        namespace=namespace,
        dimensions={
            "Environment": report.environment,
            "Dataset": "processed",
            "Step": "archive",
        },
        timestamp_ms=int(datetime.now(UTC).timestamp() * 1000),
    )
