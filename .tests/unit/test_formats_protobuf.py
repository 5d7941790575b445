"""Protobuf that protoc reads by the .proto file that is written with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP_FILE
from hypothesis import given
from support.contracts import make_column, make_contract, orders_contract
from support.line_cases import json_contract
from support.raw_formats import (
    RUN_DATE,
    compile_proto,
    protoc,
    split_messages,
    unpack,
    write_blocks,
)
from support.typed_rows import line_of, rows

from etl.casts import caster
from etl.errors import ContractError
from etl.formats.proto_schema import file_descriptor, message_class
from etl.formats.proto_text import proto_text
from etl.judge import Accepted, Judge
from etl.model import Contract, Type
from etl.received import Number
from local_cloud.source_orders import iter_orders

EVERY_TYPE = json_contract()
TAGS = make_contract(
    make_column("id", Type(kind="integer"), required=True),
    make_column("tags", Type(kind="array", element=Type(kind="string"))),
)


@pytest.mark.parametrize("contract", [EVERY_TYPE, orders_contract()], ids=lambda each: each.dataset)
def test_proto_text_is_compiled_to_the_descriptor_we_write_by(
    contract: Contract, tmp_path: Path
) -> None:
    proto = compile_proto(contract, tmp_path)
    protoc(proto, f"--descriptor_set_out={tmp_path / 'set'}", b"")
    (compiled,) = FileDescriptorSet.FromString((tmp_path / "set").read_bytes()).file
    compiled.name = f"{contract.dataset}.proto"
    assert _resolve(compiled) == _resolve(file_descriptor(contract))


@pytest.mark.parametrize("compression, suffix", [("gzip", ".gz"), ("zstd", ".zst"), ("none", "")])
def test_protoc_decodes_each_message_to_the_values_received(
    compression: str, suffix: str, tmp_path: Path
) -> None:
    contract = orders_contract()
    lines = [line.encode() + b"\n" for line in iter_orders(RUN_DATE, 0, 4)]
    written = write_blocks(contract, lines, format="protobuf", compression=compression)
    assert (written.rows, written.encoder.suffix) == (4, ".pb" + suffix)
    proto = compile_proto(contract, tmp_path)
    messages = list(split_messages(unpack(written.data, compression)))
    for message, line in zip(messages, lines, strict=True):
        text = protoc(proto, "--decode=sales.Orders", message).decode()
        decoded = text_format.Parse(text, message_class(contract)())
        assert _row(contract, decoded) == _received(contract, line)


@given(row=rows(EVERY_TYPE, nulls_inside=False))
def test_protobuf_values_are_read_back_as_they_were(row: dict[str, Any]) -> None:
    line = line_of(EVERY_TYPE, row)
    written = write_blocks(EVERY_TYPE, [line], format="protobuf", compression="none")
    assert written.dead == []
    (message,) = split_messages(written.data)
    decoded = message_class(EVERY_TYPE).FromString(message)
    no_arrays: dict[str, list[Any]] = {
        column.name: []
        for column in EVERY_TYPE.received_columns
        if column.type.kind == "array" and row[column.name] is None
    }
    assert _row(EVERY_TYPE, decoded) == row | no_arrays


def test_protobuf_null_in_an_array_is_a_dead_letter() -> None:
    block = b'{"id": 1, "tags": ["a", null]}\n{"id": 2, "tags": []}\n'
    written = write_blocks(TAGS, [block], format="protobuf", compression="none")
    assert written.rows == 1
    (letter,) = written.dead
    assert letter.record == b'{"id": 1, "tags": ["a", null]}'
    assert letter.reason == "tags: element 1: null, which no repeated field can hold"


def test_protobuf_long_messages_have_long_lengths() -> None:
    tags = [["x" * 100], ["x" * 200], ["x" * 20_000]]
    lines = [json.dumps({"id": 1, "tags": each}).encode() + b"\n" for each in tags]
    written = write_blocks(TAGS, lines, format="protobuf", compression="none")
    found = [message_class(TAGS).FromString(each) for each in split_messages(written.data)]
    assert [list(each.tags) for each in found] == tags


def test_proto_text_says_what_may_be_missing_and_numbers_by_position() -> None:
    assert proto_text(TAGS) == (
        "// things 1.0.0: each message follows its length, a varint.\n"
        'syntax = "proto3";\n'
        "\n"
        "package tests;\n"
        "\n"
        "message Things {\n"
        "  int64 id = 1;\n"
        "  repeated string tags = 2;\n"
        "}\n"
    )
    orders = proto_text(orders_contract())
    assert "  optional string discount = 9;\n" in orders
    assert "  .google.protobuf.Timestamp ordered_at = 14;\n" in orders
    assert "  repeated Items items = 17;\n" in orders
    assert "total_amount" not in orders


def test_proto_text_names_that_protoc_takes_for_one_are_refused() -> None:
    text = Type(kind="string")
    contract = make_contract(make_column("line_1", text), make_column("line1", text))
    with pytest.raises(ContractError, match="line_1 and line1 are the same name to protobuf"):
        proto_text(contract)


def _resolve(file: FileDescriptorProto) -> FileDescriptorProto:
    """The file with its types' names in full, as a pool knows it, and no names for JSON."""
    pool = DescriptorPool()
    pool.AddSerializedFile(TIMESTAMP_FILE.serialized_pb)
    pool.Add(file)
    resolved = FileDescriptorProto()
    pool.FindFileByName(file.name).CopyToProto(resolved)
    _clear_json_names(resolved.message_type)
    return resolved


def _clear_json_names(messages: Iterable[DescriptorProto]) -> None:
    for message in messages:
        _clear_json_names(message.nested_type)
        for field in message.field:
            field.ClearField("json_name")


def _received(contract: Contract, line: bytes) -> dict[str, Any]:
    cast = Judge(contract, RUN_DATE).cast(line.decode())
    assert isinstance(cast, Accepted)
    return {each.name: cast.row[each.name] for each in contract.received_columns}


def _row(contract: Contract, message: Any) -> dict[str, Any]:
    return {
        column.name: _field(column.type, column.required, message, column.name)
        for column in contract.received_columns
    }


def _field(kind: Type, required: bool, message: Any, name: str) -> Any:
    if kind.kind == "array":
        assert kind.element is not None
        return [_value(kind.element, each) for each in getattr(message, name)]
    if not required and not message.HasField(name):
        return None
    return _value(kind, getattr(message, name))


def _value(kind: Type, value: Any) -> Any:
    match kind.kind:
        case "object":
            return {
                field.name: _field(field.type, field.required, value, field.name)
                for field in kind.fields
            }
        case "timestamp":
            epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
            return epoch + timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)
        case "date":
            return date.fromisoformat(value)
        case "decimal":
            return caster(kind, "json")(Number(value))
    return value
