"""Protobuf messages, each after its length as a varint, as protobuf's own libraries read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timezone
from functools import partial
from typing import Any

from etl.formats.proto_schema import message_class
from etl.formats.rows import Row, RowLayout, row_reader
from etl.formats.text import as_text
from etl.model import Contract, Field, Type
from etl.received import Unfit

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY_SECONDS = 86_400

_Converter = Callable[[Any], Any]


def protobuf_layout(contract: Contract, run_date: date) -> RowLayout:
    """The received columns as length-delimited messages."""
    return RowLayout(
        suffix=".pb",
        content_type="application/x-protobuf",
        read=row_reader(contract, run_date),
        write=_row_writer(contract),
    )


def _row_writer(contract: Contract) -> Callable[[Row], bytes]:
    make_message = message_class(contract)
    converters = {each.name: _converter(each.type) for each in contract.received_columns}

    def write(row: Row) -> bytes:
        message = make_message(**_convert_fields(converters, row))
        body: bytes = message.SerializeToString(deterministic=True)
        return _varint(len(body)) + body

    return write


def _convert_fields(converters: dict[str, _Converter], row: Row) -> dict[str, Any]:
    fields = {}
    for name, convert in converters.items():
        if (value := row[name]) is not None:
            try:
                fields[name] = convert(value)
            except Unfit as error:
                raise Unfit(f"{name}: {error}") from None
    return fields


def _converter(kind: Type) -> _Converter:
    match kind.kind:
        case "decimal" | "date":
            return as_text
        case "timestamp":
            return _timestamp
        case "array":
            assert kind.element is not None, "the contract's loader gives arrays an element"
            return partial(_array, _converter(kind.element))
        case "object":
            return partial(_convert_fields, _field_converters(kind.fields))
    return _as_it_is


def _field_converters(fields: tuple[Field, ...]) -> dict[str, _Converter]:
    return {field.name: _converter(field.type) for field in fields}


def _as_it_is(value: Any) -> Any:
    return value


def _timestamp(value: datetime) -> dict[str, int]:
    since = value - _EPOCH
    seconds = since.days * _DAY_SECONDS + since.seconds
    return {"seconds": seconds, "nanos": since.microseconds * 1000}


def _array(convert: _Converter, value: list[Any]) -> list[Any]:
    if None in value:
        raise Unfit(f"element {value.index(None)}: null, which no repeated field can hold")
    return [convert(each) for each in value]


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)
