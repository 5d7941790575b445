"""Hold a Parquet file's schema against the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
from pyarrow import types

from etl.drift.words import type_words
from etl.errors import SourceError
from etl.model import Column, Contract, Type
from etl.received import show_names
from etl.sources.files.options import FileOptions
from etl.tidying import normalise_name


def _is_text(kind: pa.DataType) -> bool:
    return any(
        check(kind) for check in (types.is_string, types.is_large_string, types.is_string_view)
    )


def _is_decimal(kind: pa.DataType) -> bool:
    return bool(types.is_decimal(kind)) or bool(types.is_integer(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(types.is_integer(kind) or types.is_float32(kind) or types.is_float64(kind))


# What a contract's scalar type can be read from without doubt about its value.
_FITTING: dict[str, Callable[[pa.DataType], bool]] = {
    "string": _is_text,
    "integer": types.is_integer,
    "decimal": _is_decimal,
    "double": _is_number,
    "boolean": types.is_boolean,
    "date": types.is_date,
    "timestamp": types.is_timestamp,
}


def readable_columns(
    schema: pa.Schema, *, name: str, contract: Contract, options: FileOptions
) -> list[str]:
    """The file's columns that become fields of a record: all that JSON can say.

    Args:
        name: The file's name, for messages.

    Raises:
        SourceError: A column of the contract is missing or of another type; the message has a line
            for each.
    """
    spelt = normalise_name if contract.normalise_names else str
    fields = {spelt(each.name): each for each in schema}
    problems = [
        f"{each.name}: {problem}"
        for each in contract.columns
        if each.path
        for problem in _column_problems(each, fields, options, spelt)
    ]
    if len(fields) < len(schema):
        problems.append("two columns have the same name")
    if problems:
        problems.append(f"the file has {show_names(list(fields))}")
        raise SourceError(
            f"{name} has another schema than the contract:\n    " + "\n    ".join(problems),
            fix="mend the file or the contract; see Files in docs/contracts.md",
        )
    return [each.name for each in schema if _is_readable(each.type, options)]


def _is_readable(kind: pa.DataType, options: FileOptions) -> bool:
    return _type_problem(kind, None, zone=options.timestamp_zone) is None


def _column_problems(
    column: Column,
    fields: dict[str, pa.Field],
    options: FileOptions,
    spelt: Callable[[str], str],
) -> Iterator[str]:
    expected = type_words(column.type)
    found = fields.get(column.path[0])
    if found is None:
        if column.required or not options.allow_missing_columns:
            near = {normalise_name(each): each for each in fields}.get(
                normalise_name(column.path[0])
            )
            other = f" but {near}" if near else ""
            yield f"expected {expected}, found no such column{other}"
        return
    kind = found.type
    for part in column.path[1:]:
        inner = {spelt(each.name): each.type for each in kind} if types.is_struct(kind) else {}
        if part not in inner:
            yield f"expected {expected} in {'.'.join(column.path)}, found {found.type}"
            return
        kind = inner[part]
    problem = _type_problem(kind, column.type, zone=options.timestamp_zone)
    if problem is not None:
        yield f"expected {expected}, found {kind}{problem}"


def _type_problem(kind: pa.DataType, wanted: Type | None, *, zone: str | None) -> str | None:
    """Why values of an Arrow type cannot be read as the wanted type, or at all; None if they can.

    "" stands for what the types' names tell by themselves.
    """
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_list(kind) or types.is_large_list(kind):
        element = wanted.element if wanted else None
        is_fitting = wanted is None or wanted.kind == "array"
        return _type_problem(kind.value_type, element, zone=None) if is_fitting else ""
    if types.is_struct(kind):
        return _struct_problem(kind, wanted) if wanted is None or wanted.kind == "object" else ""
    if types.is_timestamp(kind) and kind.tz is None and zone is None:
        return ", which has no zone: set timestampZone"
    checks = _FITTING.values() if wanted is None else filter(None, [_FITTING.get(wanted.kind)])
    return None if any(check(kind) for check in checks) else ""


def _struct_problem(kind: pa.StructType, wanted: Type | None) -> str | None:
    inner = {each.name: each.type for each in wanted.fields} if wanted else {}
    for field in kind:
        problem = _type_problem(field.type, inner.get(field.name), zone=None)
        if problem is not None:
            return problem or f" (its {field.name} is {field.type})"
    return None
