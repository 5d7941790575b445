"""What the state machine's run did, as people read it."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

_COUNTS = ("extracted", "quarantined", "rows", "table_rows")


def print_batch(report: dict[str, Any]) -> None:
    """Show the report on standard output."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"\n[bold]{report['run_date']}[/]  succeeded in {report['environment']},"
        f" {report['seconds']:,.1f} s\n"
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("dataset")
    for heading in _COUNTS:
        table.add_column(heading.replace("_", " "), justify="right")
    for each in report["datasets"]:
        counts = ("" if each[name] is None else f"{each[name]:,}" for name in _COUNTS)
        table.add_row(each["dataset"], *counts)
    console.print(table)
    console.print()
    console.print(f"execution  {report['execution']}")
    for each in report["datasets"]:
        console.print(f"report     {each['report_uri']}")
