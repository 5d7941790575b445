"""A contract's types as Spark's: what rows become, and how the fast path reads them from JSON."""

from __future__ import annotations

from pyspark.sql import types as spark

from etl.model import Column, Contract, Encoding, Type

# Spark computes with up to 18 digits as a long, with more as a BigDecimal.
_LONG_PRECISION = 18
_MAX_PRECISION = 38


class NoCommonSchema(Exception):
    """No one schema reads all columns: two read the same place as different types, or have names
    that Spark cannot tell apart."""


def row_type(contract: Contract) -> spark.StructType:
    """The columns that a record decides."""
    columns = contract.data_columns
    fields = [spark.StructField(each.name, spark_type(each.type)) for each in columns]
    return spark.StructType(fields)


def spark_type(kind: Type) -> spark.DataType:
    """The type that holds a column's values."""
    match kind.kind:
        case "integer":
            return spark.IntegerType() if kind.bits == 32 else spark.LongType()
        case "decimal":
            return spark.DecimalType(kind.precision, kind.scale)
        case "array":
            assert kind.element is not None
            return spark.ArrayType(spark_type(kind.element))
        case "object":
            fields = [spark.StructField(each.name, spark_type(each.type)) for each in kind.fields]
            return spark.StructType(fields)
    return _PLAIN[kind.kind]


_PLAIN: dict[str, spark.DataType] = {
    "string": spark.StringType(),
    "double": spark.DoubleType(),
    "boolean": spark.BooleanType(),
    "date": spark.DateType(),
    "timestamp": spark.TimestampType(),
}


def read_type(kind: Type, encoding: Encoding) -> spark.DataType:
    """The type that takes a received value as it stands, or makes Spark call the row corrupt."""
    if encoding == "text":
        return spark.StringType()
    match kind.kind:
        case "integer":
            return spark.LongType()
        case "decimal":
            return spark.DecimalType(*read_precision(kind))
        case "double" | "boolean":
            return _PLAIN[kind.kind]
        case "array":
            assert kind.element is not None
            return spark.ArrayType(read_type(kind.element, encoding))
        case "object":
            fields = [
                spark.StructField(each.name, read_type(each.type, encoding)) for each in kind.fields
            ]
            return _struct(fields)
    return spark.StringType()


def read_precision(kind: Type) -> tuple[int, int]:
    """Precision and scale that decimals are read with: as many digits after the point as there is
    room for, since Spark rounds what has more."""
    precision = _LONG_PRECISION if kind.precision <= _LONG_PRECISION else _MAX_PRECISION
    return precision, precision - (kind.precision - kind.scale)


def record_type(contract: Contract) -> spark.StructType:
    """The schema of a received record, as far as the contract's columns go.

    Raises:
        NoCommonSchema: Two columns read the same place as different types.
    """
    return _object_at((), list(contract.received_columns), contract.source.encoding)


def _object_at(
    prefix: tuple[str, ...], columns: list[Column], encoding: Encoding
) -> spark.StructType:
    depth = len(prefix)
    groups: dict[str, list[Column]] = {}
    for column in columns:
        groups.setdefault(column.path[depth], []).append(column)
    fields = []
    for name, inside in groups.items():
        leaves = {read_type(each.type, encoding) for each in inside if len(each.path) == depth + 1}
        deeper = [each for each in inside if len(each.path) > depth + 1]
        if len(leaves) + bool(deeper) > 1:
            raise NoCommonSchema(f"{'.'.join((*prefix, name))} is read in more than one way")
        kind = leaves.pop() if leaves else _object_at((*prefix, name), deeper, encoding)
        fields.append(spark.StructField(name, kind))
    return _struct(fields)


def _struct(fields: list[spark.StructField]) -> spark.StructType:
    if len({field.name.lower() for field in fields}) < len(fields):
        raise NoCommonSchema(f"names differ in case only: {[field.name for field in fields]}")
    return spark.StructType(fields)
