"""What each type accepts, by the table in docs/contracts.md: a part of the tests' oracle."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from support.oracle_json import Number

_PARTS = re.compile(r"([A-Z ]+)(?:\((\d+)(?:, (\d+))?\))?")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_DAY_OF_US = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")  # M/d/yyyy
_GERMAN_MOMENT = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4}) ([0-9]{2}):([0-9]{2})")
_WHOLE = re.compile(r"-?[0-9]+")
_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_FLOAT = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class Refused(Exception):
    """The value is none of the type's."""


def read_value(kind: str, value: Any, *, is_text: bool, format: str = "") -> Any:
    """A received value as a physical type has it; None for NULL.

    Args:
        is_text: It comes from CSV, where all is text and an empty one is NULL.
        format: How a date or timestamp is written, where it is not as ISO 8601 has it.
    """
    if value is None or (is_text and value == ""):
        return None
    if is_text and type(value) is not str:
        raise Refused
    found = _PARTS.fullmatch(kind)
    assert found is not None, kind
    sizes = [int(each) for each in found.groups()[1:] if each]
    name = found[1]
    if name == "VARCHAR":
        return fit_text(_text(value), *sizes)
    if name in ("INTEGER", "BIGINT"):
        return fit_whole(kind, _number(_WHOLE, value, is_text))
    if name == "DECIMAL":
        return _decimal(value, *sizes)
    if name == "DOUBLE PRECISION":
        return _finite(_number(_FLOAT, value, is_text))
    if name == "BOOLEAN":
        return _boolean(value, is_text)
    if name == "DATE":
        return _from_us(value) if format else _day(value)
    assert name == "TIMESTAMPTZ", kind
    return _from_german(value) if format else _moment(value)


def fit_value(kind: str, value: Any) -> Any:
    """A computed value as a physical type has it."""
    sizes = [int(each) for each in re.findall(r"\d+", kind)]
    if value is None:
        return None
    if kind.startswith("VARCHAR"):
        return fit_text(value, *sizes)
    if kind.startswith("DECIMAL"):
        return fit_decimal(Decimal(value), *sizes)
    return fit_whole(kind, str(value)) if kind in ("INTEGER", "BIGINT") else value


def fit_text(text: str, limit_bytes: int) -> str:
    """The text, if VARCHAR(n) holds it."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Refused from None
    if "\0" in text or size > limit_bytes:
        raise Refused
    return text


def fit_whole(kind: str, text: str) -> int:
    """The number, if the type holds it."""
    digits = text.lstrip("-0")
    bits = 31 if kind == "INTEGER" else 63
    if len(digits) > 19 or not -(2**bits) <= int(text) < 2**bits:
        raise Refused
    return int(text)


def fit_decimal(number: Decimal, precision: int, scale: int) -> Decimal:
    """The number, if DECIMAL(p, s) holds it with all its digits."""
    if not number:
        return Decimal(0)
    if number.adjusted() >= precision - scale or number.adjusted() < -scale:
        raise Refused
    with localcontext() as context:
        context.prec = 200
        units = number.scaleb(scale)
        if units != units.to_integral_value():
            raise Refused
        return +number


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Refused
    return value


def _number(pattern: re.Pattern[str], value: Any, is_text: bool) -> str:
    if type(value) is not (str if is_text else Number) or not pattern.fullmatch(value):
        raise Refused
    return str(value)


def _decimal(value: Any, precision: int, scale: int) -> Decimal:
    is_number = type(value) is Number
    if not is_number and not (type(value) is str and _PLAIN.fullmatch(value)):
        raise Refused
    try:
        return fit_decimal(Decimal(value), precision, scale)
    except InvalidOperation:  # its exponent is beyond all bounds
        raise Refused from None


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise Refused
    return number


def _boolean(value: Any, is_text: bool) -> bool:
    if is_text and value.lower() in ("true", "false"):
        return bool(value.lower() == "true")
    if type(value) is not bool:
        raise Refused
    return value


def _day(value: Any) -> date:
    found = _DAY.fullmatch(_text(value))
    if found is None:
        raise Refused
    return _make_day(*found.groups())


def _from_us(value: Any) -> date:
    found = _DAY_OF_US.fullmatch(_text(value))
    if found is None:
        raise Refused
    return _make_day(found[3], found[1], found[2])


def _make_day(year: str, month: str, day: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise Refused from None


def _moment(value: Any) -> datetime:
    found = _MOMENT.fullmatch(_text(value))
    if found is None:
        raise Refused
    day = _make_day(*found.groups()[:3])
    hour, minute, second = map(int, found.groups()[3:6])
    hours, minutes = int(found[9] or 0), int(found[10] or 0)
    if hours > 23 or minutes > 59:
        raise Refused
    east = timedelta(hours=hours, minutes=minutes) * (-1 if found[8] == "-" else 1)
    return _make_moment(day, hour, minute, second, int((found[7] or "").ljust(6, "0")), east)


def _from_german(value: Any) -> datetime:
    found = _GERMAN_MOMENT.fullmatch(_text(value))
    if found is None:
        raise Refused
    day = _make_day(found[3], found[2], found[1])
    return _make_moment(day, int(found[4]), int(found[5]), 0, 0, timedelta(0))


def _make_moment(
    day: date, hour: int, minute: int, second: int, microsecond: int, east: timedelta
) -> datetime:
    try:
        there = datetime(day.year, day.month, day.day, hour, minute, second, microsecond)
        return (there - east).replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        raise Refused from None
