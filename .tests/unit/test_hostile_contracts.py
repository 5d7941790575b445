"""Contracts that hold what they should not: refused by name, and nothing of it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.contracts import (
    StubSettings,
    edited_contract,
    find_property,
    orders_contract,
    write_contract,
)

from etl.alerts import clean_cause
from etl.contracts import load_contract
from etl.errors import ContractError
from etl.warehouse import ledger
from etl.warehouse.ddl import create_table
from etl.warehouse.tables import warehouse_tables

CANARY = "canary7f3ac4b1"
NAMES = [
    'orders"; DROP TABLE orders; --',
    "orders'; DROP TABLE orders; --",
    "orders; DROP TABLE orders",
    "Orders",
    "orders\n",
    "órders",
    "orders\u0000",
    "a" * 128,
    "",
    "../orders",
    "`orders`",
    "user",
]


def refusal(folder: Path, edit: Any, **options: Any) -> str:
    with pytest.raises(ContractError) as caught:
        edited_contract(folder, edit, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "location",
    [
        f"https://etl:{CANARY}@shop.example.com/orders",
        f"https://shop.example.com/orders?api_key={CANARY}",
        f"https://shop.example.com/orders?a=1&X-Amz-Signature={CANARY}",
        f"https://shop.example.com/orders?access_token={CANARY}&b=2",
    ],
)
def test_credential_in_a_source_is_refused_and_not_shown(tmp_path: Path, location: str) -> None:
    write_contract(tmp_path, lambda document: None)
    settings = StubSettings(places={"shop_api_url": location})
    with pytest.raises(ContractError, match="contracts are no secrets") as caught:
        load_contract("orders", settings=settings, folder=tmp_path)
    assert CANARY not in str(caught.value)


def test_credential_among_parameters_is_refused_and_not_shown(tmp_path: Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        source = next(each for each in document["servers"] if each["server"] == "source")
        source["customProperties"].append({"property": "params", "value": {"token": CANARY}})

    message = refusal(tmp_path, edit)
    assert "the parameter token stands there" in message and CANARY not in message


@pytest.mark.parametrize("query", ["sort_key=day", "monkey=1", "page=1&tokens=2"])
def test_parameter_that_is_no_credential_may_stand_in_a_location(
    tmp_path: Path, query: str
) -> None:
    write_contract(tmp_path, lambda document: None)
    places = {"shop_api_url": f"https://shop.example.com/orders?{query}"}
    assert load_contract("orders", settings=StubSettings(places=places), folder=tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_name_that_is_no_identifier_is_refused(tmp_path: Path, name: str) -> None:
    def rename_column(document: dict[str, Any]) -> None:
        find_property(document, "currency")["name"] = name

    def rename_table(document: dict[str, Any]) -> None:
        document["schema"][0]["physicalName"] = name

    def rename_schema(document: dict[str, Any]) -> None:
        warehouse = next(each for each in document["servers"] if each["server"] == "warehouse")
        warehouse["schema"] = name

    edits = [rename_column, rename_schema] + ([rename_table] if name else [])
    for edit in edits:
        assert "schema" in refusal(tmp_path, edit)


@pytest.mark.parametrize("name", ["../orders", "/etc/passwd", "orders\0", "orders/../orders", "*"])
def test_dataset_that_is_a_path_is_refused(name: str) -> None:
    with pytest.raises(ContractError, match="there is no dataset"):
        load_contract(name, settings=StubSettings())


@pytest.mark.parametrize(
    "prefix", ["s3://test-raw/a'; DROP/", "s3://test-raw/a\\/", 's3://test-raw/a"/', "s3://b'/a/"]
)
def test_place_that_ends_a_literal_is_refused_or_stays_in_it(tmp_path: Path, prefix: str) -> None:
    def edit(document: dict[str, Any]) -> None:
        processed = next(each for each in document["servers"] if each["server"] == "processed")
        processed["location"] = prefix

    assert "is not an S3 prefix" in refusal(tmp_path, edit)


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['true']", "!!python/name:os.system"]
)
def test_yaml_that_would_run_code_is_refused(tmp_path: Path, tag: str) -> None:
    write_contract(tmp_path, lambda document: None)
    path = tmp_path / "orders.odcs.yaml"
    path.write_text(path.read_text("utf-8") + f"\nx: {tag}\n", "utf-8")
    with pytest.raises(ContractError, match="is not YAML"):
        load_contract("orders", settings=StubSettings(), folder=tmp_path)


@pytest.mark.parametrize("text", ["x: &a [*a]", "x: &a {y: *a}", "x: " + "[" * 5_000])
def test_yaml_that_holds_itself_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "orders.odcs.yaml").write_text(text, "utf-8")
    with pytest.raises(ContractError, match="aliases must not hold themselves|nested too deeply"):
        load_contract("orders", settings=StubSettings(), folder=tmp_path)


@pytest.mark.timeout(60)  # it would take for ever
def test_yaml_that_unfolds_without_end_is_refused(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    write_contract(tmp_path, lambda document: None)
    path = tmp_path / "orders.odcs.yaml"
    text = "\n".join([path.read_text("utf-8"), *levels, "tags: *a9", ""])
    path.write_text(text, "utf-8")
    with pytest.raises(ContractError, match="aliases"):
        load_contract("orders", settings=StubSettings(), folder=tmp_path)


def test_texts_of_a_contract_stand_in_no_sql() -> None:
    contract = orders_contract(description="'; DROP TABLE orders; --", version="1.0.0")
    for table in warehouse_tables(contract):
        assert "DROP" not in create_table(table)
    assert "DROP" not in ledger.lock_sql(contract)


def test_cause_is_told_without_a_password_whatever_is_in_it() -> None:
    for password in ("hunter2", "hun/ter2", "hun@ter2", "hun:ter2@"):
        cause = clean_cause(f"cannot reach postgresql://etl:{password}@db:5432/shop at all")
        assert cause == "cannot reach postgresql://etl:…@db:5432/shop at all"
