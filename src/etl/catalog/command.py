"""`python -m etl catalog`: what there is, as tables or as JSON."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table

from etl.catalog import open_catalog
from etl.catalog.overview import LayerOverview
from etl.catalog.versions import Version
from etl.report import human_bytes

_LAYER_HEADINGS = ("dataset", "layer", "run dates", "latest", "versions", "rows", "files", "size")
_VERSION_HEADINGS = ("run date", "created (UTC)", "run", "rows", "quarantined", "files", "size")


def run(options: argparse.Namespace) -> None:
    """Run the command with its options."""
    catalog = open_catalog(options.env)
    layers = catalog.overview(options.dataset)
    versions = catalog.versions(options.dataset) if options.dataset else []
    if options.json:
        print(as_json(layers, versions))
        return
    parts: list[RenderableType] = [_layer_table(layers)]
    parts += [f"{each.dataset} {each.layer}: {each.note}" for each in layers if each.note]
    if versions:
        parts += ["", _version_table(versions)]
    # As wide as its rows, so that a pipe gets them whole.
    console = Console(width=1_000_000, highlight=False)
    shown = Group(*parts)
    console.width = console.measure(shown).maximum
    console.print(shown)


def as_json(layers: Sequence[LayerOverview], versions: Sequence[Version]) -> str:
    """Both as one object; sizes in bytes."""
    content = {
        "layers": [dataclasses.asdict(each) for each in layers],
        "versions": [json.loads(each.to_json()) for each in versions],
    }
    return json.dumps(content, default=str, indent=2, ensure_ascii=False)


def _layer_table(layers: Iterable[LayerOverview]) -> Table:
    table = _table(_LAYER_HEADINGS, left=("dataset", "layer", "latest"))
    table.add_column("place")
    for each in layers:
        table.add_row(
            each.dataset,
            each.layer,
            _count(each.run_dates),
            str(each.latest or ""),
            _count(each.versions),
            _count(each.rows),
            _count(each.files),
            "" if each.bytes is None else human_bytes(each.bytes),
            each.place,
        )
    return table


def _version_table(versions: Sequence[Version]) -> Table:
    """The newest first."""
    table = _table(_VERSION_HEADINGS, left=("run date", "created (UTC)", "run"))
    for each in sorted(versions, key=lambda one: one.created_at, reverse=True):
        quarantined = each.layers.get("quarantine")
        table.add_row(
            str(each.run_date),
            f"{each.created_at:%Y-%m-%d %H:%M:%S}",
            each.run_id,
            _count(each.rows),
            _count(quarantined.rows if quarantined else None),
            _count(len(each.files)),
            human_bytes(each.bytes),
        )
    return table


def _table(headings: Sequence[str], *, left: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in left else "right")
    return table


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
