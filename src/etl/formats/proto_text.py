"""The .proto file of a contract's message, for protoc."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from etl.formats.proto_schema import file_descriptor
from etl.model import Contract

_INDENT = "  "


def proto_text(contract: Contract) -> str:
    """The contract's received columns as a .proto file.

    With it, protoc reads a message that stands without its length:
    `protoc --decode=sales.Orders _schema.proto < message`.
    """
    file = file_descriptor(contract)
    lines = [
        f"// {contract.dataset} {contract.version}: each message follows its length, a varint.",
        f'syntax = "{file.syntax}";',
        "",
        f"package {file.package};",
        "",
    ]
    for dependency in file.dependency:
        lines += [f'import "{dependency}";', ""]
    lines += _message_lines(file.message_type[0])
    return "\n".join(lines) + "\n"


def _message_lines(message: DescriptorProto) -> Iterator[str]:
    yield f"message {message.name} {{"
    for nested in message.nested_type:
        for line in _message_lines(nested):
            yield _INDENT + line
    for field in message.field:
        yield f"{_INDENT}{_label(field)}{_type_name(field)} {field.name} = {field.number};"
    yield "}"


def _label(field: FieldDescriptorProto) -> str:
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return "repeated "
    return "optional " if field.proto3_optional else ""


def _type_name(field: FieldDescriptorProto) -> str:
    if field.type_name:
        return field.type_name
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
