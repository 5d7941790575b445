"""The narrowest types that hold values, with room to grow."""

from __future__ import annotations

from collections.abc import Sequence

from etl.contracts.physical_types import LONGEST_VARCHAR, MOST_DIGITS
from etl.model import Encoding, Type

_LENGTHS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, LONGEST_VARCHAR)
_INTEGER_DIGITS = 18  # that every 64-bit integer has room for
_LARGEST_INTEGER = 2**31 // 10  # keys and counts grow
_MONEY_SCALE = 4  # more digits after the point, and of differing number, are measurements


def number_type(kinds: set[str], members: Sequence[str], encoding: Encoding) -> Type | None:
    """A type for numbers as they are written; None where only text holds all their digits.

    Args:
        kinds: Which of integer, decimal and double (with an exponent) are among them.
    """
    parts = [each.lstrip("-").partition(".") for each in members]
    whole = max(len(each[0].lstrip("0")) for each in parts)
    if kinds == {"integer"}:
        if whole <= _INTEGER_DIGITS:
            largest = max(abs(int(each)) for each in members)
            return Type(kind="integer", bits=32 if largest < _LARGEST_INTEGER else 64)
        if whole <= MOST_DIGITS:
            return Type(kind="decimal", precision=MOST_DIGITS, scale=0)
        return None if encoding == "text" else Type(kind="double")
    scales = {len(each[2]) for each in parts if each[2]}
    scale = max(scales, default=0)
    is_measured = scale > _MONEY_SCALE and len(scales) > 1
    if "double" in kinds or is_measured or whole + scale > MOST_DIGITS:
        return Type(kind="double")
    scale = max(2, scale)
    precision = min(MOST_DIGITS, max(12, whole + 2 + scale))
    return Type(kind="decimal", precision=precision, scale=scale)


def text_type(members: Sequence[str]) -> Type:
    """Text, with room for twice the longest value."""
    longest = max((len(each.encode("utf-8", "replace")) for each in members), default=1)
    room = next((each for each in _LENGTHS if each >= 2 * longest), LONGEST_VARCHAR)
    return Type(kind="string", max_bytes=room)
