"""The fields that a contract expects in a record, as the tree that they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from etl.casts import Caster, caster
from etl.drift.words import type_words
from etl.judge import column_caster
from etl.model import Column, Contract, Type
from etl.unknown_fields import label


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field; an object's have `inside`, an array's an `element`.

    Attributes:
        column: That takes the field's value, itself or within an array; None for an object.
    """

    path: tuple[str, ...]
    label: str
    expected: str
    required: bool
    is_open: bool
    column: str | None = None
    cast: Caster | None = None
    inside: tuple[Field, ...] = ()
    element: Field | None = None


def expected_fields(contract: Contract) -> tuple[Field, ...]:
    """The fields of a record."""
    return _fields((), contract.received_columns, contract)


def _fields(
    above: tuple[str, ...], columns: tuple[Column, ...], contract: Contract
) -> tuple[Field, ...]:
    groups: dict[str, list[Column]] = {}
    for column in columns:
        groups.setdefault(column.path[len(above)], []).append(column)
    return tuple(_field((*above, name), tuple(inside), contract) for name, inside in groups.items())


def _field(path: tuple[str, ...], columns: tuple[Column, ...], contract: Contract) -> Field:
    deeper = tuple(each for each in columns if len(each.path) > len(path))
    required = {*contract.primary_key, *(each.name for each in columns if each.required)}
    is_required = any(each.name in required for each in columns)
    if deeper:
        return Field(
            path=path,
            label=label(path),
            expected="object",
            required=is_required,
            is_open=all(each.is_open for each in columns),
            inside=_fields(path, deeper, contract),
        )
    column, encoding = columns[0], contract.source.encoding
    return Field(
        path=path,
        label=label(path),
        expected=type_words(column.type),
        required=is_required,
        is_open=all(each.is_open for each in columns),
        column=column.name,
        cast=column_caster(column, encoding),
        element=_element(path, column) if column.type.element and encoding == "json" else None,
    )


def _element(path: tuple[str, ...], column: Column) -> Field:
    kind = column.type.element
    assert kind is not None
    name = f"{label(path)}[]"
    inside = tuple(
        _leaf((*path, each.name), f"{name}.{each.name}", each.type, each.required, column)
        for each in kind.fields
    )
    if kind.kind != "object":
        return _leaf(path, name, kind, False, column)
    return Field(
        path=path,
        label=name,
        expected="object",
        required=False,
        is_open=column.is_open,
        inside=inside,
    )


def _leaf(path: tuple[str, ...], name: str, kind: Type, required: bool, column: Column) -> Field:
    return Field(
        path=path,
        label=name,
        expected=type_words(kind),
        required=required,
        is_open=column.is_open,
        column=column.name,
        cast=caster(kind, "json"),
    )


def flat(fields: tuple[Field, ...]) -> Iterator[Field]:
    """All fields but those of an array's elements."""
    for field in fields:
        yield field
        if field.element is None:
            yield from flat(field.inside)
