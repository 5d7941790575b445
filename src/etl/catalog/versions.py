"""Versions of a dataset: every run leaves a record of the files that it ended with.

A record is one JSON object, s3://<artifacts>/versions/<dataset>/<run date>/<created>-<run id>.json,
or beside the data where they lie in a folder. Names sort by time.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

from etl.catalog.layers import (
    FILE_LAYERS,
    Dates,
    FileLayer,
    layer_prefix,
    list_files,
)
from etl.catalog.stores import Store, StoredFile
from etl.errors import StorageError
from etl.model import Contract

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})/(\d{8}T\d{6}\.\d{6})Z-([0-9A-Za-z_-]+)\.json")
_TIME = "%Y%m%dT%H%M%S.%f"
_READERS = 16

StoreOf = Callable[[str], Store]


@dataclass(frozen=True, kw_only=True)
class LayerVersion:
    """What a run left in one layer; `rows` is None where nobody counted them."""

    rows: int | None
    files: tuple[StoredFile, ...]

    @property
    def bytes(self) -> int:
        """The files' size."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, kw_only=True)
class Version:
    """What a dataset's run date was after a run.

    Attributes:
        created_at: When the run published it.
        layers: By name: raw, processed and quarantine, as far as the dataset has them.
    """

    dataset: str
    run_date: date
    run_id: str
    created_at: datetime
    contract_version: str
    layers: Mapping[str, LayerVersion]

    @property
    def main(self) -> LayerVersion:
        """The layer that the dataset is for: processed, or raw where it ends there."""
        return self.layers.get("processed") or self.layers["raw"]

    @property
    def rows(self) -> int | None:
        """Rows in the main layer."""
        return self.main.rows

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """The main layer's files."""
        return self.main.files

    @property
    def bytes(self) -> int:
        """The main layer's size."""
        return self.main.bytes

    def to_json(self) -> str:
        """The record."""
        content = dataclasses.asdict(self) | {
            "run_date": self.run_date.isoformat(),
            "created_at": self.created_at.isoformat(),
        }
        return json.dumps(content, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Version:
        """The version that `to_json` wrote."""
        content = json.loads(text)
        layers = {
            name: LayerVersion(
                rows=layer["rows"], files=tuple(StoredFile(**each) for each in layer["files"])
            )
            for name, layer in content["layers"].items()
        }
        return cls(
            **content
            | {
                "run_date": date.fromisoformat(content["run_date"]),
                "created_at": datetime.fromisoformat(content["created_at"]),
                "layers": layers,
            }
        )


@dataclass(frozen=True)
class VersionName:
    """A version by its record's name, which needs no reading."""

    file: StoredFile
    run_date: date
    created_at: datetime
    run_id: str


def versions_prefix(contract: Contract, artifacts_bucket: str) -> str:
    """Where the dataset's records lie."""
    last = contract.places.processed or contract.places.raw
    if last.startswith("s3://"):
        return f"s3://{artifacts_bucket}/versions/{contract.dataset}/"
    return f"{last}_versions/"


def write_version(
    store_of: StoreOf,
    contract: Contract,
    *,
    run_date: date,
    run_id: str,
    artifacts_bucket: str,
    rows: Mapping[str, int],
) -> Version:
    """Record what lies in the layers for a run date.

    Args:
        rows: How many rows each layer holds.
    """
    found: dict[str, LayerVersion] = {
        layer: LayerVersion(rows=rows.get(layer), files=_files(store_of, contract, layer, run_date))
        for layer in FILE_LAYERS
        if layer_prefix(contract, layer)
    }
    version = Version(
        dataset=contract.dataset,
        run_date=run_date,
        run_id=run_id,
        created_at=datetime.now(UTC),
        contract_version=contract.version,
        layers=found,
    )
    prefix = versions_prefix(contract, artifacts_bucket)
    name = f"{run_date}/{version.created_at.strftime(_TIME)}Z-{run_id}.json"
    store_of(prefix).write(prefix + name, pa.py_buffer(version.to_json().encode()))
    return version


def _files(
    store_of: StoreOf, contract: Contract, layer: FileLayer, run_date: date
) -> tuple[StoredFile, ...]:
    store = store_of(layer_prefix(contract, layer))
    dates = Dates(run_date, run_date)
    found = list_files(store, contract, layer, dates, with_versions=True)
    return tuple(found.get(run_date, ()))


def list_versions(store: Store, prefix: str, dates: Dates) -> list[VersionName]:
    """The versions' names, of each run date the newest last; nothing is read."""
    day = dates.single
    found = []
    for file in store.find(f"{prefix}{day}/" if day else prefix):
        match = _NAME.fullmatch(file.uri.removeprefix(prefix))
        if match and (run_date := date.fromisoformat(match[1])) in dates:
            created_at = datetime.strptime(match[2], _TIME).replace(tzinfo=UTC)
            found.append(VersionName(file, run_date, created_at, match[3]))
    return found


def read_versions(store: Store, names: Iterable[VersionName]) -> list[Version]:
    """The records, in the order of their names."""
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(lambda name: _read(store, name.file), names))


def _read(store: Store, file: StoredFile) -> Version:
    with store.open(file) as content:
        text = content.read()
    try:
        return Version.from_json(text.decode())
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{file.uri} is no record of a version: {error!r}", fix="remove it"
        ) from error


def choose_versions(
    names: Iterable[VersionName], *, run_id: str | None = None, as_of: datetime | None = None
) -> list[VersionName]:
    """Of each run date the newest version: of that run, and by that time, if they are given."""
    chosen: dict[date, VersionName] = {}
    for name in names:
        is_wanted = (run_id is None or name.run_id == run_id) and (
            as_of is None or name.created_at <= as_of
        )
        if is_wanted:
            chosen[name.run_date] = name
    return list(chosen.values())
