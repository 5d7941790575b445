"""`python -m etl contract-diff`: what a branch changes in contracts, for a person and for CI."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from etl.contract_diff.diff import DatasetDiff, diff_sides, merge_diffs
from etl.contract_diff.versions import contracts_at, place_names, read_side, shown
from etl.root import ROOT
from etl.settings import list_environments

_NONE = "no contract has changed"


def run(options: argparse.Namespace, *, root: Path = ROOT) -> None:
    """Print the changes; leaves with 1 if they cannot be merged as they are."""
    found, names = _diff(options.against, root)
    if not found:
        print(_NONE)
        return
    lines = markdown(found) if options.markdown else text(found)
    print("\n".join(shown(each, names) for each in lines))
    if any(each.fault for each in found):
        sys.exit(1)


def _diff(revision: str, root: Path) -> tuple[list[DatasetDiff], frozenset[str]]:
    folder = root / "config" / "contracts"
    with contracts_at(revision, root) as (_, earlier):
        names = place_names(earlier, folder)
        diffs = [
            diff_sides(
                read_side(earlier, environment=each, names=names),
                read_side(folder, environment=each, names=names),
            )
            for each in list_environments(root)
        ]
    return merge_diffs(diffs), names


def text(diffs: Sequence[DatasetDiff]) -> Iterator[str]:
    """The changes as a table for a terminal."""
    width = max((len(c.what) for each in diffs for c in each.changes), default=0)
    for each in diffs:
        yield f"{each.dataset}  {each.versions}"
        for change in each.changes:
            why = f" ({change.why})" if change.why else ""
            yield f"  {change.label:10}  {change.what:{width}}  {change.detail}{why}"
        if each.fault:
            yield f"  FAILS       {each.fault}"


def markdown(diffs: Sequence[DatasetDiff]) -> Iterator[str]:
    """The changes as Markdown."""
    yield "## Contract changes\n"
    for each in diffs:
        yield f"### `{each.dataset}` {each.versions}\n"
        if each.fault:
            yield f"**Fails:** {_cell(each.fault)}\n"
        if each.changes:
            yield "| | what | change | why it breaks |\n|---|---|---|---|"
        for change in each.changes:
            label = "**breaking**" if change.label == "breaking" else change.label
            cells = (label, change.what, change.detail, change.why)
            yield f"| {' | '.join(map(_cell, cells))} |"
        yield ""


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")
