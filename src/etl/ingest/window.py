"""The time in which what is accepted is left to one run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_LONGEST_DATASET = 47  # with it a name has Step Functions' 80 characters
_SETTLING = timedelta(seconds=5)  # clocks differ: what was in time by one may be late by another


@dataclass(frozen=True, kw_only=True)
class Window:
    """What one run is for.

    Attributes:
        ends_at: UTC, whole minutes.
    """

    dataset: str
    run_date: date
    ends_at: datetime

    @classmethod
    def at(cls, now: datetime, dataset: str, run_date: date, *, minutes: int) -> Window:
        """The window that a moment lies in. Windows follow each other from midnight 1970 on."""
        seconds = minutes * 60
        number = int(now.timestamp()) // seconds
        end = datetime.fromtimestamp((number + 1) * seconds, UTC)
        return cls(dataset=dataset, run_date=run_date, ends_at=end)

    @property
    def name(self) -> str:
        """The run's name, e.g. ingest-events-2026-01-31-20260131T1015Z."""
        dataset = self.dataset
        if len(dataset) > _LONGEST_DATASET:
            digest = hashlib.sha256(dataset.encode()).hexdigest()[:12]
            dataset = f"{dataset[:_LONGEST_DATASET - 13]}-{digest}"
        return f"ingest-{dataset}-{self.run_date}-{self.ends_at:%Y%m%dT%H%MZ}"

    @property
    def starts_at(self) -> datetime:
        """When the run starts."""
        return self.ends_at + _SETTLING
