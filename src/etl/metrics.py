"""Figures as CloudWatch metrics, in the embedded metric format: a log event that holds them.

CloudWatch makes metrics of such events by itself (CloudWatch user guide, "Specification: Embedded
metric format"), so that sending them costs one call and needs no right but to write logs.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from aws.clients import make_client
from aws.logs import put_log_events
from etl.figures import Figures

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

    from etl.settings import Settings

log = logging.getLogger("etl")

_UNITS = {
    "Records": "Count",
    "Bytes": "Bytes",
    "Errors": "Count",
    "Objects": "Count",
    "MeanUploadTime": "Seconds",
    "Throughput": "Count/Second",
    "LagDays": "None",
}
_DIMENSIONS = ("Environment", "Dataset", "Step")


@dataclass(frozen=True, kw_only=True)
class _Counted:
    """Figures at one moment."""

    moment: float
    records: int = 0
    bytes: int = 0
    errors: int = 0
    objects: int = 0
    uploads: int = 0
    upload_seconds: float = 0.0


def emf_document(
    values: dict[str, float], *, namespace: str, dimensions: dict[str, str], timestamp_ms: int
) -> str:
    """One log event in the embedded metric format.

    Args:
        values: By the metric's name, one of those with a unit here.
        timestamp_ms: Milliseconds since 1970, UTC.
    """
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": _UNITS[name]} for name in values],
    }
    metadata = {"Timestamp": timestamp_ms, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": metadata, **dimensions, **values})


class _Channel:
    """Where the figures of one step go. It fails nothing: metrics are not the data.

    It does not wait long either, so that a program that is asked to stop does in time.
    """

    def __init__(self, settings: Settings, dataset: str, step: str) -> None:
        self._metrics = settings.metrics
        self._aws = replace(
            settings.aws, max_attempts=1, connect_timeout_seconds=1, read_timeout_seconds=2
        )
        self._dimensions = dict(zip(_DIMENSIONS, (settings.environment, dataset, step)))
        self._client: CloudWatchLogsClient | None = None
        self._has_failed = False

    def send(self, values: dict[str, float]) -> bool:
        """Send, unless the environment names no log group; whether it was sent."""
        if self._metrics.log_group is None:
            return False
        try:
            self._put(self._metrics.log_group, values)
        except (BotoCoreError, ClientError) as error:
            if not self._has_failed:
                log.warning("metrics    not sent to %s: %s", self._metrics.log_group, error)
            self._has_failed = True
            return False
        return True

    def _put(self, log_group: str, values: dict[str, float]) -> None:
        timestamp_ms = int(time.time() * 1000)
        document = emf_document(
            values,
            namespace=self._metrics.namespace,
            dimensions=self._dimensions,
            timestamp_ms=timestamp_ms,
        )
        if self._client is None:
            self._client = make_client("logs", self._aws)
        put_log_events(
            self._client,
            log_group=log_group,
            log_stream="/".join(self._dimensions.values()),
            messages=[(timestamp_ms, document)],
        )


class MetricSender:
    """Sends what has been counted since it last did.

    Args:
        step: What counts, e.g. "stream"; a dimension of the metrics.
    """

    def __init__(self, figures: Figures, *, settings: Settings, dataset: str, step: str) -> None:
        self._figures = figures
        self._channel = _Channel(settings, dataset, step)
        self._sent = _Counted(moment=figures.started)

    def send(self) -> None:
        """Send, unless the environment names no log group."""
        counted = _count(self._figures)
        if self._channel.send(_values(self._sent, counted)):
            self._sent = counted


def send_figures(figures: Figures, *, settings: Settings, dataset: str, step: str) -> None:
    """Send the figures of a step that has ended. It fails nothing."""
    MetricSender(figures, settings=settings, dataset=dataset, step=step).send()


def send_arrival(records: int, run_date: date, *, settings: Settings, dataset: str) -> None:
    """Say that a run date's records have arrived; an alarm on LagDays hears when they do not.

    Days are UTC's: a run of yesterday has a lag of 1.
    """
    lag = (datetime.now(UTC).date() - run_date).days
    _Channel(settings, dataset, "finish").send({"Records": records, "LagDays": lag})


def _count(figures: Figures) -> _Counted:
    return _Counted(
        moment=time.monotonic(),
        records=figures.records,
        bytes=figures.bytes,
        errors=figures.errors,
        objects=figures.objects,
        uploads=figures.uploads,
        upload_seconds=figures.upload_seconds,
    )


def _values(before: _Counted, after: _Counted) -> dict[str, float]:
    seconds = max(after.moment - before.moment, 1e-9)
    records, uploads = after.records - before.records, after.uploads - before.uploads
    values: dict[str, float] = {
        "Records": records,
        "Bytes": after.bytes - before.bytes,
        "Errors": after.errors - before.errors,
        "Objects": after.objects - before.objects,
        "Throughput": round(records / seconds, 3),
    }
    if uploads:
        spent = after.upload_seconds - before.upload_seconds
        values["MeanUploadTime"] = round(spent / uploads, 6)
    return values
