"""What became of a backfill's dates: while it runs, at its end, and as JSON."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from etl.errors import EtlError

log = logging.getLogger("etl.backfill")

Status = Literal["succeeded", "skipped", "failed", "not run"]


@dataclass(frozen=True, kw_only=True)
class DateResult:
    """What became of one run date.

    Attributes:
        rows: Loaded, by this run or, where it was skipped, by an earlier one.
        cause: Why it failed, and the fix.
    """

    run_date: date
    status: Status
    rows: int | None = None
    seconds: float | None = None
    cause: str = ""

    @property
    def figures(self) -> str:
        """Rows and time, in words."""
        rows = "" if self.rows is None else f"{self.rows:,} rows"
        seconds = "" if self.seconds is None else f"{self.seconds:.1f} s"
        return ", ".join(filter(None, [rows, seconds]))


@dataclass(frozen=True, kw_only=True)
class BackfillReport:
    """A whole backfill, its dates in order."""

    dataset: str
    environment: str
    dates: tuple[DateResult, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every date is done."""
        return all(each.status in ("succeeded", "skipped") for each in self.dates)

    @property
    def was_stopped(self) -> bool:
        """Whether dates were left out."""
        return any(each.status == "not run" for each in self.dates)

    @property
    def summary(self) -> str:
        """How many dates ended how."""
        counts = Counter(each.status for each in self.dates)
        return ", ".join(f"{count} {status}" for status, count in counts.most_common())

    def to_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(dataclasses.asdict(self), default=str, indent=2, ensure_ascii=False)


class BackfillError(EtlError):
    """Some dates failed or were not run. `report` says which."""

    report: BackfillReport

    @property
    def alert_cause(self) -> str:
        """What an alert says: the first failure; "" after Ctrl-C."""
        failed = [each for each in self.report.dates if each.status == "failed"]
        if self.report.was_stopped or not failed:
            return ""
        return f"{self.report.summary}; {failed[0].run_date}: {failed[0].cause}"

    @classmethod
    def of(cls, report: BackfillReport) -> BackfillError:
        """The error that a report amounts to."""
        error = cls(
            f"{report.dataset}: {report.summary}", fix="the same command runs just the rest"
        )
        error.report = report
        return error


@contextmanager
def show_progress(total: int) -> Iterator[Callable[[DateResult], None]]:
    """Gives what to call with each result: it logs a line, and moves a bar on a terminal."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("backfill", total=total)
        shown = 0

        def show(result: DateResult) -> None:
            nonlocal shown
            shown += 1
            cause = result.cause.partition("\n")[0] or result.figures
            log.info("%s  %s: %s  (%s of %s)", result.run_date, result.status, cause, shown, total)
            bar.advance(task)

        yield show


def print_backfill(report: BackfillReport) -> None:
    """Show the table of dates on standard output."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("date")
    table.add_column("status")
    for heading in ("rows", "seconds"):
        table.add_column(heading, justify="right")
    for each in report.dates:
        table.add_row(
            str(each.run_date),
            each.status,
            "" if each.rows is None else f"{each.rows:,}",
            "" if each.seconds is None else f"{each.seconds:.1f}",
        )
    console.print(f"\n{report.dataset} in {report.environment}: {report.summary}\n")
    console.print(table)
    for each in report.dates:
        if each.cause:
            console.print(f"\n{each.run_date} failed: {each.cause}", markup=False)
