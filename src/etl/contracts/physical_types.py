"""Redshift's type names, as contracts write them in `physicalType`."""

from __future__ import annotations

import re

from etl.contracts.problems import Refusal, did_you_mean
from etl.model import Kind, Type

LONGEST_VARCHAR = 65535
MOST_DIGITS = 38

_SPELLING = re.compile(r"\s*([a-z][a-z0-9]*(?:\s+[a-z]+)*)\s*(?:\(\s*([^()]*?)\s*\))?\s*", re.I)
_PLAIN: dict[str, Type] = {
    **dict.fromkeys(("INTEGER", "INT", "INT4"), Type(kind="integer", bits=32)),
    **dict.fromkeys(("BIGINT", "INT8"), Type(kind="integer", bits=64)),
    **dict.fromkeys(("DOUBLE PRECISION", "FLOAT8", "FLOAT", "DOUBLE"), Type(kind="double")),
    **dict.fromkeys(("BOOLEAN", "BOOL"), Type(kind="boolean")),
    "DATE": Type(kind="date"),
    **dict.fromkeys(("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"), Type(kind="timestamp")),
    "SUPER": Type(kind="array"),
}
_TEXTS = ("VARCHAR", "CHARACTER VARYING", "NVARCHAR")
_DECIMALS = ("DECIMAL", "NUMERIC")
# Known to Redshift, but not to every place a value passes through: what to write instead.
_INSTEAD = {
    **dict.fromkeys(("CHAR", "CHARACTER", "NCHAR", "BPCHAR", "TEXT", "STRING"), "VARCHAR(n)"),
    **dict.fromkeys(("SMALLINT", "INT2", "TINYINT"), "INTEGER"),
    **dict.fromkeys(("REAL", "FLOAT4"), "DOUBLE PRECISION"),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE", "DATETIME"), "TIMESTAMPTZ"),
    **dict.fromkeys(("JSON", "STRUCT", "ARRAY"), "SUPER"),
}
_LOGICAL: dict[Kind, str] = {
    "string": "string",
    "integer": "integer",
    "decimal": "number",
    "double": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "array": "array",
}
_SUGGESTED = {
    "string": "VARCHAR(n), n in bytes",
    "integer": "INTEGER or BIGINT",
    "number": "DECIMAL(precision, scale) or DOUBLE PRECISION",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "array": "SUPER",
}
KNOWN = (
    "VARCHAR(n), INTEGER, BIGINT, DECIMAL(precision, scale), DOUBLE PRECISION, BOOLEAN, DATE, "
    "TIMESTAMPTZ, SUPER"
)


class PhysicalTypeError(Refusal):
    """A physicalType that cannot be used."""


def parse_physical_type(text: str) -> Type:
    """The type that a spelling such as `decimal(12, 2)` names.

    Raises:
        PhysicalTypeError: It names none, or one that not every place can hold.
    """
    spelled = _SPELLING.fullmatch(text)
    if not spelled:
        raise PhysicalTypeError(f'"{text}" is not a type', fix=f"use one of {KNOWN}")
    name = " ".join(spelled[1].upper().split())
    arguments = None if spelled[2] is None else spelled[2].split(",")
    if name in _TEXTS:
        return Type(kind="string", max_bytes=_varchar_bytes(text, arguments))
    if name in _DECIMALS:
        precision, scale = _precision_and_scale(text, arguments)
        return Type(kind="decimal", precision=precision, scale=scale)
    if name in _INSTEAD:
        raise PhysicalTypeError(
            f'type "{text}" is not supported', fix=f"use {_INSTEAD[name]}; see docs/contracts.md"
        )
    if name not in _PLAIN:
        near = did_you_mean(name, (*_PLAIN, *_TEXTS, *_DECIMALS))
        raise PhysicalTypeError(f'unknown type "{text}"{near}', fix=f"use one of {KNOWN}")
    if arguments is not None:
        raise PhysicalTypeError(f"{name} takes no arguments", fix=f"write {name}")
    return _PLAIN[name]


def spell_physical_type(type_: Type) -> str:
    """A type as contracts write it: what `parse_physical_type` reads."""
    match type_.kind:
        case "string":
            return f"VARCHAR({type_.max_bytes})"
        case "integer":
            return "INTEGER" if type_.bits == 32 else "BIGINT"
        case "decimal":
            return f"DECIMAL({type_.precision}, {type_.scale})"
        case "double":
            return "DOUBLE PRECISION"
        case "timestamp":
            return "TIMESTAMPTZ"
        case "array" | "object":
            return "SUPER"
    return type_.kind.upper()


def logical_type_of(kind: Kind) -> str:
    """ODCS's `logicalType` for a kind."""
    return _LOGICAL[kind]


def suggest_physical_type(logical_type: str | None) -> str:
    """What to write as `physicalType`."""
    return _SUGGESTED.get(logical_type or "", f"one of {KNOWN}")


def _varchar_bytes(text: str, arguments: list[str] | None) -> int:
    if arguments is None:
        raise PhysicalTypeError(
            f"{text} has no length (Redshift would make it 256)",
            fix="write VARCHAR(n), n in bytes: a character takes up to 4",
        )
    if len(arguments) == 1 and arguments[0].strip().upper() == "MAX":
        return LONGEST_VARCHAR
    numbers = _numbers(text, arguments, count=(1,))
    if not 1 <= numbers[0] <= LONGEST_VARCHAR:
        raise PhysicalTypeError(
            f"{text} is out of range", fix=f"VARCHAR takes 1 to {LONGEST_VARCHAR} bytes"
        )
    return numbers[0]


def _precision_and_scale(text: str, arguments: list[str] | None) -> tuple[int, int]:
    if arguments is None:
        raise PhysicalTypeError(
            f"{text} has no precision (Redshift would make it 18, without decimals)",
            fix="write DECIMAL(precision, scale)",
        )
    precision, scale = (*_numbers(text, arguments, count=(1, 2)), 0)[:2]
    if not 1 <= precision <= MOST_DIGITS:
        raise PhysicalTypeError(
            f"{text}: precision {precision} is out of range", fix=f"use 1 to {MOST_DIGITS} digits"
        )
    if scale > precision:
        raise PhysicalTypeError(
            f"{text}: scale {scale} is greater than precision {precision}",
            fix="precision counts all digits, also those after the point",
        )
    return precision, scale


def _numbers(text: str, arguments: list[str], *, count: tuple[int, ...]) -> tuple[int, ...]:
    stripped = [each.strip() for each in arguments]
    if len(stripped) not in count or not all(re.fullmatch("[0-9]{1,6}", each) for each in stripped):
        raise PhysicalTypeError(
            f'the arguments of "{text}" are not right',
            fix="write for example VARCHAR(200) or DECIMAL(12, 2)",
        )
    return tuple(int(each) for each in stripped)
