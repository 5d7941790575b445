"""What a contract is to Athena: the Glue table, its partitions and the DDL, all from one place."""

from __future__ import annotations

import dataclasses
import re
from datetime import date

import pytest
from parquet_samples import sales_contract

from etl.athena_ddl import athena_type, partition_inputs, table_input
from etl.model import LINEAGE_COLUMNS, Column, Type
from etl.named_queries import load_query
from etl.queries import render

CONTRACT = sales_contract()
TYPES = {
    "sale_id": "string",
    "line": "int",
    "seller_id": "bigint",
    "status": "string",
    "subtotal": "decimal(12,2)",
    "discount": "decimal(12,2)",
    "weight": "double",
    "is_gift": "boolean",
    "sold_on": "date",
    "updated_at": "timestamp",
    "items": "array<struct<sku:string,quantity:int,gift_note:string>>",
}


def test_table_input_says_columns_partition_and_place() -> None:
    table = table_input(CONTRACT)
    storage = table["StorageDescriptor"]
    assert {column["Name"]: column["Type"] for column in storage["Columns"]} == TYPES
    assert storage["Columns"][-1]["Comment"] == "It's what was in the box"
    assert table["PartitionKeys"] == [{"Name": "ingest_date", "Type": "date"}]
    assert storage["Location"] == "s3://processed/processed/shop/sales/"
    assert table["Parameters"]["contract_version"] == "1.0.0"


def test_partition_input_is_the_tables_storage_at_the_run_dates_prefix() -> None:
    [partition] = partition_inputs(CONTRACT, date(2026, 1, 1), [])
    table_storage = table_input(CONTRACT)["StorageDescriptor"]
    location = "s3://processed/processed/shop/sales/ingest_date=2026-01-01/"
    assert partition["Values"] == ["2026-01-01"]
    assert partition["StorageDescriptor"] == table_storage | {"Location": location}


def test_create_table_sql_is_the_glue_table_as_ddl() -> None:
    ddl = render(load_query("create_table"), CONTRACT)
    table = table_input(CONTRACT)
    columns = re.findall(r"^  `(\w+)` (\S+?),?(?: COMMENT .*)?$", ddl, re.MULTILINE)
    assert dict(columns) == TYPES
    assert "CREATE EXTERNAL TABLE IF NOT EXISTS `etl_test`.`sales` (" in ddl
    assert "COMMENT 'It\\'s what was in the box'\n)" in ddl
    assert "PARTITIONED BY (`ingest_date` date)" in ddl
    assert f"LOCATION '{table['StorageDescriptor']['Location']}'" in ddl
    for key, value in table["Parameters"].items():
        assert key == "EXTERNAL" or f"'{key}' = '{value}'" in ddl


def test_partition_columns_and_lineage_stand_where_athena_wants_them() -> None:
    columns = (*CONTRACT.columns, *LINEAGE_COLUMNS.values())
    contract = sales_contract(columns=columns, partition_columns=("status", "line"))
    ddl = render(load_query("create_table"), contract)
    assert "PARTITIONED BY (`ingest_date` date, `status` string, `line` int)" in ddl
    assert "`_source_file` string COMMENT" in ddl and "`_ingested_at` timestamp COMMENT" in ddl
    names = [each["Name"] for each in table_input(contract)["StorageDescriptor"]["Columns"]]
    assert "status" not in names and names[-1] == "_contract_version"
    assert re.findall(r"^  `(\w+)`", ddl, re.MULTILINE) == names


def test_athena_artefacts_follow_a_changed_column() -> None:
    changed = dataclasses.replace(CONTRACT.columns[1], type=Type(kind="integer", bits=64))
    contract = sales_contract(columns=(CONTRACT.columns[0], changed, *CONTRACT.columns[2:]))
    assert table_input(contract)["StorageDescriptor"]["Columns"][1]["Type"] == "bigint"
    assert "`line` bigint" in render(load_query("create_table"), contract)


def test_table_input_long_comment_is_cut_to_what_glue_takes() -> None:
    column = Column(name="a", type=Type(kind="string"), description="å" * 200 + "\n b")
    [found] = table_input(sales_contract(columns=(column,)))["StorageDescriptor"]["Columns"]
    assert found["Comment"] == "å" * 127


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Type(kind="array", element=Type(kind="integer", bits=32)), "array<int>"),
        (
            Type(kind="array", element=Type(kind="decimal", precision=5, scale=1)),
            "array<decimal(5,1)>",
        ),
    ],
)
def test_athena_type_of_arrays_names_their_element(kind: Type, expected: str) -> None:
    assert athena_type(kind) == expected
