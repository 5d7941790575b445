"""`python -m etl`: look at what the pipeline left."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from etl.arguments import add_environment, dataset_argument, date_argument
from etl.cli import run_command
from etl.named_queries import list_queries, load_query


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; returns the exit code."""
    options = _parser().parse_args(arguments)

    def command() -> None:
        # Only what the command uses is imported: --help has none of it.
        importlib.import_module(options.module).run(options)

    return run_command(command, again="the same command")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m etl", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(
        name: str, fill: Callable[[argparse.ArgumentParser], None], module: str, **about: Any
    ) -> None:
        command = commands.add_parser(name, **about)
        fill(command)
        command.set_defaults(module=module)

    add(
        "query",
        _query,
        "etl.query_command",
        help="run a query of athena/ and print its rows",
        description="Queries: "
        + "; ".join(f"{each}: {load_query(each).description}" for each in list_queries()),
    )
    add(
        "catalog",
        _catalog,
        "etl.catalog.command",
        help="list datasets, their layers and versions",
        description="What each layer of each dataset holds, without reading its data.",
    )
    add("doctor", _doctor, "etl.doctor.command", help="examine an environment before its first run")
    add(
        "publish-contracts",
        _environment,
        "etl.deploy",
        help="put the compiled contracts where functions read them",
    )
    add(
        "share-warehouse",
        _share,
        "etl.share_command",
        help="let the parts of the pipeline use each other's tables, as the administrator",
        description="Makes the database role that warehouse.database_role names, and grants it"
        " what the contracts' schemas hold. Once after the warehouse was made; it may be repeated.",
    )
    add(
        "ledger",
        _ledger,
        "etl.ledger.command",
        help="where each run date's records went, and whether it adds up",
        description="A line for each run date, and whether the lines add up with what is there;"
        " the exit code is 1 if they do not.",
    )
    add(
        "replay",
        _replay,
        "etl.replay_command",
        help="send quarantined rows through again",
        description="Transforms what raw keeps of a day under the present contract, and loads it;"
        " the source is not asked. Corrections are kept: they hold for later runs of the day.",
    )
    add(
        "redrive",
        _redrive,
        "etl.redrive_command",
        help="list the processor's dead letters, or send them again",
        description="Without options, or with --list: the messages that the processor gave up. "
        "Mend what was wrong, then send them again.",
    )
    add(
        "infrastructure",
        _infrastructure,
        "etl.infrastructure.command",
        help="write what Terraform reads of config/ and the contracts",
        description="Writes build/terraform/<env>.json, and <env>.backend.hcl: where the state"
        " lies. Asks AWS nothing.",
    )
    add(
        "propose",
        _propose,
        "etl.proposing.command",
        help="propose a dataset's contract from a sample file",
        description="Write config/contracts/<name>.odcs.yaml from a sample, and put the sample"
        " where the dataset's first run finds it. Nothing is written unless all of it can be.",
    )
    add(
        "contract-diff",
        _contract_diff,
        "etl.contract_diff.command",
        help="label each change of a contract compatible or breaking",
        description="Compare config/contracts/ with the commit that HEAD and a revision have in"
        " common. The exit code is 1 if a breaking change came without a rise of the contract's"
        " major version, or if a contract was deleted or cannot be read.",
    )
    return parser


def _environment(parser: argparse.ArgumentParser) -> None:
    add_environment(parser)


def _share(parser: argparse.ArgumentParser) -> None:
    add_environment(parser)
    parser.add_argument("--secret-arn", help="the administrator's; by default what AWS manages")


def _query(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="a file in athena/, without .sql")
    parser.add_argument("--dataset", default="orders")
    add_environment(parser)
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")


def _catalog(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", help="this one, with its versions")
    add_environment(parser)
    _add_json(parser)


def _doctor(parser: argparse.ArgumentParser) -> None:
    # Not add_environment: one that config/ does not describe is the first of what it examines.
    parser.add_argument("--env", default=os.environ.get("ETL_ENV", "local"))
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")


def _ledger(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", type=dataset_argument, help="this one; by default all")
    parser.add_argument("--run-date", type=date_argument, metavar="YYYY-MM-DD", help="this day")
    parser.add_argument("--from", dest="first", type=date_argument, metavar="YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=date_argument, metavar="YYYY-MM-DD")
    parser.add_argument(
        "--hash", action="store_true", help="a hash of each table's content too; reads all its rows"
    )
    add_environment(parser)
    _add_json(parser)


def _replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", type=dataset_argument, required=True)
    parser.add_argument("--run-date", type=date_argument, required=True, metavar="YYYY-MM-DD")
    add_environment(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--corrections", metavar="FILE", help="an exported quarantine with payloads corrected"
    )
    what.add_argument(
        "--export", metavar="FILE", help="only write the quarantined rows, to correct payloads"
    )
    parser.add_argument("--loader", choices=["copy", "data-api"], help="how to load")
    parser.add_argument("--json", action="store_true", help="print only the report, as JSON")
    parser.add_argument("--traceback", action="store_true", help="show tracebacks of failures")


def _redrive(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="only list them (the default)")
    what.add_argument("--all", action="store_true", help="send all of them again")
    what.add_argument(
        "--message-id", action="append", metavar="ID", help="send this one again; may be repeated"
    )
    add_environment(parser)
    _add_json(parser)


def _infrastructure(parser: argparse.ArgumentParser) -> None:
    add_environment(parser)
    parser.add_argument("--packages", type=Path, help="the archives' folder, by default build/")
    parser.add_argument("--output", type=Path, help="a folder, by default build/terraform/")


def _propose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="of the dataset, e.g. invoices")
    parser.add_argument("--from", required=True, dest="file", help="CSV, JSON or JSON lines")
    parser.add_argument("--key", default="", help="columns that identify a row, e.g. id,line")
    parser.add_argument("--domain", default="general", help="whose data it is, e.g. sales")
    parser.add_argument("--delimiter", help="of CSV: one character, or tab")
    parser.add_argument("--encoding", help="of CSV, e.g. cp1252")
    parser.add_argument("--header", choices=["yes", "no"], help="whether CSV begins with names")
    parser.add_argument("--no-rules", action="store_true", help="suggest types and keys only")
    parser.add_argument("--force", action="store_true", help="replace the contract if there is one")
    add_environment(parser, what="where to put the sample")


def _contract_diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--against", default="origin/main", metavar="REVISION")
    parser.add_argument("--markdown", action="store_true", help="for a pull request's comment")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


if __name__ == "__main__":
    sys.exit(main())
