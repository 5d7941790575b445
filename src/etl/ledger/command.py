"""`python -m etl ledger`: where each run date's records went, and whether it adds up."""

from __future__ import annotations

import argparse
import json
import sys

from rich.console import Console, Group, RenderableType
from rich.table import Table

from aws.clients import make_client
from etl.catalog.layers import Dates
from etl.contracts import datasets_of, load_contract
from etl.environment import enter
from etl.errors import UsageError
from etl.ledger.account import Account, Counts
from etl.ledger.read import read_account
from etl.model import Contract
from etl.settings import Settings

_HEADINGS = {
    "extracted": "extracted",
    "rejected": "rejected",
    "filtered": "filtered",
    "deduplicated": "duplicates",
    "quarantined": "quarantined",
    "loaded": "loaded",
    "superseded": "superseded",
    "present": "in the table",
}


def run(options: argparse.Namespace) -> None:
    """Run the command with its options."""
    dates = _dates(options)
    settings = enter(options.env, assume_role=False)
    s3 = make_client("s3", settings.aws)
    accounts = [
        read_account(s3, each, settings=settings, dates=dates, hashed=options.hash)
        for each in _contracts(options.dataset, settings)
    ]
    if options.json:
        content = {"datasets": [each.to_dict() for each in accounts]}
        print(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        for account in accounts:
            _show(account)
    if any(each.all_differences for each in accounts):
        sys.exit(1)


def _dates(options: argparse.Namespace) -> Dates:
    if options.run_date and (options.first or options.last):
        raise UsageError("--run-date goes without --from and --to", fix="give one or the others")
    if options.first and options.last and options.first > options.last:
        raise UsageError(
            f"no run date lies from {options.first} to {options.last}",
            fix="give the earlier date first",
        )
    return Dates(options.run_date or options.first, options.run_date or options.last)


def _contracts(dataset: str | None, settings: Settings) -> list[Contract]:
    """Those that runs carry; a dataset that lies in folders is the catalogue's alone."""
    names = [dataset] if dataset else datasets_of(settings)
    found = [load_contract(name, settings=settings) for name in names]
    return [each for each in found if each.places.raw.startswith("s3://")]


def _show(account: Account) -> None:
    hashed = [f"hash of the table's content  {account.table_hash}"] if account.table_hash else []
    if not account.lines:
        print(f"{account.dataset}: no run date has been loaded", *hashed, sep="\n")
        return
    parts: list[RenderableType] = [_table(account), ""]
    parts += [f"{line.run_date}: {note}" for line in account.lines for note in line.notes]
    if account.all_differences:
        parts.append(f"{account.dataset} does NOT add up:")
        parts += [f"  - {each}" for each in account.all_differences]
    else:
        held = f"{account.place} holds {account.present:,} rows"
        parts.append(f"{account.dataset} adds up: {account.totals.rows.equation}; {held}")
    parts += hashed
    shown = Group(*parts, "")
    # As wide as its rows, so that a pipe gets them whole.
    console = Console(width=1_000_000, highlight=False, markup=False)
    console.width = console.measure(shown).maximum
    console.print(shown)


def _table(account: Account) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(account.dataset)
    for heading in _HEADINGS.values():
        table.add_column(heading, justify="right")
    for line in account.lines:
        table.add_row(str(line.run_date), *_cells(line.counts))
    table.add_row("all", *_cells(account.totals), style="bold")
    return table


def _cells(counts: Counts) -> list[str]:
    return [f"{getattr(counts, name):,}" for name in _HEADINGS]
