"""What PostgreSQL tells a client, as Redshift would tell it."""

from __future__ import annotations

import re
import struct

from local_cloud.redshift import messages

_SUPER_OID = 4000  # Redshift's
_VERSION = "8.0.2"  # of the PostgreSQL that Redshift says it is
_BYTES = re.compile(r"redshift_bytes_\d+_(\d+)")
_CONFLICT = "40001"
_NULL = "23502"
_MERGED_TWICE = "21000"


class Translator:
    """Rewrites the frames that show that PostgreSQL is not Redshift.

    Args:
        super_oid: The type that stands for SUPER in this database.
        is_psql: Its backslash commands ask the catalogue of the version they are told.
    """

    def __init__(self, super_oid: int, *, is_psql: bool = False) -> None:
        self._super_oid = struct.pack("!I", super_oid)
        self._is_psql = is_psql

    def frame(self, kind: bytes, payload: bytes) -> bytes:
        """The frame that the client is to get; empty for none."""
        if kind in (b"E", b"N"):
            return messages.fields_message(kind, translate_error(messages.read_fields(payload)))
        if kind == b"S":
            name, value = payload[:-1].decode().split("\0", 1)
            if name == "server_version" and not self._is_psql:
                value = _VERSION
            return messages.parameter_status(name, value)
        if kind == b"T" and self._super_oid in payload:
            return messages.message(kind, self._row_description(payload))
        if kind == b"t" and self._super_oid in payload:
            oids = struct.unpack(f"!{(len(payload) - 2) // 4}I", payload[2:])
            own = struct.unpack("!I", self._super_oid)[0]
            mapped = [_SUPER_OID if oid == own else oid for oid in oids]
            return messages.message(kind, payload[:2] + struct.pack(f"!{len(mapped)}I", *mapped))
        return messages.message(kind, payload)

    def _row_description(self, payload: bytes) -> bytes:
        mapped = bytearray(payload)
        place = 2
        for _ in range(struct.unpack_from("!H", payload)[0]):
            place = payload.index(b"\0", place) + 7  # the name, its table and its column
            if mapped[place : place + 4] == self._super_oid:
                mapped[place : place + 4] = struct.pack("!I", _SUPER_OID)
            place += 12
        return bytes(mapped)


def translate_error(fields: dict[str, str]) -> dict[str, str]:
    """An error's fields in Redshift's words."""
    fields = {name: value for name, value in fields.items() if name not in "FLRPpqW"}
    if found := _BYTES.fullmatch(fields.get("n", "")):
        return _replaced(fields, "22001", f"value too long for type character varying({found[1]})")
    if fields.get("C") == _CONFLICT:
        table = fields.get("t", "0")
        detail = (
            f"Serializable isolation violation on table - {table}, transactions forming the cycle"
            f" are: 0, 0 (pid:0)"
        )
        return _replaced(fields, "XX000", "1023", detail)
    if fields.get("C") == _NULL:
        return _replaced(fields, _NULL, f"Cannot insert a NULL value into column {fields.get('c')}")
    if fields.get("C") == _MERGED_TWICE and fields.get("M", "").startswith("MERGE"):
        return _replaced(fields, "XX000", "Found multiple matches to update the same tuple")
    return fields


def _replaced(fields: dict[str, str], code: str, text: str, detail: str = "") -> dict[str, str]:
    kept = {name: value for name, value in fields.items() if name in "SV"}
    return kept | {"C": code, "M": text} | ({"D": detail} if detail else {})
