"""What a contract is to Athena: column types, the Glue table and its partitions, the DDL's parts.

Partitions are registered one by one, not projected: see docs/adr/0007-registered-partitions.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from etl import hive, keys
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
    """The Glue table: columns in the contract's order, the partitions' keys, Parquet."""
    return {
        "Name": contract.places.catalog_table,
        "Description": _comment(contract.description),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **table_properties(contract)},
        "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in partition_keys(contract)],
        "StorageDescriptor": _storage(contract, contract.places.processed),
    }


def partition_keys(contract: Contract) -> list[tuple[str, str]]:
    """Name and Athena type of what the table is partitioned by: the run date comes first."""
    columns = [contract.column(name) for name in contract.partition_columns]
    return [
        (contract.partition, "date"),
        *((column.name, athena_type(column.type)) for column in columns),
    ]


def partition_inputs(
    contract: Contract, run_date: date, files: Sequence[str]
) -> list[PartitionInputTypeDef]:
    """A run's partitions of that table.

    Args:
        files: The s3:// URIs of the run's processed files. Without partition columns there is one
            partition, whether it has files or none.
    """
    found = {hive.texts_in(contract, uri): uri.rpartition("/")[0] + "/" for uri in files}
    if not contract.partition_columns:
        found = {(): keys.processed_uri(contract, run_date)}
    return [
        {
            "Values": [run_date.isoformat(), *values],
            "StorageDescriptor": _storage(contract, location),
        }
        for values, location in sorted(found.items())
    ]


def table_properties(contract: Contract) -> dict[str, str]:
    """TBLPROPERTIES; the contract's version lets a reader find what a table was made from."""
    return {
        "classification": "parquet",
        "contract": contract.dataset,
        "contract_version": contract.version,
    }


def create_table_parts(contract: Contract) -> dict[str, str]:
    """The texts that athena/create_table.sql leaves open."""
    columns = ",\n".join(f"  {_column_sql(column)}" for column in _columns(contract))
    partitions = ", ".join(f"`{key}` {kind}" for key, kind in partition_keys(contract))
    properties = table_properties(contract)
    return {
        "columns": columns,
        "comment": _quote(_comment(contract.description)),
        "location": _quote(contract.places.processed),
        "partition_keys": partitions,
        "properties": ", ".join(f"{_quote(k)} = {_quote(v)}" for k, v in properties.items()),
    }


def _columns(contract: Contract) -> list[Column]:
    """What stands in the files."""
    return [each for each in contract.columns if each.name not in contract.partition_columns]


def _column_sql(column: Column) -> str:
    comment = f" COMMENT {_quote(_comment(column.description))}" if column.description else ""
    return f"`{column.name}` {athena_type(column.type)}{comment}"


def _storage(contract: Contract, location: str) -> StorageDescriptorTypeDef:
    return {
        "Columns": [_glue_column(column) for column in _columns(contract)],
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
