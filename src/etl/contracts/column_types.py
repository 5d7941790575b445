"""The types of a contract's properties."""

from __future__ import annotations

from dataclasses import replace

from open_data_contract_standard.model import SchemaProperty

from etl.contracts.names import name_fault
from etl.contracts.physical_types import (
    PhysicalTypeError,
    logical_type_of,
    parse_physical_type,
    suggest_physical_type,
)
from etl.contracts.problems import Problems
from etl.contracts.value_maps import refuse_value_map
from etl.date_formats import DateFormatError, date_reader
from etl.model import Field, Type

# What is not looked at inside arrays.
_NOT_IN_ARRAYS = (
    *("partitioned", "physicalName", "primaryKey", "transformLogic"),
    *("enum", "logicalTypeOptions", "quality", "unique"),
)


def read_type(definition: SchemaProperty, where: str, problems: Problems) -> Type | None:
    """The type of a column or of what an array holds; None if it has a problem."""
    logical = definition.logicalType
    if not definition.physicalType:
        problems.add(
            f"{where}.physicalType",
            "is missing",
            fix=f"add physicalType: {suggest_physical_type(logical)}",
        )
        return None
    try:
        found = parse_physical_type(definition.physicalType)
    except PhysicalTypeError as error:
        problems.add_refusal(f"{where}.physicalType", error)
        return None
    wanted = logical_type_of(found.kind)
    if logical is not None and logical != wanted:
        problems.add(
            f"{where}.logicalType",
            f"{logical} does not go with physicalType {definition.physicalType}",
            fix=f"write logicalType: {wanted}, or physicalType: {suggest_physical_type(logical)}",
        )
    if found.kind in ("date", "timestamp"):
        return _read_format(found, definition, where, problems)
    if found.kind == "array":
        element = _read_element(definition.items, f"{where}.items", problems)
        return element and replace(found, element=element)
    return found


def _read_format(found: Type, definition: SchemaProperty, where: str, problems: Problems) -> Type:
    """The type with `logicalTypeOptions.format`, how the values are written."""
    format = (definition.logicalTypeOptions or {}).get("format")
    if format is None:
        return found
    at = f"{where}.logicalTypeOptions.format"
    if definition.transformLogic is not None:
        problems.add(at, "a derived column is not read from text", fix="leave it out")
        return found
    try:
        date_reader(str(format), with_time=found.kind == "timestamp")
    except DateFormatError as error:
        problems.add(at, str(error), fix="write for example dd.MM.yyyy or yyyy-MM-dd HH:mm:ss")
        return found
    return replace(found, format=str(format))


def _read_element(items: SchemaProperty | None, where: str, problems: Problems) -> Type | None:
    if items is None:
        problems.add(where, "is missing", fix="say in items: what the array holds")
        return None
    if items.logicalType != "object":
        return _read_scalar(items, where, problems)
    fields: list[Field] = []
    for index, each in enumerate(items.properties or []):
        at = f"{where}.properties[{index}]"
        fault = name_fault(each.name or "")
        if fault:
            problems.add(f"{at}.name", fault, fix="leave the field out; others are ignored")
        if each.name in [field.name for field in fields]:
            problems.add(f"{at}.name", f'field "{each.name}" stands there twice', fix="remove one")
        type_ = _read_scalar(each, at, problems)
        if type_ and each.name:
            fields.append(Field(name=each.name, type=type_, required=bool(each.required)))
    if not items.properties:
        problems.add(f"{where}.properties", "the object is empty", fix="list its properties")
    return Type(kind="object", fields=tuple(fields))


def _read_scalar(definition: SchemaProperty, where: str, problems: Problems) -> Type | None:
    if definition.logicalType in ("object", "array"):
        problems.add(
            where,
            f"{definition.logicalType}s inside arrays are not supported",
            fix="leave it out; fields that are not listed are ignored",
        )
        return None
    for key in _NOT_IN_ARRAYS:
        if getattr(definition, key):
            problems.add(f"{where}.{key}", "has no effect inside arrays", fix="leave it out")
    refuse_value_map(definition, where, problems)
    return read_type(definition, where, problems)
