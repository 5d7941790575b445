"""What the flows over many dates, datasets or objects did, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etl.archiving.report import ArchiveReport
from etl.artifacts.artifact import Artifact, artifact_key, code, duration, plain, shorten
from etl.backfill_report import BackfillReport
from etl.report import human_bytes

_CAUSE_CHARACTERS = 300


def backfill_artifact(report: BackfillReport) -> Artifact:
    """What became of each date."""
    return Artifact(
        key=artifact_key(report.dataset, "backfill"),
        content=[
            {
                "date": str(each.run_date),
                "status": each.status,
                "rows": "" if each.rows is None else f"{each.rows:,}",
                "seconds": "" if each.seconds is None else f"{each.seconds:,.1f}",
                "cause": shorten(each.cause.partition("\n")[0], _CAUSE_CHARACTERS),
            }
            for each in report.dates
        ],
        description=f"**{plain(report.dataset)}** in {plain(report.environment)}: {report.summary}",
    )


def batch_artifact(report: Mapping[str, Any]) -> Artifact:
    """What the state machine's run did with each dataset."""
    counts = ("extracted", "quarantined", "rows", "table_rows")
    return Artifact(
        key="heavy-batch",
        content=[
            {"dataset": each["dataset"]}
            | {
                name.replace("_", " "): "" if each[name] is None else f"{each[name]:,}"
                for name in counts
            }
            | {"report": each["report_uri"]}
            for each in report["datasets"]
        ],
        description=(
            f"**{report['run_date']}** succeeded in {plain(report['environment'])} after"
            f" {duration(report['seconds'])}\n\nExecution {code(report['execution'])}"
        ),
    )


def archive_artifact(report: ArchiveReport) -> Artifact:
    """How much went where, and what stays."""
    counts = report.counts
    verb = "would go" if report.is_dry_run else "archived"
    figures = {
        "looked at": f"{counts.listed:,} objects",
        verb: f"{counts.objects:,} objects, {human_bytes(counts.bytes)}",
        "partitions dropped": f"{counts.partitions:,}",
        "changed meanwhile": f"{counts.changed:,}",
        "errors": f"{counts.errors:,}",
    }
    rows = [{"what": name, "how many": text} for name, text in figures.items()]
    rows += [{"what": "stays", "how many": f"{key}: {cause}"} for key, cause in counts.failures]
    return Artifact(
        key="archive",
        content=rows,
        description=(
            f"**{report.status}** in {plain(report.environment)} after {duration(report.seconds)}:"
            f" run dates before {report.before}, from {code(report.source)} to"
            f" {code(report.target)}"
        ),
    )
