"""Which files hold what is asked for: those that lie there, or those that a version names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from etl import keys
from etl.catalog.access import Access
from etl.catalog.archived import where_archived, with_archived
from etl.catalog.layers import (
    Dates,
    FileLayer,
    RunDates,
    has_manifest,
    layer_prefix,
    list_files,
    run_date_of,
)
from etl.catalog.stores import StoredFile
from etl.catalog.versions import choose_versions
from etl.errors import StorageError, UsageError
from etl.manifest import read_manifest
from etl.model import Contract

Files = dict[date, Sequence[StoredFile]]


@dataclass(frozen=True)
class Selection:
    """What of a layer is asked for.

    Attributes:
        run_id: As this run left it; None for as it is.
        as_of: As it was then.
    """

    dates: Dates
    run_id: str | None = None
    as_of: datetime | None = None

    @classmethod
    def of(cls, run_date: RunDates, run_id: str | None, as_of: datetime | None) -> Selection:
        """A selection, checked.

        Raises:
            UsageError: A text is no date, a range is empty, or a time has no zone.
        """
        if as_of is not None and as_of.tzinfo is None:
            raise UsageError(f"as_of {as_of} has no zone", fix="give one, e.g. tzinfo=datetime.UTC")
        return cls(Dates.of(run_date), run_id, as_of)

    @property
    def is_past(self) -> bool:
        """Whether a version is asked for."""
        return self.run_id is not None or self.as_of is not None

    def __str__(self) -> str:
        run = f" by run {self.run_id}" if self.run_id else ""
        time = f" by {self.as_of:%Y-%m-%d %H:%M:%S %Z}" if self.as_of else ""
        return f"{self.dates}{run}{time}"


def find_files(access: Access, contract: Contract, layer: FileLayer, selection: Selection) -> Files:
    """The files of each run date.

    Raises:
        StorageError: There are none, and no run that left none.
    """
    dates = selection.dates
    if selection.is_past:
        named = _of_versions(access, contract, layer, selection)
        if layer != "processed":
            return named
        return dict(where_archived(access, contract, dates, named))
    if layer == "raw" and has_manifest(contract):
        found = _of_manifests(access, contract, dates)
    else:
        store = access.store(layer_prefix(contract, layer))
        found = dict(list_files(store, contract, layer, dates))
        if layer == "processed":
            found = dict(with_archived(access, contract, dates, found))
    if not found and not access.list_versions(contract, dates):
        raise StorageError(
            f"{layer} {contract.dataset} holds nothing of {dates}", fix=_see(contract)
        )
    return found


def manifest_dates(access: Access, contract: Contract, dates: Dates) -> list[date]:
    """The run dates whose extraction is complete."""
    prefix = contract.places.raw
    names = [each.uri.removeprefix(prefix) for each in access.store(prefix).find(prefix)]
    manifests = [each for each in names if each.endswith(f"/{keys.MANIFEST_NAME}")]
    found = {run_date_of(contract, "raw", each) for each in manifests}
    return sorted(each for each in found if each and each in dates)


def _of_manifests(access: Access, contract: Contract, dates: Dates) -> Files:
    days = [dates.single] if dates.single else manifest_dates(access, contract, dates)
    return {
        day: [
            StoredFile(uri=each.uri, size=each.bytes)
            for each in read_manifest(access.s3, keys.manifest_uri(contract, day)).objects
        ]
        for day in days
    }


def _of_versions(
    access: Access, contract: Contract, layer: FileLayer, selection: Selection
) -> Files:
    names = access.list_versions(contract, selection.dates)
    chosen = choose_versions(names, run_id=selection.run_id, as_of=selection.as_of)
    if not chosen:
        raise UsageError(
            f"{contract.dataset} has no version of {selection}", fix=_see(contract, "versions")
        )
    versions = access.read_versions(contract, chosen)
    return {each.run_date: each.layers[layer].files for each in versions if layer in each.layers}


def _see(contract: Contract, what: str = "what there is") -> str:
    return f"`python -m etl catalog --dataset {contract.dataset}` lists {what}"
