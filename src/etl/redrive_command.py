"""`python -m etl redrive`: list the processor's dead letters, or give them another try."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from aws.clients import make_client
from etl.environment import enter
from etl.redrive import DeadLetter, list_dead_letters, redrive

_HEADINGS = ("failed (UTC)", "tries", "object", "message", "cause")


def add_command(commands: Any) -> None:
    """Add `redrive` to the subcommands of `python -m etl`."""
    parser = commands.add_parser(
        "redrive",
        help="list the processor's dead letters, or send them again",
        description="Without options, or with --list: the messages that the processor gave up. "
        "Mend what was wrong, then send them again.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="only list them (the default)")
    what.add_argument("--all", action="store_true", help="send all of them again")
    what.add_argument(
        "--message-id", action="append", metavar="ID", help="send this one again; may be repeated"
    )
    parser.add_argument("--env", default=os.environ.get("ETL_ENV", "local"))
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    settings = enter(options.env, assume_role=False)
    sqs = make_client("sqs", settings.aws)
    is_sending = bool(options.all or options.message_id)
    if is_sending:
        letters = redrive(sqs, settings.processor, message_ids=options.message_id)
    else:
        letters = list_dead_letters(sqs, settings.processor)
    if options.json:
        name = "sent" if is_sending else "dead_letters"
        print(
            json.dumps({name: [each.to_dict() for each in letters]}, indent=1, ensure_ascii=False)
        )
    else:
        _show(letters, "sent again" if is_sending else "dead letters")


def _show(letters: Sequence[DeadLetter], title: str) -> None:
    if not letters:
        print(f"{title}: none")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in _HEADINGS:
        table.add_column(heading)
    for each in letters:
        when = each.failed_at.replace("T", " ").removesuffix("Z")
        key, tries = each.source_key or "?", str(each.receive_count)
        table.add_row(when, tries, key, each.message_id, each.cause.replace("\n", " "))
    # As wide as its rows, so that a pipe gets them whole.
    console = Console(width=1_000_000, highlight=False, markup=False)
    console.width = console.measure(table).maximum
    console.print(table)
    print(f"{title}: {len(letters)}")
