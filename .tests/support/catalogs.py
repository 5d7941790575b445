"""Catalogues over contracts made for a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.contracts import write_contract

from etl.catalog.catalog import Catalog
from etl.settings import load_settings

SETTINGS = load_settings("local").without_role()
BUCKETS = SETTINGS.buckets.names.values()


def edited_catalog(folder: Path, edit: Callable[[dict[str, Any]], None] | None = None) -> Catalog:
    """A catalogue whose only dataset is an edited copy of airports."""
    write_contract(folder, edit or (lambda document: None), dataset="airports")
    return Catalog(SETTINGS, contracts=folder)


def in_folders(place: Path, *layers: str) -> Callable[[dict[str, Any]], None]:
    """An edit that puts layers into folders below `place`."""

    def edit(document: dict[str, Any]) -> None:
        for server in document["servers"]:
            if server["server"] in layers:
                server.pop("location")
                server |= {"type": "local", "path": str(place / server["server"])}

    return edit


def partitioned_by(*columns: str) -> Callable[[dict[str, Any]], None]:
    """An edit that partitions processed by columns; the dataset has no warehouse then."""

    def edit(document: dict[str, Any]) -> None:
        document["servers"] = [s for s in document["servers"] if s["server"] != "warehouse"]
        table = document["schema"][0]
        kept = [each for each in table["customProperties"] if each["property"] != "loadMode"]
        property = {"property": "partitionColumns", "value": list(columns)}
        table["customProperties"] = [*kept, property]
        for each in table["properties"]:
            if each["name"] in columns:
                each |= {"required": True, "physicalType": "VARCHAR(100)"}

    return edit
