"""`python -m etl redrive`: list the processor's dead letters, or give them another try."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from aws.clients import make_client
from etl.environment import enter
from etl.redrive import DeadLetter, list_dead_letters, redrive

_HEADINGS = ("failed (UTC)", "tries", "object", "message", "cause")


def run(options: argparse.Namespace) -> None:
    """Run the command with its options."""
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
