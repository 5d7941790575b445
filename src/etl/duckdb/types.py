"""A contract's types as DuckDB's."""

from __future__ import annotations

from etl.duckdb.sql import identifier
from etl.model import Type

_PLAIN = {
    "string": "VARCHAR",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}


def duckdb_type(kind: Type) -> str:
    """The type that holds a column's values."""
    match kind.kind:
        case "integer":
            return "INTEGER" if kind.bits == 32 else "BIGINT"
        case "decimal":
            return f"DECIMAL({kind.precision}, {kind.scale})"
        case "array":
            assert kind.element is not None
            return f"{duckdb_type(kind.element)}[]"
        case "object":
            fields = (f"{identifier(each.name)} {duckdb_type(each.type)}" for each in kind.fields)
            return f"STRUCT({', '.join(fields)})"
    return _PLAIN[kind.kind]
