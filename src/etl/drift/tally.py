"""What many looks come to. Tallies of parts of the lines add up to that of all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from etl.drift.look import Kind, Look, Seen

EXAMPLES = 3
_MOST_DIFFERENCES = 500


class Difference(NamedTuple):
    """The same in many records."""

    kind: Kind
    field: str
    expected: str
    found: str


@dataclass
class Tally:
    """Counts of records.

    Attributes:
        records: That were looked at.
        misfits: By field, those that do not fit it.
        counts: By difference.
        examples: The first few in their order as texts, whichever came first.
        fields: Which of the contract's fields any record had.
        others: Sightings of further differences, beyond those that are told apart.
    """

    records: int = 0
    misfits: Counter[str] = field(default_factory=Counter)
    counts: Counter[Difference] = field(default_factory=Counter)
    examples: dict[Difference, list[str]] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    others: int = 0

    def add(self, look: Look) -> None:
        """Count one record."""
        self.records += 1
        self.fields |= look.fields
        for seen in look.seen:
            if seen.kind != "new":
                self.misfits[seen.field] += 1
            self._count(seen)

    def merge(self, other: Tally) -> None:
        """Count the records of another part."""
        self.records += other.records
        self.fields |= other.fields
        self.others += other.others
        self.misfits.update(other.misfits)
        for difference, count in other.counts.items():
            self._add(difference, count, other.examples[difference])

    def _count(self, seen: Seen) -> None:
        examples = [] if seen.example is None else [seen.example]
        self._add(Difference(*seen[:4]), 1, examples)

    def _add(self, difference: Difference, count: int, examples: list[str]) -> None:
        if difference not in self.counts and len(self.counts) >= _MOST_DIFFERENCES:
            self.others += count
            return
        self.counts[difference] += count
        known = self.examples.setdefault(difference, [])
        if any(each not in known for each in examples):
            known[:] = sorted({*known, *examples})[:EXAMPLES]
