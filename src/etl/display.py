"""Figures for people: a progress bar on a terminal, else a line a minute; a table at the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from etl.figures import Figures
from etl.report import human_bytes

log = logging.getLogger("etl")


@contextmanager
def every(seconds: float, call: Callable[[], None]) -> Iterator[None]:
    """Call something again and again from a thread of its own, while the block lasts."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            call()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def show_progress(
    figures: Figures,
    *,
    title: str,
    interval_seconds: float = 60,
    total_records: int | None = None,
    console: Console | None = None,
) -> Iterator[None]:
    """Show figures while the block lasts.

    Args:
        title: What is being done, e.g. "stream".
        interval_seconds: Between two lines, where there is no terminal.
        total_records: How many there will be; None if nobody knows.
        console: Where the progress bar goes; standard error if None.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        with every(interval_seconds, lambda: log.info("%-10s %s", title, describe(figures))):
            yield
        return
    columns: tuple[ProgressColumn, ...] = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        _FiguresColumn(figures),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=total_records)
        with every(0.5, lambda: progress.update(task, completed=figures.records)):
            yield


class _FiguresColumn(ProgressColumn):
    def __init__(self, figures: Figures) -> None:
        super().__init__()
        self._figures = figures

    def render(self, task: object) -> Text:
        return Text(describe(self._figures))


def describe(figures: Figures) -> str:
    """One line of figures."""
    parts = [
        f"{figures.records:,} records",
        human_bytes(figures.bytes),
        f"{figures.records_per_second:,.0f} records/s",
        f"last upload {figures.last_upload_seconds:.2f} s",
    ]
    if figures.errors:
        parts.append(f"{figures.errors:,} errors")
    return ", ".join(parts)


def print_summary(figures: Figures) -> None:
    """Show the figures at the end on standard error."""
    Console(stderr=True, highlight=False).print(summary_table(figures))


def summary_table(figures: Figures) -> Table:
    """The figures at the end."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, value in {
        "records": f"{figures.records:,}",
        "bytes": human_bytes(figures.bytes),
        "errors": f"{figures.errors:,}",
        "objects": f"{figures.objects:,}",
        "mean upload": f"{figures.mean_upload_seconds:.3f} s",
        "last upload": f"{figures.last_upload_seconds:.3f} s",
        "throughput": f"{figures.records_per_second:,.0f} records/s,"
        f" {human_bytes(round(figures.bytes_per_second))}/s",
        "time": f"{figures.seconds:.1f} s",
    }.items():
        table.add_row(name, value)
    return table
