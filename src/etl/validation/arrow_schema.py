"""A contract's columns as Arrow types, and how a file's schema departs from them."""

from __future__ import annotations

import pyarrow as pa

from etl.model import Contract, Type


def arrow_type(kind: Type) -> pa.DataType:
    """The Arrow type that a column of this type has in Parquet."""
    match kind.kind:
        case "integer":
            return pa.int32() if kind.bits == 32 else pa.int64()
        case "decimal":
            return pa.decimal128(kind.precision, kind.scale)
        case "array":
            assert kind.element is not None, "the contract's loader gives arrays an element"
            return pa.list_(arrow_type(kind.element))
        case "object":
            return pa.struct([(field.name, arrow_type(field.type)) for field in kind.fields])
        case "timestamp":
            return pa.timestamp("us", "UTC")
    plain = {"string": pa.string, "double": pa.float64, "boolean": pa.bool_, "date": pa.date32}
    return plain[kind.kind]()


def arrow_schema(contract: Contract) -> pa.Schema:
    """The schema of the contract's rows, in column order."""
    return pa.schema([(column.name, arrow_type(column.type)) for column in contract.columns])


def file_schema(contract: Contract) -> pa.Schema:
    """The schema of the contract's Parquet files: partition columns stand in their keys instead."""
    fields = arrow_schema(contract)
    return pa.schema([each for each in fields if each.name not in contract.partition_columns])


def schema_differences(found: pa.Schema, expected: pa.Schema) -> list[str]:
    """Where names, order or types differ, in words; empty if nowhere.

    Engines differ in what they call an array's element and in what they mark nullable, so neither
    counts.
    """
    wanted = {field.name: field.type for field in expected}
    given = {field.name: field.type for field in found}
    differences = [f"{name} is missing" for name in wanted if name not in given]
    differences += [f"{name} is not in the contract" for name in given if name not in wanted]
    differences += [
        f"{name} is {given[name]}, expected {kind}"
        for name, kind in wanted.items()
        if name in given and not _same(given[name], kind)
    ]
    if not differences and found.names != expected.names:
        differences.append(f"columns are in the order {', '.join(found.names)}")
    return differences


def _same(found: pa.DataType, expected: pa.DataType) -> bool:
    if pa.types.is_list(found) and pa.types.is_list(expected):
        return _same(found.value_type, expected.value_type)
    if pa.types.is_struct(found) and pa.types.is_struct(expected):
        return [field.name for field in found] == [field.name for field in expected] and all(
            _same(one.type, other.type) for one, other in zip(found, expected, strict=True)
        )
    return bool(found == expected)
