"""`python -m etl`: look at what the pipeline left."""

from __future__ import annotations

import argparse
import os
import sys

from rich.console import Console
from rich.table import Table

from aws.clients import make_client
from etl.catalog import command as catalog
from etl.cli import run_command
from etl.contract_diff import command as contract_diff
from etl.contracts import load_contract
from etl.deploy import publish_contracts
from etl.doctor import run_doctor
from etl.environment import enter
from etl.errors import UsageError
from etl.infrastructure.command import add_command as add_infrastructure
from etl.ledger import command as ledger
from etl.proposing import command as proposing
from etl.queries import list_queries, load_query, run_named_query
from etl.redrive_command import add_command as add_redrive
from etl.replay_command import add_command as add_replay


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m etl", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    query = commands.add_parser(
        "query",
        help="run a query of athena/ and print its rows",
        description="Queries: "
        + "; ".join(f"{name}: {load_query(name).description}" for name in list_queries()),
    )
    query.add_argument("name", help="a file in athena/, without .sql")
    query.add_argument("--dataset", default="orders")
    query.add_argument("--env", default=os.environ.get("ETL_ENV", "local"))
    query.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    query.set_defaults(command=_query)
    catalog.add_command(commands)
    doctor = commands.add_parser("doctor", help="examine an environment before its first run")
    doctor.add_argument("--env", default=os.environ.get("ETL_ENV", "local"))
    doctor.add_argument("--json", action="store_true", help="print the checks as JSON")
    doctor.set_defaults(command=_doctor)
    publish = commands.add_parser(
        "publish-contracts", help="put the compiled contracts where functions read them"
    )
    publish.add_argument("--env", default=os.environ.get("ETL_ENV", "local"))
    publish.set_defaults(command=_publish_contracts)
    ledger.add_command(commands)
    add_replay(commands)
    add_redrive(commands)
    add_infrastructure(commands)
    proposing.add_command(commands)
    contract_diff.add_command(commands)
    options = parser.parse_args(arguments)
    return run_command(lambda: options.command(options), again="the same command")


def _publish_contracts(options: argparse.Namespace) -> None:
    for uri in publish_contracts(enter(options.env, assume_role=False)):
        print(uri)


def _doctor(options: argparse.Namespace) -> None:
    if exit_code := run_doctor(options.env, as_json=options.json):
        sys.exit(exit_code)


def _query(options: argparse.Namespace) -> None:
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


if __name__ == "__main__":
    sys.exit(main())
