"""A run's report as a table, and what its validator found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from etl.artifacts.artifact import Artifact, artifact_key, code, plain
from etl.report import RunReport, StageReport, human_bytes, human_usd


def report_artifact(report: RunReport) -> Artifact:
    """Each step's figures, and where the rows went."""
    seconds = sum(each.seconds for each in report.stages)
    cost = sum(each.cost_usd for each in report.stages)
    total = {
        "step": "all",
        "rows": "",
        "bytes": "",
        "seconds": f"{seconds:,.1f}",
        "cost, USD": human_usd(cost),
    }
    return Artifact(
        key=artifact_key(report.dataset, "report"),
        content=[*map(_stage_row, report.stages), total],
        description="\n\n".join(_report_paragraphs(report)),
    )


def _stage_row(stage: StageReport) -> dict[str, str]:
    return {
        "step": stage.name,
        "rows": "" if stage.rows is None else f"{stage.rows:,}",
        "bytes": "" if stage.bytes is None else human_bytes(stage.bytes),
        "seconds": f"{stage.seconds:,.1f}",
        "cost, USD": human_usd(stage.cost_usd),
    }


def _report_paragraphs(report: RunReport) -> Iterable[str]:
    rows, table_rows = report.rows, report.table_rows
    yield (
        f"**{plain(report.dataset)} {report.run_date}** {report.status} in"
        f" {plain(report.environment)}: {plain(rows.equation)}"
    )
    if rows.rejected:
        yield f"{rows.rejected:,} rejected are dead letters: raw cannot hold them"
    if table_rows is not None:
        gone = report.deleted_rows
        left = f", {gone:,} are gone from the source" if gone else ""
        yield f"The table has {table_rows:,} rows{left}"
    if report.engine:
        yield f"Transformed by {plain(report.engine)}"
    yield (
        f"Run {code(report.run_id)}, contract {plain(report.contract_version)}; costs are estimates"
        f" for AWS at list prices of {report.prices_as_of}"
    )


def checks_artifact(dataset: str, run_date: date, checks: Iterable[Mapping[str, Any]]) -> Artifact:
    """The validator's checks, those that failed first."""
    ordered = sorted(checks, key=lambda check: (check["passed"], check["severity"] != "error"))
    failed = [each for each in ordered if not each["passed"]]
    errors = sum(each["severity"] == "error" for each in failed)
    count = "1 check" if len(ordered) == 1 else f"{len(ordered)} checks"
    verdict = f"{plain(dataset)} {run_date}: {count}, "
    if not failed:
        verdict += "all passed"
    else:
        warnings = len(failed) - errors
        verdict += f"{errors} failed, {warnings} gave a warning"
        verdict += "; the warehouse has not seen this run" if errors else ""
    return Artifact(
        key=artifact_key(dataset, "checks"),
        content=[_check_row(each) for each in ordered],
        description=f"{verdict}. Where 0 is expected, what is found are the rows that break it.",
    )


def _check_row(check: Mapping[str, Any]) -> dict[str, str]:
    failed = "warning" if check["severity"] == "warning" else "no"
    return {
        "ok": "yes" if check["passed"] else failed,
        "check": check["name"],
        "column": check["column"] or "",
        "expected": _figure(check["expected"]),
        "found": _figure(check["measured"]),
    }


def _figure(value: Any) -> str:
    if value is None:
        return "nothing to measure"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
