"""How the source differs from the contract, as a table."""

from __future__ import annotations

from datetime import date

from etl.artifacts.artifact import Artifact, artifact_key, plain
from etl.drift.diff import Change, Diff

_MOST_CHANGES = 50


def drift_artifact(dataset: str, run_date: date, diff: Diff) -> Artifact:
    """A row for each difference, those first that stop the run."""
    day = f"{plain(dataset)} {run_date}"
    told = len(diff.told)
    if any(each.stops for each in diff.changes):
        verdict = "the source has changed; the warehouse has not seen this run"
    elif told:
        verdict = f"the source has changed in {told} {'way' if told == 1 else 'ways'}, and loads"
    else:
        verdict = "the source sends what the contract says"
    more = len(diff.changes) - _MOST_CHANGES
    rest = f"\n\n{more} more stand in drift.json" if more > 0 else ""
    return Artifact(
        key=artifact_key(dataset, "drift"),
        content=[_row(each, diff) for each in diff.changes[:_MOST_CHANGES]],
        description=(
            f"{day}: {verdict}\n\n{diff.looked_at:,} of {diff.records:,} records were looked at;"
            f" a field that more than {diff.limit_percent:g} % do not fit stops the run{rest}"
        ),
    )


def _row(change: Change, diff: Diff) -> dict[str, str]:
    about = "about " if change.is_estimate else ""
    return {
        "": change.sign,
        "field": change.field,
        "contract": change.expected,
        "source": change.found or "never sent",
        "records": f"{about}{change.records:,}",
        "examples": ", ".join(change.examples),
        "stops the run": "yes" if change.stops else "no",
    }
