"""The table that tests of faults end with: what was done where, and what it cost."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

PROPERTY = "fault"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fault, and what was left when it was over.

    Attributes:
        recovered_by: What it took to end as a clean run does.
    """

    fault: str
    where: str
    rows_lost: int
    rows_twice: int
    recovered_by: str


def harmless(fault: str, where: str, recovered_by: str) -> Row:
    """The row of a fault after which everything was there, once."""
    return Row(fault=fault, where=where, rows_lost=0, rows_twice=0, recovered_by=recovered_by)


def record(node: Any, row: Row) -> None:
    """Keep a row with a test's report, which reaches the controller from any worker."""
    node.user_properties.append((PROPERTY, json.dumps(dataclasses.asdict(row))))


def rows_of(reports: Iterable[Any]) -> Iterator[Row]:
    """The rows that tests have kept."""
    for report in reports:
        if getattr(report, "when", "") != "call":
            continue
        for name, text in report.user_properties:
            if name == PROPERTY:
                yield Row(**json.loads(text))


class Progress:
    """A line for each fault, when its test is through: there are many, and they take a while."""

    def __init__(self, config: pytest.Config) -> None:
        self._plugins = config.pluginmanager
        self._tests = self._through = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Count what is to be done."""
        self._tests = len(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Count it where workers do it."""
        self._tests = len(ids)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No dot for a test whose faults have lines."""
        is_told = report.passed and any(rows_of([report]))
        return ("passed", "", "PASSED") if is_told else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell of a test's faults."""
        self._through += report.when == "call"
        reporter: Any = self._plugins.get_plugin("terminalreporter")
        for row in rows_of([report]):
            cost = f"{row.rows_lost} lost, {row.rows_twice} twice"
            reporter.write_line(
                f"{self._through:4}/{self._tests}  {row.fault:<15} {row.where:<70.70}"
                f"  {cost}  {row.recovered_by}"
            )


def print_table(rows: list[Row], console: Console) -> None:
    """The rows, those of one fault at one place in one line, and a sum as the last line."""
    table = Table(title="Faults", title_justify="left")
    table.add_column("fault")
    table.add_column("where", width=72, no_wrap=True, overflow="ellipsis")
    for name in ("times", "rows lost", "rows twice"):
        table.add_column(name, justify="right")
    table.add_column("recovered by")
    groups: defaultdict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.where, row.fault, row.recovered_by].append(row)
    for (where, fault, recovered_by), found in sorted(groups.items()):
        lost, twice = sum(r.rows_lost for r in found), sum(r.rows_twice for r in found)
        table.add_row(fault, where, str(len(found)), str(lost), str(twice), recovered_by)
    console.print(table)
    places = {(row.where, row.fault) for row in rows}
    lost, twice = sum(row.rows_lost for row in rows), sum(row.rows_twice for row in rows)
    console.print(
        f"{len(rows)} faults at {len(places)} points: {lost} rows lost, {twice} rows twice"
    )
