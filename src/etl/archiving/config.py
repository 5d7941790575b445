"""What the archiver is told: a few names and numbers, so that its Lambda needs no settings."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.errors import SettingsError

if TYPE_CHECKING:
    from etl.settings import Settings

VARIABLE = "ETL_ARCHIVER"  # the Lambda's environment variable that holds `to_json`


@dataclass(frozen=True, kw_only=True)
class ArchiveConfig:
    """From where to where, and what.

    Attributes:
        bucket, archive_bucket: Objects go from one to the other and keep their keys.
        prefix: Keys that do not begin with it are left alone.
        retention_days: Objects whose run date is more days ago than this are archived.
        settle_hours: What was written later than this long ago stays: a run may be at work on it.
        database: Of the Glue catalogue, whose partitions of archived files are dropped.
        topic, alert_format: See `etl.alerts.send_alert`.
    """

    environment: str
    bucket: str
    archive_bucket: str
    prefix: str
    retention_days: int
    settle_hours: int
    storage_class: str
    concurrency: int
    database: str
    namespace: str
    topic: str | None
    alert_format: str

    @classmethod
    def of(cls, settings: Settings) -> ArchiveConfig:
        """What the environment's settings say.

        Raises:
            SettingsError: There is no bucket for the archive.
        """
        wanted, buckets = settings.archiver, settings.buckets
        if buckets.archive is None:
            raise SettingsError(
                f"{settings.environment} has no buckets.archive",
                fix=f"name one in config/{settings.environment}.yml",
            )
        return cls(
            environment=settings.environment,
            bucket=buckets.processed,
            archive_bucket=buckets.archive,
            prefix=wanted.prefix,
            retention_days=wanted.retention_days,
            settle_hours=wanted.settle_hours,
            storage_class=wanted.storage_class,
            concurrency=wanted.concurrency,
            database=settings.glue.database,
            namespace=settings.metrics.namespace,
            topic=settings.alerts.topic_name,
            alert_format=settings.alerts.format,
        )

    def to_json(self) -> str:
        """One line, for `VARIABLE`."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ArchiveConfig:
        """The configuration that `to_json` wrote."""
        return cls(**json.loads(text))
