"""A small contract with every type, for the tests of the warehouse."""

from __future__ import annotations

import dataclasses
from typing import Any

from etl.model import Column, Contract, Field, Places, Source, Type

ARRAY = Type(
    kind="array",
    element=Type(
        kind="object",
        fields=(
            Field(name="sku", type=Type(kind="string", max_bytes=32), required=True),
            Field(name="quantity", type=Type(kind="integer", bits=32), required=True),
        ),
    ),
)

COLUMNS = (
    Column(name="id", type=Type(kind="string", max_bytes=32), path=("id",), required=True),
    Column(name="small", type=Type(kind="integer", bits=32), path=("small",)),
    Column(name="big", type=Type(kind="integer"), path=("big",)),
    Column(name="price", type=Type(kind="decimal", precision=12, scale=2), path=("price",)),
    Column(name="weight", type=Type(kind="double"), path=("weight",)),
    Column(name="gift", type=Type(kind="boolean"), path=("gift",)),
    Column(name="day", type=Type(kind="date"), path=("day",)),
    Column(name="updated_at", type=Type(kind="timestamp"), path=("updated_at",)),
    Column(name="note", type=Type(kind="string", max_bytes=400), path=("note",)),
    Column(name="items", type=ARRAY, path=("items",)),
)


def make_contract(**changes: Any) -> Contract:
    """The sample contract, with some of its fields changed."""
    contract = Contract(
        dataset="things",
        version="1.0.0",
        domain="sales",
        columns=COLUMNS,
        primary_key=("id",),
        latest_by="updated_at",
        partition="ingest_date",
        load_mode="replace",
        source=Source(kind="file", name="shop", location="things.jsonl", format="jsonl"),
        places=Places(
            raw="s3://raw/raw/shop/things/",
            processed="s3://processed/processed/sales/things/",
            quarantine="s3://quarantine/quarantine/sales/things/",
            schema="sales",
            table="things",
            catalog_database="etl",
            catalog_table="things",
        ),
    )
    return dataclasses.replace(contract, **changes)


def change_column(contract: Contract, name: str, **changes: Any) -> Contract:
    """The contract with one column changed; `type` takes a Type."""
    columns = tuple(
        dataclasses.replace(column, **changes) if column.name == name else column
        for column in contract.columns
    )
    return dataclasses.replace(contract, columns=columns)
