"""How a database's value becomes JSON: exactly, or so that the judge rejects it with a reason."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from json.encoder import encode_basestring as quote
from typing import Any, NoReturn
from uuid import UUID

from etl.sources.lines import MALFORMED, encode_json

_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)" r"(?:[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(?:(Z)|([+-]\d\d)(?::?(\d\d))?)?)?"
)


class _Unfit(Exception):
    """A value that JSON has nothing for; the message says what it is."""


class RowEncoder:
    """Writes rows of one shape as JSON lines.

    Args:
        columns: Name and the contract's kind of type of each value.
        zone: What timestamps without a zone are in.
    """

    def __init__(self, columns: Sequence[tuple[str, str]], zone: tzinfo) -> None:
        self._columns = [(name, quote(name) + ":", kind) for name, kind in columns]
        self._zone = zone

    def __call__(self, row: Sequence[Any]) -> bytes:
        """One row, without a newline."""
        parts, problems = [], []
        for (name, prefix, kind), value in zip(self._columns, row, strict=True):
            try:
                parts.append(prefix + encode_value(value, kind, self._zone))
            except _Unfit as error:
                problems.append(f"column {name} holds {error}, which JSON does not have")
                parts.append(prefix + _shown(value))
        if problems:
            parts.insert(0, f"{quote(MALFORMED)}:{quote('; '.join(problems))}")
        return encode_json("{" + ",".join(parts) + "}")


def encode_value(value: Any, kind: str, zone: tzinfo) -> str:
    """A value as JSON text.

    Args:
        kind: What the contract takes it for. A boolean may be stored as 0 and 1, a timestamp or
            JSON as text; anything else is written as it is, for the judge to judge.
    """
    if value is None:
        return "null"
    if isinstance(value, str):
        return _encode_text(value, kind, zone)
    if kind == "boolean" and isinstance(value, (int, Decimal)) and value in (0, 1):
        return "true" if value else "false"
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(value) if math.isfinite(value) else quote(str(value))
        case Decimal():
            return format(value, "f") if value.is_finite() else quote(str(value))
        case datetime():
            return quote(_with_zone(value, zone))
        case date() | UUID():
            return quote(str(value))
    raise _Unfit(f"a {type(value).__name__}")


def iso_timestamp(text: str, zone: tzinfo) -> str:
    """A timestamp's text as ISO 8601 has it, with seconds and a zone; other text as it is."""
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        return text
    day, time, seconds, is_utc, hours, minutes = found.groups()
    time = f"{time or '00:00'}{seconds or ':00'}"
    if is_utc:
        return f"{day}T{time}Z"
    if hours:
        return f"{day}T{time}{hours}:{minutes or '00'}"
    try:
        offset = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=zone).isoformat()[-6:]
    except ValueError:  # no such day or hour
        return text
    return f"{day}T{time}{offset}"


def _encode_text(value: str, kind: str, zone: tzinfo) -> str:
    if kind == "timestamp":
        return str(quote(iso_timestamp(value, zone)))
    if kind in ("array", "object") and _is_json(value):
        return value
    return str(quote(value))


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _with_zone(value: datetime, zone: tzinfo) -> str:
    return (value if value.tzinfo else value.replace(tzinfo=zone)).isoformat()


def _shown(value: Any) -> str:
    """What can be kept of a value that JSON has nothing for."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f'"{base64.b64encode(bytes(value)).decode()}"'
    return str(quote(str(value)))
