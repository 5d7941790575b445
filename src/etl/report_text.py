"""A run's report as people read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from etl.report import RunReport, StageReport, human_bytes, human_usd

if TYPE_CHECKING:
    from etl.planning.plan import PlannedStage

_SHOWN_REASONS = 5
_SHOWN_CHANGES = 10


def print_report(report: RunReport) -> None:
    """Show the report on standard output."""
    Console(highlight=False, soft_wrap=True).print(render(report))


def render(report: RunReport) -> RenderableType:
    """The report as rich draws it."""
    rows = report.rows
    title = Text.assemble(
        (f"{report.dataset} {report.run_date}", "bold"),
        f"  {report.status} in {report.environment}, run {report.run_id}",
    )
    parts: list[RenderableType] = ["", title, "", stage_table(report.stages), ""]
    if rows.extracted == 0:
        parts.append("The source has no rows for this date: an empty day, and a valid run.")
    parts.append(f"rows     {rows.equation}")
    if rows.rejected:
        parts.append(f"         {rows.rejected:,} rejected are dead letters: raw cannot hold them")
    if report.corrected_rows:
        parts.append(f"         {report.corrected_rows:,} were corrected by people")
    reasons = sorted(report.reject_reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    for reason, count in reasons[:_SHOWN_REASONS]:
        parts.append(f"         {count:>6,} quarantined for {reason}")
    if len(reasons) > _SHOWN_REASONS:
        rest = sum(count for _, count in reasons[_SHOWN_REASONS:])
        parts.append(f"         {rest:>6,} for {len(reasons) - _SHOWN_REASONS} other reasons")
    parts += _drift_lines(report)
    if report.table_rows is not None:
        parts.append(f"table    {report.table_rows:,} rows")
    if report.deleted_rows:
        parts.append(
            f"         {report.deleted_rows:,} rows left it: they are gone from the source"
        )
    if report.engine:
        parts.append(f"engine   {report.engine}")
    parts.append(
        f"cost     about ${sum(stage.cost_usd for stage in report.stages):.4f} on AWS for these"
        f" times and bytes, at list prices of {report.prices_as_of}"
    )
    parts += ["", Text("where it lies", style="bold"), _pairs(report.places)]
    if report.next_steps:
        parts += ["", Text("what to try next", style="bold")]
        parts += [Text(f"  {each}") for each in report.next_steps]
    return Group(*parts)


def _drift_lines(report: RunReport) -> list[Text]:
    lines = list(report.drift[:_SHOWN_CHANGES])
    if len(report.drift) > _SHOWN_CHANGES:
        lines.append(f"{len(report.drift) - _SHOWN_CHANGES} others, see {report.places['drift']}")
    heads = ["drift    ", *["         "] * len(lines)]
    return [Text(f"{head}{line}") for head, line in zip(heads, lines)]


def stage_table(stages: Iterable[StageReport | PlannedStage]) -> Table:
    """A line for each stage; what is not known stays empty."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("stage")
    for heading in ("rows", "bytes", "seconds", "est. USD"):
        table.add_column(heading, justify="right")
    for stage in stages:
        table.add_row(
            stage.name,
            "" if stage.rows is None else f"{stage.rows:,}",
            "" if stage.bytes is None else human_bytes(stage.bytes),
            "" if stage.seconds is None else f"{stage.seconds:.1f}",
            "" if stage.cost_usd is None else human_usd(stage.cost_usd),
        )
    return table


def _pairs(places: dict[str, str]) -> Group:
    width = max(map(len, places), default=0)
    return Group(*(f"  {name:<{width}}  {place}" for name, place in places.items()))
