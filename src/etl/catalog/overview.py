"""What each layer of each dataset holds, by listings, manifests, records and the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date

from etl import keys
from etl.catalog.access import Access
from etl.catalog.layers import (
    Dates,
    FileLayer,
    Layer,
    has_manifest,
    layer_prefix,
    layers_of,
    list_files,
)
from etl.catalog.stores import StoredFile
from etl.catalog.versions import Version, choose_versions
from etl.catalog.warehouse import warehouse_figures
from etl.errors import StorageError, WarehouseError
from etl.manifest import read_manifest
from etl.model import Contract
from etl.warehouse.executor import Executor, open_executor


@dataclass(frozen=True, kw_only=True)
class LayerOverview:
    """One layer of one dataset.

    Attributes:
        place: Its prefix, its folder or its table.
        run_dates: How many it holds.
        versions: How many runs have left something there.
        rows: None if they are not known without reading them.
        files, bytes: None for the warehouse, which has none of its own.
        note: Why figures are missing.
    """

    dataset: str
    layer: Layer
    place: str
    run_dates: int
    latest: date | None
    versions: int
    rows: int | None
    files: int | None
    bytes: int | None
    note: str = ""


def overview(access: Access, contracts: Sequence[Contract]) -> list[LayerOverview]:
    """The datasets' layers; only records, manifests and the ledger are read."""
    executor = open_executor(access.settings, label="catalog overview")
    with closing(executor):
        return [each for one in contracts for each in _layers(access, executor, one)]


def _layers(access: Access, executor: Executor, contract: Contract) -> Iterator[LayerOverview]:
    names = access.list_versions(contract, Dates())
    latest = {
        each.run_date: each for each in access.read_versions(contract, choose_versions(names))
    }
    for layer in layers_of(contract):
        if layer == "warehouse":
            yield _warehouse(access, executor, contract)
        else:
            yield _files(access, contract, layer, latest, versions=len(names))


def _files(
    access: Access,
    contract: Contract,
    layer: FileLayer,
    latest: Mapping[date, Version],
    *,
    versions: int,
) -> LayerOverview:
    prefix = layer_prefix(contract, layer)
    try:
        found = list_files(access.store(prefix), contract, layer, Dates())
        note = ""
    except StorageError as error:
        found, note = {}, error.message
    files: list[StoredFile] = [file for each in found.values() for file in each]
    rows = [_rows(access, contract, layer, day, latest.get(day)) for day in found]
    return LayerOverview(
        dataset=contract.dataset,
        layer=layer,
        place=prefix,
        run_dates=len(found),
        latest=max(found, default=None),
        versions=versions,
        rows=None if note else _sum(rows),
        files=len(files),
        bytes=sum(file.size for file in files),
        note=note,
    )


def _sum(rows: Sequence[int | None]) -> int | None:
    known = [each for each in rows if each is not None]
    return sum(known) if len(known) == len(rows) else None


def _rows(
    access: Access, contract: Contract, layer: FileLayer, day: date, version: Version | None
) -> int | None:
    if version and layer in version.layers and version.layers[layer].rows is not None:
        return version.layers[layer].rows
    if layer == "raw" and has_manifest(contract):
        try:
            return read_manifest(access.s3, keys.manifest_uri(contract, day)).rows
        except StorageError:  # a run that is under way, or was killed
            return None
    return None


def _warehouse(access: Access, executor: Executor, contract: Contract) -> LayerOverview:
    places, database = contract.places, access.settings.warehouse.database
    rows, run_dates, latest, note = None, 0, None, ""
    try:
        found = warehouse_figures(executor, contract)
        rows, run_dates, latest = found.rows, found.run_dates, found.latest
    except WarehouseError as error:
        note = error.message.partition("\n")[0]
    return LayerOverview(
        dataset=contract.dataset,
        layer="warehouse",
        place=f"{database}.{places.schema}.{places.table}",
        run_dates=run_dates,
        latest=latest,
        versions=run_dates,
        rows=rows,
        files=None,
        bytes=None,
        note=note,
    )
