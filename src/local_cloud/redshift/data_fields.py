"""Values of a result set as the Data API types them."""

from __future__ import annotations

import base64
from typing import Any

from psycopg2 import extensions

_TYPE_NAMES = {
    16: "bool",
    17: "varbyte",
    20: "int8",
    21: "int2",
    23: "int4",
    25: "varchar",
    700: "float4",
    701: "float8",
    1042: "bpchar",
    1043: "varchar",
    1082: "date",
    1083: "time",
    1114: "timestamp",
    1184: "timestamptz",
    1266: "timetz",
    1700: "numeric",
    4000: "super",
}
_WHOLE, _FLOATING, _BOOLEAN, _BYTES = (20, 21, 23), (700, 701), 16, 17
_FINITE_ONLY = ("NaN", "Infinity", "-Infinity")


def take_text(connection: Any) -> None:
    """Have a connection give every value as PostgreSQL writes it."""
    as_it_is = extensions.new_type(tuple(_TYPE_NAMES), "AS_IT_IS", lambda value, _: value)
    extensions.register_type(as_it_is, connection)


def field(oid: int, value: str | None) -> dict[str, Any]:
    """A value as GetStatementResult returns it."""
    if value is None:
        return {"isNull": True}
    if oid in _WHOLE:
        return {"longValue": int(value)}
    if oid in _FLOATING and value not in _FINITE_ONLY:
        return {"doubleValue": float(value)}
    if oid == _BOOLEAN:
        return {"booleanValue": value == "t"}
    if oid == _BYTES:
        content = bytes.fromhex(value.removeprefix("\\x"))
        return {"blobValue": base64.b64encode(content).decode()}
    return {"stringValue": value}


def column(description: extensions.Column) -> dict[str, Any]:
    """A column as ColumnMetadata describes it."""
    oid = description.type_code
    is_number = oid in (*_WHOLE, *_FLOATING, 1700)
    length = max(description.internal_size or 0, 0) if oid in (25, 1042, 1043) else None
    return {
        "name": description.name,
        "label": description.name,
        "typeName": _TYPE_NAMES.get(oid, "varchar"),
        "length": length or 0,
        "precision": description.precision or length or 0,
        "scale": description.scale or 0,
        "nullable": 1,
        "isCaseSensitive": not is_number and oid != _BOOLEAN,
        "isCurrency": False,
        "isSigned": is_number,
        "schemaName": "",
        "tableName": "",
    }
