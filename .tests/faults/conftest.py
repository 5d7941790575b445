"""The table that the tests of faults end with."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from support.faults_table import print_table, rows_of


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what every fault has cost."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if getattr(report, "when", "") == "call"
    ]
    if rows := list(rows_of(reports)):
        print_table(rows, Console(file=terminalreporter._tw._file, width=160))
