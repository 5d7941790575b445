"""A dataset's account: a line for each run date, their sums, and what does not add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from etl.report import Rows


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Where records went.

    Attributes:
        extracted: All records that the source gave.
        rejected: Those that raw could not hold: dead letters.
        filtered: Left out, as the contract's filter says.
        loaded: In the last layer, as whoever wrote it counted them.
        present: Of those, how many the table shows: it has newer rows of the others' keys.
    """

    extracted: int = 0
    rejected: int = 0
    filtered: int = 0
    deduplicated: int = 0
    quarantined: int = 0
    loaded: int = 0
    present: int = 0

    @property
    def superseded(self) -> int:
        """Loaded rows that do not show, because another run has a newer one or it was deleted."""
        return self.loaded - self.present

    @property
    def rows(self) -> Rows:
        """The sum that must hold."""
        return Rows(
            extracted=self.extracted,
            rejected=self.rejected,
            filtered=self.filtered,
            deduplicated=self.deduplicated,
            quarantined=self.quarantined,
            loaded=self.loaded,
        )

    def __add__(self, other: Counts) -> Counts:
        names = (each.name for each in fields(Counts))
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def to_dict(self) -> dict[str, int]:
        """For JSON."""
        counts = {each.name: getattr(self, each.name) for each in fields(Counts)}
        return counts | {"superseded": self.superseded}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One run date.

    Attributes:
        differences: What does not add up, in words.
        notes: What could not be compared, and why.
    """

    run_date: date
    run_id: str
    counts: Counts
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "run_date": self.run_date.isoformat(),
            "run_id": self.run_id,
            **self.counts.to_dict(),
            "differences": list(self.differences),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True)
class Account:
    """One dataset.

    Attributes:
        place: The table, or where the last layer lies.
        present: Rows there, counted on their own.
        differences: What does not add up beside the lines.
        table_hash: 32 hex digits of the whole table's content, whatever the lines' dates; None if
            nobody asked, or where there is no table.
    """

    dataset: str
    place: str
    lines: tuple[Line, ...]
    present: int
    differences: tuple[str, ...] = ()
    table_hash: str | None = None

    @property
    def totals(self) -> Counts:
        """All lines together."""
        return sum((each.counts for each in self.lines), Counts())

    @property
    def all_differences(self) -> list[str]:
        """What does not add up, with the run date."""
        found = list(self.differences)
        for line in self.lines:
            found += [f"{line.run_date}: {each}" for each in line.differences]
        if self.totals.present != self.present:
            found.append(
                f"{self.place} holds {self.present:,} rows, its run dates {self.totals.present:,}"
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "dataset": self.dataset,
            "place": self.place,
            "adds_up": not self.all_differences,
            "rows": self.present,
            "table_hash": self.table_hash,
            "totals": self.totals.to_dict(),
            "run_dates": [each.to_dict() for each in self.lines],
            "differences": self.all_differences,
        }


def compare(words: str, found: Mapping[str, int], counts: Counts) -> list[str]:
    """Where another count of the same differs from a line's, in words."""
    return [
        f"{words}: {number:,} {name}, not {getattr(counts, name):,}"
        for name, number in found.items()
        if number != getattr(counts, name)
    ]


def sum_difference(counts: Counts) -> list[str]:
    """Why a line does not add up; nothing if it does."""
    rows = counts.rows
    if not rows.missing:
        return []
    count = abs(rows.missing)
    return [f"{rows.equation}: {count:,} {'are missing' if rows.missing > 0 else 'too many'}"]
