"""A proposal as a person reads it."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from etl.contracts.physical_types import spell_physical_type
from etl.proposing.columns import ProposedColumn
from etl.proposing.keys import is_identifier
from etl.proposing.proposal import Proposal
from etl.received import shorten

_SHOWN = 20
_HEADINGS = ("column", "type", "nulls", "distinct", "min", "max", "proposal")


def show(proposal: Proposal) -> str:
    """The table of columns, what becomes of the sample, and what to heed."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in _HEADINGS:
        table.add_column(heading, justify="right" if heading in ("nulls", "distinct") else "left")
    for each in proposal.columns:
        table.add_row(*map(Text, _row(each, proposal.key)))
    # As wide as its rows, so that a pipe gets them whole.
    console = Console(width=1_000_000)
    console.width = console.measure(table).maximum
    with console.capture() as captured:
        console.print(table)
    rows = [each.rstrip() for each in captured.get().splitlines()]
    return "\n".join([*rows, "", *_verdict(proposal)])


def _row(column: ProposedColumn, key: tuple[str, ...]) -> tuple[str, ...]:
    low, high = (_short(each) for each in column.bounds)
    return (
        column.name,
        spell_physical_type(column.type),
        f"{column.nulls:,}",
        f"{len(column.distinct):,}",
        low,
        high,
        ", ".join(_words(column, key)),
    )


def _short(value: Any) -> str:
    text = "" if value is None else " ".join(str(value).split())
    return shorten(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")


def _words(column: ProposedColumn, key: tuple[str, ...]) -> list[str]:
    words = ["key"] if column.name in key else [] if column.nulls else ["required"]
    options = column.rules.get("logicalTypeOptions", {})
    if "minimum" in options:
        words.append(f"from {options['minimum']}" + _to(options))
    words += [f"written {column.type.format}"] if column.type.format else []
    words += [f"{' '.join(column.chosen.null_words)} is NULL"] if column.chosen.null_words else []
    words += [f"matches {options['pattern']}"] if "pattern" in options else []
    if choices := column.rules.get("enum"):
        words.append("one of " + " ".join(_short(each["value"]) for each in choices))
    if ".".join(column.path) != column.name:
        words.append(f'received as "{_short(".".join(column.path))}"')
    return words


def _to(options: dict[str, Any]) -> str:
    return f" to {options['maximum']}" if "maximum" in options else ""


def _verdict(proposal: Proposal) -> list[str]:
    trial = proposal.trial
    total = trial.good + trial.copies + trial.rejected
    lines = [f"of {total:,} rows {trial.good:,} would be loaded, by key {', '.join(proposal.key)}"]
    if not any(map(is_identifier, proposal.key)):
        lines.append("  the key is a guess, of columns that differ here: KEY=col,col names another")
    if trial.copies:
        lines.append(f"  {trial.copies:,} have the key of another row, and one of them stays")
    if trial.rejected:
        lines.append(f"  {trial.rejected:,} would go to quarantine:")
        lines += [f"    {each}" for each in trial.reasons]
    return [*lines, *(f"  note: {each}" for each in proposal.notes)]
