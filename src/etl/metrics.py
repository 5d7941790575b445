"""Figures as CloudWatch metrics, in the embedded metric format: a log event that holds them.

CloudWatch makes metrics of such events by itself (CloudWatch user guide, "Specification: Embedded
metric format"), so that sending them costs one call and needs no right but to write logs.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, replace
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


class MetricSender:
    """Sends what has been counted since it last did. It fails nothing: metrics are not the data.

    It does not wait long either, so that a program that is asked to stop does in time.

    Args:
        step: What counts, e.g. "stream"; a dimension of the metrics.
    """

    def __init__(self, figures: Figures, *, settings: Settings, dataset: str, step: str) -> None:
        self._figures = figures
        self._metrics = settings.metrics
        self._aws = replace(
            settings.aws, max_attempts=1, connect_timeout_seconds=1, read_timeout_seconds=2
        )
        self._dimensions = dict(zip(_DIMENSIONS, (settings.environment, dataset, step)))
        self._client: CloudWatchLogsClient | None = None
        self._sent = _Counted(moment=figures.started)
        self._has_failed = False

    def send(self) -> None:
        """Send, unless the environment names no log group."""
        if self._metrics.log_group is None:
            return
        try:
            self._put(self._metrics.log_group)
        except (BotoCoreError, ClientError) as error:
            if not self._has_failed:
                log.warning("metrics    not sent to %s: %s", self._metrics.log_group, error)
            self._has_failed = True

    def _put(self, log_group: str) -> None:
        counted = _count(self._figures)
        timestamp_ms = int(time.time() * 1000)
        document = emf_document(
            _values(self._sent, counted),
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
        self._sent = counted


def send_figures(figures: Figures, *, settings: Settings, dataset: str, step: str) -> None:
    """Send the figures of a step that has ended. It fails nothing."""
    MetricSender(figures, settings=settings, dataset=dataset, step=step).send()


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
