"""Datasets' places as assets: keys that Prefect takes, and that tell no secret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.contracts import airports_contract, orders_contract

from etl.lineage import processed_made, raw_made, source_key, warehouse_made
from etl.settings import load_settings

SETTINGS = load_settings("prod")


def test_assets_of_a_dataset_are_its_layers_whatever_the_date() -> None:
    contract = orders_contract()
    raw, processed = raw_made(contract, SETTINGS), processed_made(contract, SETTINGS)
    warehouse = warehouse_made(contract, SETTINGS)
    assert raw.asset.key == "s3://test-raw/raw/shop/orders"
    assert [each.key for each in raw.sources] == ["http://127.0.0.1:9/orders"]
    assert processed.asset.key == "s3://test-processed/processed/sales/orders"
    assert processed.made_by == "glue"
    workgroup = SETTINGS.warehouse.workgroup_name
    assert warehouse.asset.key == f"redshift://{workgroup}/etl/public/orders"
    assert warehouse.made_by == "redshift"


@pytest.mark.parametrize(
    ("kind", "location", "options", "key"),
    [
        (
            "api",
            "https://api.example.com/v1/orders?token=x",
            {},
            "https://api.example.com/v1/orders",
        ),
        (
            "sql",
            "postgresql+psycopg2://me:pass@db:5432/shop",
            {"table": "sales.customers"},
            "postgresql://db:5432/shop/sales.customers",
        ),
        ("sql", "sqlite:////data/shop.sqlite", {"table": "t"}, "sqlite:////data/shop.sqlite/t"),
        ("file", "s3://b/landing/{run_date}/*.csv", {}, "s3://b/landing"),
        ("file", "/data/in coming/", {}, "file:///data/in_coming"),
        ("stream", "", {}, "stream://shop/orders"),
    ],
)
def test_source_key_holds_no_credentials_query_or_date(
    kind: Any, location: str, options: dict[str, Any], key: str
) -> None:
    contract = orders_contract()
    source = replace(contract.source, kind=kind, location=location, options=options)
    assert source_key(replace(contract, source=source)) == key


def test_source_key_of_a_file_on_s3_is_its_uri() -> None:
    assert source_key(airports_contract()) == "s3://test-raw/landing/airports.csv"
