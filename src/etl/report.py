"""What a run did, as JSON beside the data and as a table for people."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import date

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

_SHOWN_REASONS = 5


@dataclass(frozen=True, kw_only=True)
class StageReport:
    """One stage's figures.

    Attributes:
        rows: Rows that left the stage, or None where rows are not its matter.
        bytes: Bytes that it wrote (or, for a query, scanned).
        cost_usd: Estimated cost on AWS.
    """

    name: str
    seconds: float
    rows: int | None
    bytes: int | None
    cost_usd: float


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Where the extracted rows went.

    Attributes:
        filtered: Left out, as the contract's filter says.
        loaded: In the last layer that the contract has: the warehouse, processed, or raw.
        rejected: Records that the raw format cannot hold. They are dead letters, not extracted.
    """

    extracted: int
    deduplicated: int = 0
    quarantined: int = 0
    filtered: int = 0
    loaded: int
    rejected: int = 0

    @property
    def missing(self) -> int:
        """Rows that are nowhere; below zero, rows that came from nowhere."""
        gone = self.quarantined + self.deduplicated + self.filtered
        return self.extracted - self.loaded - gone

    @property
    def equation(self) -> str:
        """The sum that must hold, in words."""
        text = (
            f"{self.extracted:,} extracted = {self.loaded:,} loaded"
            f" + {self.quarantined:,} quarantined + {self.deduplicated:,} deduplicated"
        )
        return text + (f" + {self.filtered:,} filtered" if self.filtered else "")


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """The whole run.

    Attributes:
        table_rows, table_hash: Of the warehouse's table; None for a dataset that has none. The
            hash depends on the table's rows only: not on order, time or run.
    """

    dataset: str
    run_date: date
    run_id: str
    environment: str
    status: str
    rows: Rows
    table_rows: int | None
    table_hash: str | None
    stages: tuple[StageReport, ...]
    places: dict[str, str]
    reject_reasons: dict[str, int] = field(default_factory=dict)
    prices_as_of: date
    contract_version: str
    contract_fingerprint: str
    next_steps: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(dataclasses.asdict(self), default=str, indent=2, ensure_ascii=False)


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
    parts: list[RenderableType] = ["", title, "", _stage_table(report), ""]
    if rows.extracted == 0:
        parts.append("The source has no rows for this date: an empty day, and a valid run.")
    parts.append(f"rows     {rows.equation}")
    if rows.rejected:
        parts.append(f"         {rows.rejected:,} more are dead letters: raw cannot hold them")
    reasons = sorted(report.reject_reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    for reason, count in reasons[:_SHOWN_REASONS]:
        parts.append(f"         {count:>6,} quarantined for {reason}")
    if len(reasons) > _SHOWN_REASONS:
        rest = sum(count for _, count in reasons[_SHOWN_REASONS:])
        parts.append(f"         {rest:>6,} for {len(reasons) - _SHOWN_REASONS} other reasons")
    if report.table_rows is not None:
        parts.append(f"table    {report.table_rows:,} rows, hash {report.table_hash}")
    parts.append(
        f"cost     about ${sum(stage.cost_usd for stage in report.stages):.4f} on AWS for these"
        f" times and bytes, at list prices of {report.prices_as_of}"
    )
    parts += ["", Text("where it lies", style="bold"), _pairs(report.places)]
    if report.next_steps:
        parts += ["", Text("what to try next", style="bold")]
        parts += [Text(f"  {each}") for each in report.next_steps]
    return Group(*parts)


def _stage_table(report: RunReport) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("stage")
    for heading in ("rows", "bytes", "seconds", "est. USD"):
        table.add_column(heading, justify="right")
    for stage in report.stages:
        table.add_row(
            stage.name,
            "" if stage.rows is None else f"{stage.rows:,}",
            "" if stage.bytes is None else human_bytes(stage.bytes),
            f"{stage.seconds:.1f}",
            "<0.0001" if 0 < stage.cost_usd < 0.0001 else f"{stage.cost_usd:.4f}",
        )
    return table


def _pairs(places: dict[str, str]) -> Group:
    width = max(map(len, places), default=0)
    return Group(*(f"  {name:<{width}}  {place}" for name, place in places.items()))


def human_bytes(count: int) -> str:
    """A size as people say it: 999 B, 12.3 kB, 4.5 MB."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
