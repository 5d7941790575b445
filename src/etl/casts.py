"""What each type accepts, in plain Python: one caster per type and encoding.

A caster takes a decoded JSON value and returns what the warehouse will hold: str, int, Decimal (at
the type's scale), float, bool, date, datetime (UTC), or a list of these or of dicts. None stands
for NULL. `Unfit` says why a value is none of the type's.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from etl.date_formats import read_day, read_moment
from etl.model import Encoding, Field, Type
from etl.received import Number, Unfit, Unlike, show

T = TypeVar("T")

Caster = Callable[[Any], Any]

_INTEGER = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DOUBLE = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"(Z|[+-][0-9]{2}:[0-5][0-9])"
)
_BOOLEANS = {"true": True, "false": False}

_INTEGER_DIGITS = 19  # of the largest 64-bit integer
_EXACT = decimal.Context(prec=80, traps=[decimal.Inexact, decimal.InvalidOperation])


def caster(kind: Type, encoding: Encoding) -> Caster:
    """What turns received values into values of the type."""
    if encoding == "text":
        return partial(_cast_text, partial(_TEXT[kind.kind], kind))
    if kind.kind == "array":
        assert kind.element is not None
        return partial(_cast_array, _element_caster(kind.element))
    return partial(_cast_json, partial(_JSON[kind.kind], kind))


def fit(kind: Type, value: Any) -> Any:
    """A computed value as a value of the type.

    Raises:
        Unfit: It is too long or too large, or would have to be rounded.
    """
    if value is None:
        return None
    match kind.kind:
        case "string":
            return _fit_string(kind, value)
        case "integer":
            return _fit_integer(kind, int(value))
        case "decimal":
            return _fit_decimal(kind, Decimal(value), str(value))
        case "double":
            return float(value) + 0.0
    return value


def _cast_json(cast: Caster, value: Any) -> Any:
    return None if value is None else cast(value)


def _cast_text(cast: Caster, value: Any) -> Any:
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise Unlike(f"expected text, got {show(value)}")
    return cast(value)


def _cast_array(cast: Caster, value: Any) -> list[Any] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise Unlike(f"expected array, got {show(value)}")
    elements = []
    for index, each in enumerate(value):
        try:
            elements.append(cast(each))
        except Unfit as error:
            raise Unfit(f"element {index}: {error}") from None
    return elements


def _element_caster(element: Type) -> Caster:
    if element.kind != "object":
        return caster(element, "json")
    fields = [(field, caster(field.type, "json")) for field in element.fields]
    return partial(_cast_object, fields)


def _cast_object(fields: list[tuple[Field, Caster]], value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Unlike(f"expected object, got {show(value)}")
    cast_fields = {}
    for field, cast in fields:
        try:
            cast_fields[field.name] = cast(value.get(field.name))
        except Unfit as error:
            raise Unfit(f"{field.name}: {error}") from None
        if field.required and cast_fields[field.name] is None:
            raise Unfit(f"{field.name}: required, but missing or null")
    return cast_fields


def _string(kind: Type, value: Any) -> str:
    if type(value) is not str:
        raise Unlike(f"expected string, got {show(value)}")
    return _fit_string(kind, value)


def _fit_string(kind: Type, value: str) -> str:
    if "\0" in value:
        raise Unfit(f"holds a NUL character, got {show(value)}")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise Unfit(f"holds half a surrogate pair, got {show(value)}") from None
    if size > kind.max_bytes:
        raise Unfit(f"longer than {kind.max_bytes} bytes ({size}), got {show(value)}")
    return value


def _json_integer(kind: Type, value: Any) -> int:
    if type(value) is not Number or not _INTEGER.fullmatch(value):
        raise Unlike(f"expected integer, got {show(value)}")
    return _integer_of(kind, value)


def _text_integer(kind: Type, value: str) -> int:
    if not _INTEGER.fullmatch(value):
        raise Unlike(f"expected integer, got {show(value)}")
    return _integer_of(kind, value)


def _integer_of(kind: Type, text: str) -> int:
    # A million digits would take int() minutes; leading zeros do not count.
    digits = text.lstrip("-").lstrip("0") or "0"
    if len(digits) > _INTEGER_DIGITS:
        raise Unfit(f"does not fit {kind.bits} bits, got {show(Number(text))}")
    return _fit_integer(kind, -int(digits) if text.startswith("-") else int(digits))


def _fit_integer(kind: Type, value: int) -> int:
    limit = 1 << (kind.bits - 1)
    if not -limit <= value < limit:
        raise Unfit(f"does not fit {kind.bits} bits, got {show(Number(value))}")
    return value


def _json_decimal(kind: Type, value: Any) -> Decimal:
    if type(value) is not Number:
        return _text_decimal(kind, value)
    try:
        number = Decimal(value)
    except decimal.InvalidOperation:  # an exponent beyond what Decimal holds
        raise _unfit_decimal(kind, value) from None
    return _fit_decimal(kind, number, value)


def _text_decimal(kind: Type, value: Any) -> Decimal:
    if type(value) is not str or not _DECIMAL.fullmatch(value):
        raise Unlike(f"expected decimal, got {show(value)}")
    return _fit_decimal(kind, Decimal(value), value)


def _fit_decimal(kind: Type, value: Decimal, shown: str) -> Decimal:
    if not value:
        return Decimal((0, (0,), -kind.scale))
    if value.adjusted() >= kind.precision - kind.scale:
        raise _unfit_decimal(kind, shown)
    try:
        return value.quantize(Decimal((0, (1,), -kind.scale)), context=_EXACT)
    except (decimal.Inexact, decimal.InvalidOperation):
        raise _unfit_decimal(kind, shown) from None


def _unfit_decimal(kind: Type, shown: str) -> Unfit:
    return Unfit(f"does not fit decimal({kind.precision},{kind.scale}), got {show(Number(shown))}")


def _json_double(kind: Type, value: Any) -> float:
    if type(value) is not Number:
        raise Unlike(f"expected number, got {show(value)}")
    return _double_of(value)


def _text_double(kind: Type, value: str) -> float:
    if not _DOUBLE.fullmatch(value):
        raise Unlike(f"expected number, got {show(value)}")
    return _double_of(value)


def _double_of(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise Unfit(f"too large for a double, got {show(Number(text))}")
    return number + 0.0  # makes -0.0 plain 0.0: engines differ on "-0"


def _json_boolean(kind: Type, value: Any) -> bool:
    if type(value) is not bool:
        raise Unlike(f"expected boolean, got {show(value)}")
    return value


def _text_boolean(kind: Type, value: str) -> bool:
    found = _BOOLEANS.get(value.lower())
    if found is None:
        raise Unlike(f"expected boolean, got {show(value)}")
    return found


def _day(kind: Type, value: Any) -> date:
    if kind.format:
        return _formatted(kind, value, read_day)
    if type(value) is str and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise Unlike(f"expected date YYYY-MM-DD, got {show(value)}")


def _formatted(kind: Type, value: Any, read: Callable[[str, str], T | None]) -> T:
    found = read(kind.format, value) if type(value) is str else None
    if found is None:
        raise Unlike(f"expected {kind.kind} {kind.format}, got {show(value)}")
    return found


def _timestamp(kind: Type, value: Any) -> datetime:
    if kind.format:
        return _formatted(kind, value, read_moment)
    if type(value) is str and _TIMESTAMP.fullmatch(value):
        try:
            return datetime.fromisoformat(value).astimezone(timezone.utc)
        except (ValueError, OverflowError):
            pass
    raise Unlike(f"expected timestamp YYYY-MM-DDTHH:MM:SS[.ffffff] with zone, got {show(value)}")


def _text_array(kind: Type, value: str) -> None:
    raise Unlike(f"expected array, which text cannot hold, got {show(value)}")


_JSON: dict[str, Callable[[Type, Any], Any]] = {
    "string": _string,
    "integer": _json_integer,
    "decimal": _json_decimal,
    "double": _json_double,
    "boolean": _json_boolean,
    "date": _day,
    "timestamp": _timestamp,
}
_TEXT = _JSON | {
    "integer": _text_integer,
    "decimal": _text_decimal,
    "double": _text_double,
    "boolean": _text_boolean,
    "array": _text_array,
}
