"""Contracts for tests: the real ones, edited copies of them, and small ones made directly."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from etl.contracts import CONTRACTS_FOLDER, load_contract
from etl.model import Column, Contract, Places, Source, Type

Edit = Callable[[dict[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class StubSettings:
    """What `load_contract` needs of the settings."""

    environment: str = "test"
    datasets: tuple[str, ...] | None = None
    places: dict[str, str] = dataclasses.field(default_factory=dict)

    def places_for_contracts(self) -> dict[str, str]:
        """Buckets named after their layer, and places that lead nowhere."""
        return {
            "raw_bucket": "test-raw",
            "processed_bucket": "test-processed",
            "quarantine_bucket": "test-quarantine",
            "artifacts_bucket": "test-artifacts",
            "warehouse_database": "etl",
            "warehouse_schema": "public",
            "catalog_database": "etl_test",
            "shop_api_url": "http://127.0.0.1:9",
            "shop_api_secret": "etl-test/shop-api",
            "shop_database_url": "sqlite:////nowhere/shop.sqlite",
            "shop_database_secret": "",
            "airports_csv": "s3://test-raw/landing/airports.csv",
            "app_logs_prefix": "s3://test-raw/landing/app-logs/",
            "price_list_prefix": "s3://test-raw/landing/price_list/",
            **self.places,
        }


def orders_contract(**changes: Any) -> Contract:
    """The orders contract of this repository, with some of the Contract's fields replaced."""
    contract = load_contract("orders", settings=StubSettings())
    return dataclasses.replace(contract, **changes)


def airports_contract(**changes: Any) -> Contract:
    """The airports contract of this repository, with some of the Contract's fields replaced."""
    contract = load_contract("airports", settings=StubSettings())
    return dataclasses.replace(contract, **changes)


def write_contract(folder: Path, edit: Edit, *, dataset: str = "orders") -> Path:
    """Write an edited copy of a contract's file to `folder`.

    Args:
        edit: Changes the YAML document in place.
    """
    path = CONTRACTS_FOLDER / f"{dataset}.odcs.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    edit(document)
    written = folder / path.name
    written.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")
    return written


def edited_contract(folder: Path, edit: Edit, *, dataset: str = "orders") -> Contract:
    """The contract that `write_contract` writes, loaded."""
    write_contract(folder, edit, dataset=dataset)
    return load_contract(dataset, settings=StubSettings(), folder=folder)


def find_property(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A top-level property of the document's table."""
    properties: list[dict[str, Any]] = document["schema"][0]["properties"]
    return next(each for each in properties if each["name"] == name)


def make_column(name: str, type_: Type, **changes: Any) -> Column:
    """A column that stands in the record under its own name."""
    return Column(**{"name": name, "type": type_, "path": (name,), **changes})


def make_contract(*columns: Column, **changes: Any) -> Contract:
    """A small contract: the columns given, the first one its key unless `primary_key` says else."""
    given = columns or (make_column("id", Type(kind="integer"), required=True),)
    fields: dict[str, Any] = {
        "dataset": "things",
        "version": "1.0.0",
        "domain": "tests",
        "columns": given,
        "primary_key": (given[0].name,),
        "latest_by": None,
        "partition": "ingest_date",
        "load_mode": "replace",
        "source": Source(kind="file", name="tests", location="things.jsonl", format="jsonl"),
        "places": Places(
            raw="s3://test-raw/raw/tests/things/",
            processed="s3://test-processed/processed/tests/things/",
            quarantine="s3://test-quarantine/quarantine/tests/things/",
            schema="public",
            table="things",
            catalog_database="etl_test",
            catalog_table="things",
        ),
    }
    return Contract(**{**fields, **changes})
