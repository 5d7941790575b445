"""What a contract is to Athena: column types, the Glue table and its partitions, the DDL's parts.

Partitions are registered one by one, not projected: see docs/adr/0007-registered-partitions.md.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from etl.model import Column, Contract, Type

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import (
        ColumnTypeDef,
        PartitionInputTypeDef,
        StorageDescriptorTypeDef,
        TableInputTypeDef,
    )

_INPUT_FORMAT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
_OUTPUT_FORMAT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
_MAX_COMMENT_BYTES = 255  # Glue API reference, Column: Comment


def athena_type(kind: Type) -> str:
    """The Athena type of a contract's type, e.g. "decimal(12,2)"."""
    match kind.kind:
        case "integer":
            return "int" if kind.bits == 32 else "bigint"
        case "decimal":
            return f"decimal({kind.precision},{kind.scale})"
        case "array":
            assert kind.element is not None, "the contract's loader gives arrays an element"
            return f"array<{athena_type(kind.element)}>"
        case "object":
            fields = (f"{field.name}:{athena_type(field.type)}" for field in kind.fields)
            return f"struct<{','.join(fields)}>"
    return kind.kind


def table_input(contract: Contract) -> TableInputTypeDef:
    """The Glue table: columns in the contract's order, one partition key, Parquet."""
    return {
        "Name": contract.places.catalog_table,
        "Description": _comment(contract.description),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **table_properties(contract)},
        "PartitionKeys": [{"Name": contract.partition, "Type": "date"}],
        "StorageDescriptor": _storage(contract, contract.places.processed),
    }


def partition_input(contract: Contract, run_date: date) -> PartitionInputTypeDef:
    """A run's partition of that table."""
    location = contract.partition_uri(contract.places.processed, run_date)
    return {
        "Values": [run_date.isoformat()],
        "StorageDescriptor": _storage(contract, location),
    }


def table_properties(contract: Contract) -> dict[str, str]:
    """TBLPROPERTIES; the contract's version lets a reader find what a table was made from."""
    return {
        "classification": "parquet",
        "contract": contract.dataset,
        "contract_version": contract.version,
    }


def create_table_parts(contract: Contract) -> dict[str, str]:
    """The texts that athena/create_table.sql leaves open."""
    columns = ",\n".join(f"  {_column_sql(column)}" for column in contract.columns)
    properties = table_properties(contract)
    return {
        "columns": columns,
        "comment": _quote(_comment(contract.description)),
        "location": _quote(contract.places.processed),
        "properties": ", ".join(f"{_quote(k)} = {_quote(v)}" for k, v in properties.items()),
    }


def _column_sql(column: Column) -> str:
    comment = f" COMMENT {_quote(_comment(column.description))}" if column.description else ""
    return f"`{column.name}` {athena_type(column.type)}{comment}"


def _storage(contract: Contract, location: str) -> StorageDescriptorTypeDef:
    return {
        "Columns": [_glue_column(column) for column in contract.columns],
        "Location": location,
        "InputFormat": _INPUT_FORMAT,
        "OutputFormat": _OUTPUT_FORMAT,
        "SerdeInfo": {
            "SerializationLibrary": _SERDE,
            "Parameters": {"serialization.format": "1"},
        },
    }


def _glue_column(column: Column) -> ColumnTypeDef:
    found: ColumnTypeDef = {"Name": column.name, "Type": athena_type(column.type)}
    return found | {"Comment": _comment(column.description)} if column.description else found


def _comment(text: str) -> str:
    """One line, as long as Glue takes it."""
    line = " ".join(text.split()).encode()
    return line[:_MAX_COMMENT_BYTES].decode(errors="ignore")


def _quote(text: str) -> str:
    """A Hive string literal: backslash escapes, as in Athena's DDL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
