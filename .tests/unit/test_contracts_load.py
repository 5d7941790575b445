"""The contracts of this repository, as the model that everything else reads."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import vega_datasets  # type: ignore[import-untyped]  # it ships no types
import yaml
from support.contracts import (
    StubSettings,
    airports_contract,
    edited_contract,
    find_property,
    make_column,
    make_contract,
    orders_contract,
)

from etl.contracts import CONTRACTS_FOLDER, datasets_of, list_datasets, load_contract
from etl.contracts.document import API_VERSIONS
from etl.errors import ContractError
from etl.model import Check, Column, Contract, Field, Rule, Type
from etl.settings import list_environments, load_settings

Document = dict[str, Any]


def test_list_datasets_names_the_files() -> None:
    files = [path.name for path in CONTRACTS_FOLDER.iterdir()]
    assert [f"{dataset}.odcs.yaml" for dataset in list_datasets()] == sorted(files)


@pytest.mark.parametrize("environment", list_environments())
def test_datasets_of_each_environment_have_contracts(
    environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ETL_DATASETS", raising=False)
    settings = load_settings(environment)

    for dataset in datasets_of(settings):
        load_contract(dataset, settings=settings)


def test_environment_has_the_datasets_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_DATASETS", '["orders", "customers"]')
    settings = load_settings("dev")

    assert datasets_of(settings) == ["customers", "orders"]
    assert load_contract("orders", settings=settings).dataset == "orders"
    with pytest.raises(ContractError, match='dev has no dataset "airports"') as refused:
        load_contract("airports", settings=settings)
    assert refused.value.fix == "add it to datasets: in config/dev.yml"


def test_environment_that_names_an_unknown_dataset_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ETL_DATASETS", '["order"]')
    with pytest.raises(ContractError, match='no dataset "order", did you mean "orders"'):
        datasets_of(load_settings("dev"))


@pytest.mark.parametrize("dataset", list_datasets())
@pytest.mark.parametrize("environment", list_environments())
def test_contract_loads_with_the_settings_of_every_environment(
    dataset: str, environment: str
) -> None:
    settings = load_settings(environment)

    contract = load_contract(dataset, settings=settings)

    assert contract.places.raw.startswith(f"s3://{settings.buckets.raw}/raw/")
    assert contract.places.catalog_database == settings.glue.database


@pytest.mark.parametrize("dataset", list_datasets())
def test_contract_survives_json(dataset: str) -> None:
    contract = load_contract(dataset, settings=StubSettings())

    again = Contract.from_json(contract.to_json())

    assert again == contract
    assert again.fingerprint == contract.fingerprint


def test_places_of_different_datasets_are_apart() -> None:
    prefixes = [
        prefix
        for dataset in list_datasets()
        for places in [load_contract(dataset, settings=StubSettings()).places]
        for prefix in (places.raw, places.processed, places.quarantine)
    ]

    assert len(set(prefixes)) == len(prefixes)


def test_orders_columns_flatten_the_record() -> None:
    contract = orders_contract()

    assert {each.name: each.path for each in contract.columns if len(each.path) != 1} == {
        "customer_id": ("customer", "id"),
        "customer_name": ("customer", "name"),
        "customer_email": ("customer", "email"),
        "country": ("customer", "country"),
        "total_amount": (),
    }
    assert contract.primary_key == ("order_id",)
    assert contract.column("order_id").required
    assert contract.latest_by == "updated_at"
    assert contract.partition == "ingest_date"
    assert "ingest_date" not in [each.name for each in contract.columns]


def test_orders_types_are_those_of_the_contract() -> None:
    contract = orders_contract()

    assert contract.column("customer_id").type == Type(kind="integer", bits=64)
    assert contract.column("subtotal").type == Type(kind="decimal", precision=12, scale=2)
    assert contract.column("note").type == Type(kind="string", max_bytes=4000)
    assert contract.column("ordered_at").type == Type(kind="timestamp")
    assert contract.column("items").type.element == Type(
        kind="object",
        fields=(
            Field(name="sku", type=Type(kind="string", max_bytes=32), required=True),
            Field(name="quantity", type=Type(kind="integer", bits=32), required=True),
            Field(
                name="unit_price", type=Type(kind="decimal", precision=10, scale=2), required=True
            ),
        ),
    )


def test_orders_derived_column_is_compiled() -> None:
    assert orders_contract().column("total_amount").derive == [
        "+",
        [
            "-",
            ["col", "subtotal"],
            ["call", "coalesce", ["col", "discount"], ["lit", 0, "integer"]],
        ],
        ["col", "shipping"],
    ]


def test_orders_rules_and_checks_come_from_quality() -> None:
    contract = orders_contract()

    assert [each.name for each in contract.rules] == [
        "order_id_pattern",
        "country_pattern",
        "status_enum",
        "currency_pattern",
        "subtotal_minimum",
        "discount_within_subtotal",
        "shipping_minimum",
        "delivered_after_order",
        "no_future_order",
    ]
    assert all(each.description for each in contract.rules)
    assert contract.checks == (
        Check(name="order_id_unique", metric="duplicate_count", minimum=0, maximum=0),
        Check(name="row_count", metric="row_count", minimum=0),
        Check(
            name="updated_at_freshness",
            metric="freshness_hours",
            column="updated_at",
            maximum=48,
        ),
        Check(name="quarantined_percent", metric="quarantined_percent", maximum=20),
    )


def test_airports_columns_are_those_of_the_file() -> None:
    path = Path(vega_datasets.__file__).parent / "_data" / "airports.csv"
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    contract = airports_contract()

    assert [each.name for each in contract.columns] == reader.fieldnames
    assert contract.source.encoding == "text"
    assert contract.load_mode == "merge"
    for column in contract.columns:
        values = [row[column.name] for row in rows]
        if column.type.kind == "string":
            assert max(len(value.encode()) for value in values) <= column.type.max_bytes
        else:
            assert [repr(float(value)) for value in values] == values
        assert all(values) or not column.required


@pytest.mark.parametrize("version", API_VERSIONS)
def test_contract_of_each_known_version_loads(version: str, tmp_path: Path) -> None:
    contract = edited_contract(tmp_path, lambda document: document.update(apiVersion=version))

    assert contract == orders_contract()


def test_server_of_the_environment_goes_before_the_one_for_all(tmp_path: Path) -> None:
    def edit(document: Document) -> None:
        raw = next(each for each in document["servers"] if each["server"] == "raw")
        for environment in ("prod", "test"):
            location = f"s3://{environment}-bucket/raw/"
            document["servers"].append({**raw, "environment": environment, "location": location})

    contract = edited_contract(tmp_path, edit)

    assert contract.places.raw == "s3://test-bucket/raw/"
    assert contract.places.processed == "s3://test-processed/processed/sales/orders/"


@pytest.mark.parametrize(
    ("server", "kind", "format_", "location"),
    [
        (
            {"type": "s3", "location": "s3://b/in/", "format": "json", "delimiter": "new_line"},
            "file",
            "jsonl",
            "s3://b/in/",
        ),
        ({"type": "local", "path": "data/in.jsonl", "format": "jsonl"}, "file", "jsonl", None),
        ({"type": "api", "location": "https://x.example/o"}, "api", "json", None),
    ],
)
def test_source_is_read_from_its_server(
    server: Document, kind: str, format_: str, location: str | None, tmp_path: Path
) -> None:
    def edit(document: Document) -> None:
        options = [
            {"property": "sourceSystem", "value": "shop"},
            {"property": "cursorField", "value": "next"},
        ]
        document["servers"][0] = {"server": "source", "customProperties": options, **server}

    source = edited_contract(tmp_path, edit).source

    assert (source.kind, source.format, source.name) == (kind, format_, "shop")
    assert source.location == (location or server.get("path") or server["location"])
    assert source.options == {"cursor_field": "next"}


def test_physical_name_names_the_column_and_name_the_field(tmp_path: Path) -> None:
    def edit(document: Document) -> None:
        find_property(document, "note").update(name="customerNote", physicalName="note")

    assert edited_contract(tmp_path, edit).column("note").path == ("customerNote",)


def test_composite_key_stands_in_the_order_of_its_positions(tmp_path: Path) -> None:
    def edit(document: Document) -> None:
        find_property(document, "order_id").update(primaryKeyPosition=2)
        find_property(document, "order_date").update(primaryKey=True, primaryKeyPosition=1)
        document["schema"][0]["quality"] = []

    assert edited_contract(tmp_path, edit).primary_key == ("order_date", "order_id")


def test_derived_column_may_use_one_before_it(tmp_path: Path) -> None:
    def edit(document: Document) -> None:
        document["schema"][0]["properties"].append(
            {
                "name": "is_large",
                "logicalType": "boolean",
                "physicalType": "BOOLEAN",
                "transformLogic": "total_amount > 1000",
            }
        )

    column = edited_contract(tmp_path, edit).column("is_large")

    assert column.derive == [">", ["col", "total_amount"], ["lit", 1000, "integer"]]


@pytest.mark.parametrize(
    ("bound", "minimum", "maximum"),
    [
        ({"mustBe": 3}, 3, 3),
        ({"mustBeBetween": [1, 5]}, 1, 5),
        ({"mustBeGreaterThan": 2}, 3, None),
        ({"mustBeGreaterThan": 2.5}, 3, None),
        ({"mustBeLessThan": 2}, None, 1),
        ({"mustBeLessThan": 2.5}, None, 2),
        ({"mustBeGreaterOrEqualTo": 2}, 2, None),
        ({"mustBeLessOrEqualTo": 2}, None, 2),
    ],
)
def test_metric_bounds_become_inclusive(
    bound: Document, minimum: float | None, maximum: float | None, tmp_path: Path
) -> None:
    def edit(document: Document) -> None:
        quality = {"metric": "nullValues", "severity": "warning", **bound}
        find_property(document, "note")["quality"] = [quality]

    check = edited_contract(tmp_path, edit).checks[0]

    assert check == Check(
        name="note_null_count",
        metric="null_count",
        column="note",
        minimum=minimum,
        maximum=maximum,
        severity="warning",
    )


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"logicalTypeOptions": {"minLength": 2}}, "length(note) >= 2"),
        ({"logicalTypeOptions": {"maxLength": 9}}, "length(note) <= 9"),
        ({"logicalTypeOptions": {"pattern": "^a$"}}, "note matches ^a$"),
        ({"enum": [{"value": "it's"}, {"value": "b"}]}, "note in ('it''s', 'b')"),
        (
            {
                "quality": [
                    {"metric": "invalidValues", "mustBe": 0, "arguments": {"pattern": "^a$"}}
                ]
            },
            "note matches ^a$",
        ),
        (
            {
                "quality": [
                    {
                        "metric": "invalidValues",
                        "mustBe": 0,
                        "arguments": {"validValues": ["a"]},
                        "description": "Only a",
                    }
                ]
            },
            "Only a",
        ),
    ],
)
def test_row_rules_come_from_the_terms_of_the_standard(
    changes: Document, description: str, tmp_path: Path
) -> None:
    contract = edited_contract(
        tmp_path, lambda document: find_property(document, "note").update(changes)
    )

    assert description in [each.description for each in contract.rules if each.column == "note"]


@pytest.mark.parametrize(
    ("name", "options", "description"),
    [
        ("order_date", {"minimum": "2020-01-01"}, "order_date >= date '2020-01-01'"),
        ("subtotal", {"exclusiveMaximum": 0.1}, "subtotal < 0.1"),
        ("subtotal", {"exclusiveMinimum": -3}, "subtotal > -3"),
    ],
)
def test_bounds_of_a_column_become_row_rules(
    name: str, options: Document, description: str, tmp_path: Path
) -> None:
    contract = edited_contract(
        tmp_path, lambda document: find_property(document, name).update(logicalTypeOptions=options)
    )

    assert description in [each.description for each in contract.rules]


@pytest.mark.parametrize(
    ("value", "unit", "hours"), [(2, "d", 48), (90, "min", 1.5), (1.5, "hours", 1.5)]
)
def test_latency_is_measured_in_hours(
    value: float, unit: str, hours: float, tmp_path: Path
) -> None:
    def edit(document: Document) -> None:
        document["slaProperties"][0].update(value=value, unit=unit, element="ordered_at")

    checks = edited_contract(tmp_path, edit).checks

    assert (
        Check(
            name="ordered_at_freshness",
            metric="freshness_hours",
            column="ordered_at",
            maximum=hours,
        )
        in checks
    )


def test_changed_column_changes_the_fingerprint(tmp_path: Path) -> None:
    changed = edited_contract(
        tmp_path,
        lambda document: find_property(document, "note").update(physicalType="VARCHAR(4001)"),
    )

    assert changed.fingerprint != orders_contract().fingerprint


def test_contracts_are_read_alike_by_other_yaml_readers() -> None:
    for dataset in list_datasets():
        text = (CONTRACTS_FOLDER / f"{dataset}.odcs.yaml").read_text("utf-8")

        assert yaml.safe_load(text)["schema"][0]["name"] == dataset


def test_make_contract_gives_a_small_one() -> None:
    rule = Rule(name="positive", expression=[">", ["col", "n"], ["lit", 0, "integer"]])
    column: Column = make_column("n", Type(kind="integer"))

    contract = make_contract(column, rules=(rule,))

    assert Contract.from_json(contract.to_json()) == contract
