"""Which objects are old enough. Pure: what a listing says in, yes or no out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from aws.s3 import S3Object
from etl.archiving.config import ArchiveConfig

# ingest_date=2026-01-31/ as the pipeline lays its files out, 2026/01/31/ as the processor does.
_DATES = re.compile(r"(?:^|/)(?:[A-Za-z_]\w*=(\d{4})-(\d{2})-(\d{2})|(\d{4})/(\d{2})/(\d{2}))(?=/)")


def run_date_in(key: str) -> date | None:
    """The first date among the key's folders; None if there is none."""
    for match in _DATES.finditer(key):
        parts = [int(part) for part in match.groups() if part]
        try:
            return date(*parts)
        except ValueError:
            continue
    return None


@dataclass(frozen=True)
class Ages:
    """What is due.

    Attributes:
        before: The first day (UTC) that stays.
        settled: When what is archived must have been written by.
    """

    before: date
    settled: datetime

    @classmethod
    def of(cls, config: ArchiveConfig, now: datetime) -> Ages:
        """What is due at a moment."""
        return cls(
            before=now.astimezone(UTC).date() - timedelta(days=config.retention_days),
            settled=now - timedelta(hours=config.settle_hours),
        )

    def is_due(self, found: S3Object) -> bool:
        """Whether the object is to be archived: by its run date, or the day it was written."""
        day = run_date_in(found.key) or found.last_modified.astimezone(UTC).date()
        return day < self.before and found.last_modified <= self.settled
