"""`python -m etl query`: run a query of athena/ and print its rows."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from aws.clients import make_client
from etl.contracts import load_contract
from etl.environment import enter
from etl.errors import UsageError
from etl.queries import run_named_query


def run(options: argparse.Namespace) -> None:
    """Run the command with its options."""
    settings = enter(options.env, assume_role=False)
    result = run_named_query(
        make_client("athena", settings.aws),
        options.name,
        contract=load_contract(options.dataset, settings=settings),
        settings=settings,
        parameters=dict(_pair(each) for each in options.param),
    )
    table = Table(box=None, header_style="bold")
    for column in result.columns:
        table.add_column(column.name)
    for row in result.rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    # As wide as its rows, so that a pipe gets them whole.
    console = Console(width=1_000_000)
    console.width = console.measure(table).maximum
    console.print(table)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f'"{text}" is not NAME=VALUE', fix="e.g. --param run_date=2026-01-01")
    return name, value
