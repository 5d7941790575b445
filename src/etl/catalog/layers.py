"""A dataset's layers, and which of their files belong to which run date."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, get_args

from etl import keys
from etl.catalog.stores import Store, StoredFile
from etl.errors import UsageError
from etl.model import Contract
from etl.root import ROOT

Layer = Literal["raw", "processed", "quarantine", "warehouse"]
FileLayer = Literal["raw", "processed", "quarantine"]
RunDates = date | str | tuple[date | str, date | str] | None

FILE_LAYERS: tuple[FileLayer, ...] = get_args(FileLayer)
# A date's digits wherever they may begin: "month=2026-01/date=2026-01-31/" holds two readings.
_DATE = re.compile(r"(?=(\d{4})\D+(\d{2})\D+(\d{2}))")


@dataclass(frozen=True)
class Dates:
    """Run dates, both ends included; None leaves an end open."""

    first: date | None = None
    last: date | None = None

    @classmethod
    def of(cls, given: RunDates) -> Dates:
        """One run date, the first and the last of several, or None for all.

        Raises:
            UsageError: A text is no date, or the range ends before it begins.
        """
        if given is None:
            return cls()
        first, last = given if isinstance(given, tuple) else (given, given)
        dates = cls(_date(first), _date(last))
        if dates.first and dates.last and dates.first > dates.last:
            raise UsageError(
                f"no run date lies from {first} to {last}", fix="give the earlier date first"
            )
        return dates

    @property
    def single(self) -> date | None:
        """The date, if there is just one."""
        return self.first if self.first == self.last else None

    def __contains__(self, day: date) -> bool:
        return (self.first or day) <= day <= (self.last or day)

    def __str__(self) -> str:
        if self.first is None and self.last is None:
            return "any run date"
        return str(self.single or f"{self.first} to {self.last}")


def _date(given: date | str) -> date:
    if not isinstance(given, str):
        return given
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise UsageError(f'"{given}" is not a date', fix="write 2026-01-31") from None


def layers_of(contract: Contract) -> tuple[Layer, ...]:
    """The layers that the dataset has, in the order that data takes through them."""
    found: list[Layer] = [each for each in FILE_LAYERS if getattr(contract.places, each)]
    return (*found, "warehouse") if contract.is_loaded else tuple(found)


def check_layer(contract: Contract, layer: str) -> None:
    """Refuse a layer that the dataset does not have.

    Raises:
        UsageError: The message lists those that it has.
    """
    known = layers_of(contract)
    if layer not in known:
        raise UsageError(
            f'{contract.dataset} has no layer "{layer}"', fix=f"choose one of {', '.join(known)}"
        )


def layer_prefix(contract: Contract, layer: FileLayer) -> str:
    """Where the layer lies."""
    return str(getattr(contract.places, layer))


def date_prefix(contract: Contract, layer: FileLayer, run_date: date) -> str:
    """Where a run date of the layer lies."""
    if layer == "raw":
        return keys.raw_prefix(contract, run_date)
    return contract.partition_uri(layer_prefix(contract, layer), run_date)


def list_files(
    store: Store,
    contract: Contract,
    layer: FileLayer,
    dates: Dates,
    *,
    with_versions: bool = False,
) -> dict[date, list[StoredFile]]:
    """The layer's data files of each run date that has some, as they lie there."""
    day = dates.single
    prefix = date_prefix(contract, layer, day) if day else layer_prefix(contract, layer)
    found: dict[date, list[StoredFile]] = {}
    for file in store.find(prefix, with_versions=with_versions):
        relative = file.uri.removeprefix(prefix)
        # Names that begin so are manifests, markers and unfinished files.
        if any(part.startswith(("_", ".")) for part in relative.split("/")):
            continue
        run_date = day or run_date_of(contract, layer, relative)
        if run_date is not None and run_date in dates:
            found.setdefault(run_date, []).append(file)
    return dict(sorted(found.items()))


def run_date_of(contract: Contract, layer: FileLayer, relative: str) -> date | None:
    """The run date that a file below the layer's prefix belongs to; None if to none."""
    prefix = layer_prefix(contract, layer)
    for match in _DATE.finditer(relative):
        try:
            day = date(*map(int, match.groups()))
        except ValueError:
            continue
        if relative.startswith(date_prefix(contract, layer, day)[len(prefix) :]):
            return day
    return None


def with_absolute_folders(contract: Contract) -> Contract:
    """The contract with the folders among its places absolute: they start at the project's root."""
    folders = {
        layer: f"{(ROOT / prefix).resolve()}/"
        for layer in FILE_LAYERS
        if (prefix := layer_prefix(contract, layer)) and not prefix.startswith("s3://")
    }
    return replace(contract, places=replace(contract.places, **folders))


def has_manifest(contract: Contract) -> bool:
    """Whether raw objects are named by manifests: in folders, what lies there counts."""
    return contract.places.raw.startswith("s3://")
