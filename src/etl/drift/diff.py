"""How the source differs from the contract, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from etl.drift.look import Look, Looker
from etl.drift.tally import Difference, Tally
from etl.model import Contract

DRIFT = "schema_drift"  # the validator's name for it
# Fewer records that do not fit are mistakes, not a change, unless they are all there are.
LEAST_MISFITS = 10
# A field that need not be there is missed when none of so many records has it.
LEAST_LOOKED_AT = 100
_SIGNS = {"new": "+", "missing": "-", "absent": "-"}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference.

    Attributes:
        kind: "new" field, "missing" value where one is required, other "type", "nested" where it
            was not or the reverse, other "name" of the same letters, "record" that is none, or
            "absent" field that need not be there.
        field: As the contract names it; for "new" as the source does.
        found: What the source sends.
        records: How many have it; an estimate if `is_estimate`.
        examples: Values, shortened; "***" for what is not for all eyes.
        stops: Whether the run must not be loaded.
    """

    kind: str
    field: str
    expected: str
    found: str
    records: int
    examples: tuple[str, ...] = ()
    is_estimate: bool = False
    stops: bool = False

    @property
    def sign(self) -> str:
        """+ for what the source has beside the contract, - for what it lacks, else ~."""
        return _SIGNS.get(self.kind, "~")

    @property
    def is_told(self) -> bool:
        """Whether it says more than that some rows are in quarantine."""
        return self.stops or self.kind in ("new", "absent", "name")


@dataclass(frozen=True, kw_only=True)
class Diff:
    """All differences of a run.

    Attributes:
        records: That the run read; `looked_at` of them.
        others: Sightings of further differences, beyond those that are told apart.
    """

    records: int
    looked_at: int
    limit_percent: float
    changes: tuple[Change, ...] = ()
    others: int = 0

    @property
    def told(self) -> tuple[Change, ...]:
        """The changes that people should hear of, those first that stop the run."""
        return tuple(each for each in self.changes if each.is_told)

    def words(self, change: Change) -> str:
        """A change in one line, without its sign and field."""
        about = "about " if change.is_estimate else ""
        many = f"{about}{change.records:,} of {self.records:,} records"
        if change.kind == "absent":
            return f"{change.expected} → in none of {self.looked_at:,} records"
        text = f"{change.expected} → {change.found} in {many}"
        return text + (f", e.g. {', '.join(change.examples)}" if change.examples else "")

    def line(self, change: Change) -> str:
        """A change in one line."""
        return f"{change.sign} {change.field}: {self.words(change)}"

    @property
    def told_lines(self) -> tuple[str, ...]:
        """The same as lines."""
        return tuple(map(self.line, self.told))

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


def read_diff(metrics: Mapping[str, Any]) -> Diff | None:
    """The diff in a transform's metrics; None if its job did not look."""
    found = metrics.get("drift")
    if found is None:
        return None
    changes = (Change(**each | {"examples": tuple(each["examples"])}) for each in found["changes"])
    return Diff(**found | {"changes": tuple(changes)})


def make_diff(contract: Contract, *, records: int, rejected: Tally, sampled: Tally) -> Diff:
    """What two tallies say of a run's records.

    Args:
        records: All that the run read.
        rejected: Of all that were rejected.
        sampled: Of some of the others, which stand for all of them.
    """
    weight = (records - rejected.records) / sampled.records if sampled.records else 0.0
    misfits = {
        field: rejected.misfits[field] + round(weight * sampled.misfits[field])
        for field in rejected.misfits.keys() | sampled.misfits.keys()
    }
    stopping = {field for field, count in misfits.items() if _is_change(count, records, contract)}
    changes = [
        _change(difference, contract, rejected, sampled, weight, stopping)
        for difference in rejected.counts.keys() | sampled.counts.keys()
    ]
    looked_at = rejected.records + sampled.records
    changes += _absent(contract, rejected.fields | sampled.fields, looked_at)
    return Diff(
        records=records,
        looked_at=looked_at,
        limit_percent=contract.drift_limit_percent,
        changes=tuple(sorted(changes, key=_order)),
        others=rejected.others + sampled.others,
    )


def tally_looks(looks: Iterable[Look]) -> Tally:
    """The tally of looks at lines."""
    tally = Tally()
    for look in looks:
        tally.add(look)
    return tally


def _is_change(misfits: int, records: int, contract: Contract) -> bool:
    is_many = misfits >= min(LEAST_MISFITS, records)
    return is_many and 100 * misfits > contract.drift_limit_percent * records


def _change(
    difference: Difference,
    contract: Contract,
    rejected: Tally,
    sampled: Tally,
    weight: float,
    stopping: set[str],
) -> Change:
    examples = {*rejected.examples.get(difference, ()), *sampled.examples.get(difference, ())}
    is_new = difference.kind == "new"
    return Change(
        **difference._asdict(),
        records=rejected.counts[difference] + round(weight * sampled.counts[difference]),
        examples=tuple(sorted(examples)[:3]),
        is_estimate=weight > 1 and sampled.counts[difference] > 0,
        stops=contract.unknown_fields == "stop" if is_new else difference.field in stopping,
    )


def _absent(contract: Contract, present: set[str], looked_at: int) -> Iterator[Change]:
    if looked_at < LEAST_LOOKED_AT:
        return
    for field, expected in Looker(contract).optional_fields.items():
        above = field.rpartition(".")[0]
        if field not in present and (not above or above in present):
            yield Change(kind="absent", field=field, expected=expected, found="", records=0)


def _order(change: Change) -> tuple[bool, int, str, str]:
    return not change.stops, -change.records, change.field, change.found
