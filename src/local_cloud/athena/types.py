"""One type system in three notations: the Glue catalogue's, DuckDB's and Athena's results'."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from local_cloud.athena.errors import QueryFailure

_GLUE_NAMES = {
    "boolean": "boolean",
    "tinyint": "tinyint",
    "smallint": "smallint",
    "integer": "int",
    "bigint": "bigint",
    "hugeint": "bigint",  # DuckDB's sum of integers; Athena's is a bigint
    "float": "float",
    "double": "double",
    "varchar": "string",
    "blob": "binary",
    "date": "date",
    "timestamp": "timestamp",
}
_RESULT_NAMES = {
    "boolean": ("boolean", 0),
    "tinyint": ("tinyint", 3),
    "smallint": ("smallint", 5),
    "integer": ("integer", 10),
    "bigint": ("bigint", 19),
    "hugeint": ("bigint", 19),
    "ubigint": ("bigint", 19),
    "float": ("float", 17),
    "double": ("double", 17),
    "varchar": ("varchar", 2147483647),
    "blob": ("varbinary", 1073741824),
    "date": ("date", 0),
    "timestamp": ("timestamp", 3),
    "timestamp_ms": ("timestamp", 3),
    "timestamp with time zone": ("timestamp with time zone", 3),
    "time": ("time", 3),
    "json": ("json", 0),
    "list": ("array", 0),
    "array": ("array", 0),
    "struct": ("row", 0),
    "map": ("map", 0),
    "sqlnull": ("unknown", 0),
    '"null"': ("unknown", 0),
    "uuid": ("uuid", 0),
}


def parse_glue_type(text: str) -> exp.DataType:
    """A type as the catalogue writes it, e.g. `array<struct<sku:string>>`."""
    return exp.DataType.build(text, dialect="hive")


def duckdb_type(glue_type: str) -> str:
    """The DuckDB type that holds the values of a catalogue type."""
    return parse_glue_type(glue_type).sql(dialect="duckdb")


def glue_type(found: Any) -> str:
    """The catalogue's type for a DuckDB type.

    Raises:
        QueryFailure: The catalogue has none.
    """
    kind = found.id
    if kind == "decimal":
        (_, precision), (_, scale) = found.children
        return f"decimal({precision},{scale})"
    if kind in ("list", "array"):
        return f"array<{glue_type(found.children[0][1])}>"
    if kind == "struct":
        fields = (f"{name}:{glue_type(child)}" for name, child in found.children)
        return f"struct<{','.join(fields)}>"
    if kind == "map":
        (_, key), (_, value) = found.children
        return f"map<{glue_type(key)},{glue_type(value)}>"
    if kind not in _GLUE_NAMES:
        raise QueryFailure("NOT_SUPPORTED", f"Unsupported Hive type: {found}")
    return _GLUE_NAMES[kind]


def column_info(name: str, found: Any) -> dict[str, Any]:
    """A column of GetQueryResults' metadata for a DuckDB type."""
    scale = 0
    if found.id == "decimal":
        (_, precision), (_, scale) = found.children
        kind = "decimal"
    else:
        kind, precision = _RESULT_NAMES.get(found.id, (str(found).lower(), 0))
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": kind,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind == "varchar",
    }
