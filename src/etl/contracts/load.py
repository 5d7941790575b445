"""Loads a dataset's contract for one environment."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject

from etl.contracts.custom import CustomProperties, unknown_columns
from etl.contracts.document import read_document
from etl.contracts.keys import check_key_types, read_primary_key
from etl.contracts.names import name_fault
from etl.contracts.places import Servers
from etl.contracts.problems import Problems, did_you_mean
from etl.contracts.properties import (
    check_normal_names,
    find_partition,
    flatten_properties,
    read_columns,
)
from etl.contracts.quality import QualityReader
from etl.errors import ContractError
from etl.model import Contract

_ROOT = Path(__file__).resolve().parents[3]
CONTRACTS_FOLDER = _ROOT / "config" / "contracts"
_SUFFIX = ".odcs.yaml"


class ContractSettings(Protocol):
    """What a contract needs of the settings."""

    @property
    def environment(self) -> str:
        """The environment's name; a server for it goes before one for all."""

    @property
    def datasets(self) -> Collection[str] | None:
        """Those that the environment has; None for all."""

    def places_for_contracts(self) -> dict[str, str]:
        """What `${name}` in a server stands for."""


def list_datasets(folder: Path = CONTRACTS_FOLDER) -> list[str]:
    """The datasets that have a contract, sorted."""
    return sorted(each.name.removesuffix(_SUFFIX) for each in folder.glob(f"*{_SUFFIX}"))


def datasets_of(settings: ContractSettings, *, folder: Path = CONTRACTS_FOLDER) -> list[str]:
    """The datasets that an environment has, sorted.

    Raises:
        ContractError: The settings name one that has no contract.
    """
    if settings.datasets is None:
        return list_datasets(folder)
    for dataset in settings.datasets:
        find_contract(dataset, folder=folder)
    return sorted(set(settings.datasets))


def find_contract(dataset: str, *, folder: Path = CONTRACTS_FOLDER) -> Path:
    """The file of a dataset's contract.

    Raises:
        ContractError: There is no such dataset.
    """
    known = list_datasets(folder)
    if dataset not in known:
        raise ContractError(
            f'there is no dataset "{dataset}"{did_you_mean(dataset, known)}',
            fix=f"choose one of {', '.join(known) or 'none'}, or write "
            f"config/contracts/<dataset>{_SUFFIX}",
        )
    return folder / f"{dataset}{_SUFFIX}"


def load_contract(
    dataset: str, *, settings: ContractSettings, folder: Path = CONTRACTS_FOLDER
) -> Contract:
    """The contract of a dataset, checked, with its places in the settings' environment.

    Raises:
        ContractError: There is no such dataset, the environment has not got it, or its file has
            problems; the message lists all.
    """
    path = find_contract(dataset, folder=folder)
    if settings.datasets is not None and dataset not in settings.datasets:
        environment = settings.environment
        raise ContractError(
            f'{environment} has no dataset "{dataset}"{did_you_mean(dataset, settings.datasets)}',
            fix=f"add it to datasets: in config/{environment}.yml",
        )
    shown = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path
    problems = Problems(str(shown))
    document = read_document(path, problems)
    table = _the_table(document, dataset, problems)
    contract = _read(document, table, dataset, settings, problems)
    problems.raise_if_any()
    return contract


def _the_table(
    document: OpenDataContractStandard, dataset: str, problems: Problems
) -> SchemaObject:
    tables = document.schema_ or []
    if len(tables) != 1:
        problems.add(
            "schema",
            f"there are {len(tables)} tables, a contract describes one dataset",
            fix="write one file per table",
        )
        problems.raise_if_any()
    (table,) = tables
    if table.name != dataset:
        problems.add(
            "schema[0].name",
            f'"{table.name}" is not the dataset, which the file\'s name says is "{dataset}"',
            fix=f"write name: {dataset}; physicalName may name the table otherwise",
        )
    fault = name_fault(table.physicalName or dataset)
    if fault:
        problems.add("schema[0].physicalName", fault, fix="use another name")
    return table


def _read(
    document: OpenDataContractStandard,
    table: SchemaObject,
    dataset: str,
    settings: ContractSettings,
    problems: Problems,
) -> Contract:
    where = "schema[0]"
    servers = Servers(
        document.servers or [],
        environment=settings.environment,
        places=settings.places_for_contracts(),
        problems=problems,
    )
    source = servers.read_source()
    found = flatten_properties(table, where, problems)
    partition = find_partition(found, where, problems)
    stored = [each for each in found if each is not partition]
    key = read_primary_key(stored, where, problems)
    columns = read_columns(stored, key=key, is_text=source.encoding == "text", problems=problems)
    check_key_types(key, columns, stored, problems)

    custom = CustomProperties(table.customProperties or [], where, problems)
    normalise_names = custom.read_normalise_names()
    if normalise_names:
        check_normal_names(stored, problems)

    quality = QualityReader({each.name: each.type for each in columns}, key, problems)
    for each in stored:
        quality.read_property(each)
    quality.read_table(table, where)
    quality.read_agreements(document.slaProperties or [], dataset)

    places = servers.read_places(table.physicalName or dataset)
    load_mode = custom.read_load_mode(is_loaded=bool(places.schema))
    unknown_fields = custom.read_unknown_fields(
        source_kind=source.kind, is_transformed=bool(places.processed)
    )
    return Contract(
        dataset=dataset,
        version=_version(document, problems),
        domain=_domain(document, problems),
        description=_purpose(document),
        columns=(
            *columns,
            *unknown_columns(unknown_fields, columns),
            *custom.read_lineage(),
        ),
        primary_key=key,
        latest_by=custom.read_latest_by(columns),
        partition=partition.column_name if partition else "",
        load_mode=load_mode,
        source=source,
        places=places,
        raw=servers.read_raw([each.path[0] for each in columns if each.path]),
        rules=tuple(quality.rules),
        checks=(*quality.checks, *custom.read_limit()),
        partition_columns=custom.read_partition_columns(
            columns, key, is_loaded=bool(places.schema)
        ),
        normalise_names=normalise_names,
        drop_empty=custom.read_drop_empty(),
        filter=custom.read_filter(columns),
        detect_deletes=custom.read_detect_deletes(load_mode=load_mode, source_kind=source.kind),
        unknown_fields=unknown_fields,
        drift_limit_percent=custom.read_drift_limit(),
    )


def _version(document: OpenDataContractStandard, problems: Problems) -> str:
    version = document.version or ""
    if version and not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,63}", version):
        problems.add("version", f'"{version}" is no version', fix="write for example 1.0.0")
    return version


def _domain(document: OpenDataContractStandard, problems: Problems) -> str:
    domain = document.domain or ""
    fault = name_fault(domain) if domain else "is missing"
    if fault:
        problems.add("domain", fault, fix="write for example domain: sales")
    return domain


def _purpose(document: OpenDataContractStandard) -> str:
    return " ".join((document.description and document.description.purpose or "").split())
