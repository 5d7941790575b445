"""What an archiving did: counted while it goes on, and at its end as words or JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any

_SHOWN_FAILURES = 20


@dataclass(kw_only=True)
class Counts:
    """What was done so far; a Lambda hands them on to the next.

    Attributes:
        listed: Objects that were looked at.
        objects, bytes: Archived, or in a dry run those that would be.
        finished: Of those, how many an earlier run had copied and not deleted.
        changed: Objects that were replaced or gone once it was their turn.
        partitions: Dropped from the Glue catalogue.
        errors: Objects that could not be archived, and stay.
        failures: The key and the cause of the first of them.
    """

    listed: int = 0
    objects: int = 0
    bytes: int = 0
    finished: int = 0
    changed: int = 0
    partitions: int = 0
    errors: int = 0
    failures: list[list[str]] = field(default_factory=list)

    def failed(self, key: str, cause: str) -> None:
        """Count an object that could not be archived."""
        self.errors += 1
        if len(self.failures) < _SHOWN_FAILURES:
            self.failures.append([key, cause])

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class ArchiveReport:
    """An archiving, or the part of one that a Lambda had time for.

    Attributes:
        before: The first run date that stays.
        cursor: The last key that was dealt with, where it was stopped; None where all are.
        seconds: Of this part.
    """

    environment: str
    source: str
    target: str
    before: date
    is_dry_run: bool
    counts: Counts
    cursor: str | None
    seconds: float

    @property
    def status(self) -> str:
        """How it ended."""
        if self.cursor is not None:
            return "stopped"
        return "failed" if self.counts.errors else "succeeded"

    @property
    def cause(self) -> str:
        """Of what failed, the first."""
        counts = self.counts
        if not counts.failures:
            return ""
        key, cause = counts.failures[0]
        others = f" ({counts.errors - 1} more)" if counts.errors > 1 else ""
        return f"{counts.errors} objects stay where they are; {key}: {cause}{others}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        content = dataclasses.asdict(self) | {"before": self.before.isoformat()}
        return {"status": self.status, **content}

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
