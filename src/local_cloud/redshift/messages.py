"""Messages of the PostgreSQL protocol, version 3."""

from __future__ import annotations

import asyncio
import struct

from local_cloud.redshift.errors import SqlError

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102
MAX_MESSAGE_BYTES = 64 * 1024 * 1024  # Redshift takes statements of 16 MB

_ERROR_FIELDS = {"M": "message", "C": "code", "D": "detail", "H": "hint"}


def message(kind: bytes, payload: bytes = b"") -> bytes:
    """One message."""
    return kind + struct.pack("!I", len(payload) + 4) + payload


def query(sql: str) -> bytes:
    """A simple query."""
    return message(b"Q", sql.encode() + b"\0")


def parse(name: bytes, sql: str, rest: bytes) -> bytes:
    """Parse; `rest` is the number of parameters and their types."""
    return message(b"P", name + b"\0" + sql.encode() + b"\0" + rest)


def startup(parameters: dict[str, str]) -> bytes:
    """The message that opens a session."""
    body = b"".join(
        name.encode() + b"\0" + value.encode() + b"\0" for name, value in parameters.items()
    )
    return struct.pack("!II", len(body) + 9, 3 << 16) + body + b"\0"


def parameter_status(name: str, value: str) -> bytes:
    """Tell the client a setting."""
    return message(b"S", name.encode() + b"\0" + value.encode() + b"\0")


def command_complete(tag: str) -> bytes:
    """A statement is done."""
    return message(b"C", tag.encode() + b"\0")


def ready(status: bytes) -> bytes:
    """The next statement may come; `status` is I, T or E."""
    return message(b"Z", status)


def error_response(error: SqlError, *, severity: str = "ERROR") -> bytes:
    """A statement or a session fails."""
    fields = {"S": severity, "V": severity, "C": error.code, "M": error.message}
    fields |= {"D": error.detail} if error.detail else {}
    fields |= {"H": error.hint} if error.hint else {}
    return fields_message(b"E", fields)


def fields_message(kind: bytes, fields: dict[str, str]) -> bytes:
    """An error or a notice."""
    body = b"".join(name.encode() + value.encode() + b"\0" for name, value in fields.items())
    return message(kind, body + b"\0")


def read_fields(payload: bytes) -> dict[str, str]:
    """The fields of an error or a notice, by their letter."""
    parts = payload.rstrip(b"\0").split(b"\0")
    return {part[:1].decode(): part[1:].decode("utf-8", "replace") for part in parts if part}


def sql_error(fields: dict[str, str]) -> SqlError:
    """An error's fields as an exception."""
    return SqlError(**{_ERROR_FIELDS[k]: v for k, v in fields.items() if k in _ERROR_FIELDS})


def read_row(payload: bytes) -> list[str | None]:
    """The values of a row in text format."""
    values: list[str | None] = []
    place = 2
    for _ in range(struct.unpack_from("!H", payload)[0]):
        (size,) = struct.unpack_from("!i", payload, place)
        place += 4
        values.append(None if size < 0 else payload[place : place + size].decode())
        place += max(size, 0)
    return values


def cut_string(payload: bytes) -> tuple[bytes, bytes]:
    """A zero-terminated string and what follows it."""
    text, _, rest = payload.partition(b"\0")
    return text, rest


async def read_startup(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The code and the rest of the message that opens a connection."""
    size, code = struct.unpack("!II", await reader.readexactly(8))
    if not 8 <= size <= 65536:
        raise ConnectionError("not a PostgreSQL client")
    return code, await reader.readexactly(size - 8)


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Kind and payload of a client's next message."""
    kind, size = struct.unpack("!cI", await reader.readexactly(5))
    if not 4 <= size <= MAX_MESSAGE_BYTES:
        raise ConnectionError(f"a message of {size} bytes")
    return kind, await reader.readexactly(size - 4)
