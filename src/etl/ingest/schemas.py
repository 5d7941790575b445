"""A contract's record as a schema of OpenAPI 3.0, for those who write clients.

What meets the contract meets the schema, but not the other way round: patterns, bounds and rules
stand in the contract alone, which the function asks.
"""

from __future__ import annotations

from typing import Any

from etl.model import Column, Contract, Type

_Schema = dict[str, Any]


def record_schema(contract: Contract) -> _Schema:
    """What a record looks like that may be sent."""
    root = _object(contract.description)
    for column in contract.received_columns:
        is_required = contract.requires(column)
        # A name may be spelled otherwise where names are normalised.
        _put(root, column, is_required and not contract.normalise_names)
    return root


def _put(root: _Schema, column: Column, is_required: bool) -> None:
    """Put a column at its path; what is required is so with all objects around it."""
    parent = root
    for step in column.path[:-1]:
        if is_required:
            _require(parent, step)
        parent = parent["properties"].setdefault(step, _object(nullable=True))
        if is_required:
            parent.pop("nullable", None)
    name = column.path[-1]
    if is_required:
        _require(parent, name)
    described = {"description": column.description} if column.description else {}
    mapped = {"nullable": True} if column.value_map else None  # texts may stand for any type
    parent["properties"][name] = described | (
        mapped or _type(column.type, nullable=not is_required)
    )


def _require(parent: _Schema, name: str) -> None:
    required = parent.setdefault("required", [])
    if name not in required:
        required.append(name)


def _object(description: str = "", *, nullable: bool = False) -> _Schema:
    schema: _Schema = {"type": "object", "properties": {}}
    if description:
        schema["description"] = description
    if nullable:
        schema["nullable"] = True
    return schema


def _type(type: Type, *, nullable: bool) -> _Schema:
    schema = _plain(type)
    return schema | {"nullable": True} if nullable else schema


def _plain(type: Type) -> _Schema:
    match type.kind:
        case "string":
            return {"type": "string", "maxLength": type.max_bytes}
        case "integer":
            return {"type": "integer", "format": f"int{type.bits}"}
        case "decimal":  # as text, if the client's numbers are not exact
            return {"anyOf": [{"type": "number"}, {"type": "string"}]}
        case "double":
            return {"type": "number"}
        case "boolean":
            return {"type": "boolean"}
        case "date" | "timestamp" if type.format:
            return {"type": "string"}
        case "date":
            return {"type": "string", "format": "date"}
        case "timestamp":
            return {"type": "string", "format": "date-time"}
        case "array":
            assert type.element is not None
            return {"type": "array", "items": _type(type.element, nullable=True)}
        case "object":
            schema = _object()
            for each in type.fields:
                schema["properties"][each.name] = _type(each.type, nullable=not each.required)
                if each.required:
                    _require(schema, each.name)
            return schema
