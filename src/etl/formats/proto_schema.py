"""A contract as a protobuf message: its descriptor, and the .proto file that says the same.

proto3. The package is the contract's domain, the message its dataset in camel case. A column's
number is its position among the received columns, from 1: add columns at the end, or readers of
older objects take one for another.

- decimals and dates are text (12.50, 2026-01-31), timestamps google.protobuf.Timestamp;
- a column that may be NULL is `optional`: a NULL is a field that is not there;
- an array is `repeated`, of a message inside the dataset's if its elements are objects. A NULL
  array has no elements; an array with a NULL in it cannot be held.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf import descriptor_pool, message_factory, timestamp_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from etl.errors import ContractError
from etl.model import Contract, Field, Type

_TIMESTAMP_FILE = "google/protobuf/timestamp.proto"
_SCALARS = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "decimal": FieldDescriptorProto.TYPE_STRING,
    "date": FieldDescriptorProto.TYPE_STRING,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "boolean": FieldDescriptorProto.TYPE_BOOL,
}


def message_class(contract: Contract) -> Any:
    """The class of the contract's message."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    file = file_descriptor(contract)
    pool.Add(file)
    name = f"{file.package}.{file.message_type[0].name}"
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def file_descriptor(contract: Contract) -> FileDescriptorProto:
    """The contract's .proto file as a descriptor.

    Raises:
        ContractError: protoc would refuse two of the names.
    """
    file = FileDescriptorProto(
        name=f"{contract.dataset}.proto", package=contract.domain, syntax="proto3"
    )
    key = set(contract.primary_key)
    fields = [
        Field(name=each.name, type=each.type, required=each.required or each.name in key)
        for each in contract.received_columns
    ]
    file.message_type.append(_message(contract.dataset, fields))
    if any(_has_timestamp(field.type) for field in fields):
        file.dependency.append(_TIMESTAMP_FILE)
    return file


def _message(name: str, fields: Sequence[Field]) -> DescriptorProto:
    _check_names([field.name for field in fields])
    message = DescriptorProto(name=_camel_case(name))
    for number, field in enumerate(fields, 1):
        _add_field(message, number, field)
    return message


def _add_field(message: DescriptorProto, number: int, field: Field) -> None:
    added = message.field.add(name=field.name, number=number)
    kind = field.type
    if kind.kind == "array":
        assert kind.element is not None, "the contract's loader gives arrays an element"
        kind = kind.element
        added.label = FieldDescriptorProto.LABEL_REPEATED
    else:
        added.label = FieldDescriptorProto.LABEL_OPTIONAL
        if not field.required:
            _make_optional(message, added)
    if kind.kind == "object":
        message.nested_type.append(_message(field.name, kind.fields))
        added.type_name = _camel_case(field.name)
    elif kind.kind == "timestamp":
        added.type_name = ".google.protobuf.Timestamp"
    else:
        added.type = _scalar(kind)


def _make_optional(message: DescriptorProto, field: FieldDescriptorProto) -> None:
    # How protoc itself describes proto3's `optional`: a oneof of one.
    field.proto3_optional = True
    field.oneof_index = len(message.oneof_decl)
    message.oneof_decl.add(name=f"_{field.name}")


def _scalar(kind: Type) -> FieldDescriptorProto.Type.ValueType:
    if kind.kind == "integer":
        is_small = kind.bits == 32
        return FieldDescriptorProto.TYPE_INT32 if is_small else FieldDescriptorProto.TYPE_INT64
    return _SCALARS[kind.kind]


def _has_timestamp(kind: Type) -> bool:
    if kind.element is not None:
        return _has_timestamp(kind.element)
    return kind.kind == "timestamp" or any(_has_timestamp(field.type) for field in kind.fields)


def _camel_case(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _check_names(names: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(_camel_case(name), name)
        if other != name:
            raise ContractError(
                f"{other} and {name} are the same name to protobuf, {_camel_case(name)}",
                fix="give one of them another physicalName",
            )
