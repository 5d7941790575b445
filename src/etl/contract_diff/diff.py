"""The changes of all contracts, and whether their versions say so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from etl.contract_diff.changes import Change, breaking, compatible
from etl.contract_diff.compare import compare
from etl.contract_diff.versions import Side
from etl.model import Contract

_MAJOR = re.compile(r"v?([0-9]+)(\.|$)")


@dataclass(frozen=True, kw_only=True)
class DatasetDiff:
    """What has changed of one dataset.

    Attributes:
        fault: What keeps the changes from being merged as they are; None if nothing does.
    """

    dataset: str
    versions: str
    changes: Sequence[Change]
    fault: str | None = None


def diff_sides(old: Side, new: Side) -> list[DatasetDiff]:
    """The datasets that differ, by name."""
    found = (_diff(each, old, new) for each in sorted(old.datasets | new.datasets))
    return [each for each in found if each.changes or each.fault]


def _diff(dataset: str, old: Side, new: Side) -> DatasetDiff:
    before, after = old.contracts.get(dataset), new.contracts.get(dataset)
    versions = f"{_version(before)} → {_version(after)}"
    if dataset not in new.datasets:
        gone = breaking("contract", "deleted", "those who read the dataset find it no more")
        fault = "a contract that others rely on was deleted"
        return DatasetDiff(dataset=dataset, versions=versions, changes=[gone], fault=fault)
    if dataset not in old.datasets:
        added = [compatible("contract", "added")]
        return DatasetDiff(dataset=dataset, versions=versions, changes=added)
    if after is None:
        fault = f"cannot be read: {new.broken[dataset]}"
        return DatasetDiff(dataset=dataset, versions=versions, changes=[], fault=fault)
    if before is None:
        mended = [compatible("contract", "can be read, which it could not before")]
        return DatasetDiff(dataset=dataset, versions=versions, changes=mended)
    changes = compare(before, after)
    return DatasetDiff(
        dataset=dataset,
        versions=before.version if before.version == after.version else versions,
        changes=changes,
        fault=_version_fault(before, after, changes),
    )


def _version(contract: Contract | None) -> str:
    return contract.version or "none" if contract else "none"


def _version_fault(old: Contract, new: Contract, changes: Sequence[Change]) -> str | None:
    if all(each.label == "compatible" for each in changes):
        return None
    before, after = _MAJOR.match(old.version), _MAJOR.match(new.version)
    if after is None:
        return f'version "{new.version}" has no major number: write for example 2.0.0'
    if before is not None and int(after[1]) <= int(before[1]):
        return (
            f"breaking, so the version has to rise from {old.version} to {int(before[1]) + 1}.0.0"
        )
    return None


def merge_diffs(diffs: Sequence[Sequence[DatasetDiff]]) -> list[DatasetDiff]:
    """The diffs of several environments as one: what they have in common stands once."""
    merged: dict[str, DatasetDiff] = {}
    for each in (one for some in diffs for one in some):
        known = merged.setdefault(each.dataset, each)
        more = [change for change in each.changes if change not in known.changes]
        changes = sorted([*known.changes, *more], key=lambda change: change.label)
        fault = known.fault or each.fault
        merged[each.dataset] = replace(known, changes=changes, fault=fault)
    return [merged[name] for name in sorted(merged)]
