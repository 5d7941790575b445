"""What single values look like, and the type that most of a column's values share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from etl.casts import caster
from etl.contracts.names import name_fault
from etl.model import Encoding, Field, Type
from etl.proposing.dates import AmbiguousDates, find_date_type
from etl.proposing.types import number_type, text_type
from etl.received import Number, Unfit, shorten

_EMPTY_COLUMN = Type(kind="string", max_bytes=256)

_WHOLE = re.compile(r"-?[0-9]+")
_FRACTION = re.compile(r"-?[0-9]+\.[0-9]+")
_EXPONENT = re.compile(r"-?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]+")
_CODE = re.compile(r"-?0[0-9]+")  # its zeros would be lost
_ODD_NUMBER = re.compile(r"[-+]?[$€£]? ?[0-9]{1,3}([., ']?[0-9]{3})*([.,][0-9]+)? ?[$€£%]?")
_FAMILY = {"integer": "number", "decimal": "number", "double": "number", "code": "string"}
_SHOWN_MISFITS = 3
_NULL_WORDS = {"na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", "?"}


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A column's type.

    Attributes:
        misfits: How many values are none of the type's; their rows go to quarantine.
        examples: Some of them.
        null_words: Texts that stand for no value, such as NA among numbers.
        note: What a person should know of the choice.
    """

    type: Type
    misfits: int = 0
    examples: tuple[str, ...] = ()
    null_words: tuple[str, ...] = ()
    note: str = ""


def kind_of(value: Any, encoding: Encoding) -> str:
    """What a value that is not None looks like: a kind of `Type`, or "code" for digits that begin
    with a zero."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, list):
        return "array"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, Number) or encoding == "text":
        number = _number_kind(value)
        if number or isinstance(value, Number):
            return number or "double"
    if encoding == "text" and value.lower() in ("true", "false"):
        return "boolean"
    for kind in ("date", "timestamp"):
        if _is_a(kind, value):
            return kind
    return "string"


def _number_kind(text: str) -> str | None:
    if _CODE.fullmatch(text):
        return "code"
    if _WHOLE.fullmatch(text):
        return "integer"
    if _FRACTION.fullmatch(text):
        return "decimal"
    return "double" if _EXPONENT.fullmatch(text) else None


def _is_a(kind: str, value: str) -> bool:
    try:
        _CASTERS[kind](value)
    except Unfit:
        return False
    return True


_CASTERS: dict[str, Callable[[Any], Any]] = {
    "date": caster(Type(kind="date"), "text"),
    "timestamp": caster(Type(kind="timestamp"), "text"),
}


def choose_type(values: Sequence[Any], encoding: Encoding, *, misfit_percent: float) -> Chosen:
    """The narrowest type that holds a column's values, but for a few.

    Args:
        misfit_percent: So many of the values that are there may be none of the type's. Where more
            are, text is chosen, which holds any text; JSON has none that holds numbers, too.
    """
    given = [each for each in values if each is not None]
    if not given:
        return Chosen(type=_EMPTY_COLUMN)
    if encoding == "text":
        words = {each for each in given if each.lower() in _NULL_WORDS}
        others = [each for each in given if each not in words]
        if words and others:
            chosen = _choose(others, encoding, misfit_percent)
            if chosen.type.kind != "string":
                return replace(chosen, null_words=tuple(sorted(words)))
    return _choose(given, encoding, misfit_percent)


def _choose(given: Sequence[Any], encoding: Encoding, misfit_percent: float) -> Chosen:
    kinds = [kind_of(each, encoding) for each in given]
    family = _common_family(kinds, encoding, misfit_percent)
    note = ""
    if family == "string" and "code" not in kinds:
        dated, note = _as_dates(given, kinds, misfit_percent)
        if dated is not None:
            return dated
    is_text = family == "string" and encoding == "text"
    if is_text and _look_like_numbers(given):
        note = "numbers, but not as they are read (1234.50): kept as text"
    fits = [_is_of(family, kind, is_text) for kind in kinds]
    members = [value for value, fit in zip(given, fits) if fit]
    member_kinds = {kind for kind, fit in zip(kinds, fits) if fit}
    type_ = _type_of(family, member_kinds, members, encoding, misfit_percent)
    if type_ is None:  # digits beyond every number
        return Chosen(type=text_type([*map(str, given)]))
    misfits = [value for value, fit in zip(given, fits) if not fit]
    return Chosen(type=type_, misfits=len(misfits), examples=_shown(misfits), note=note)


def _common_family(kinds: Sequence[str], encoding: Encoding, misfit_percent: float) -> str:
    """What most values are: a kind, or "number"."""
    families = Counter(_FAMILY.get(each, each) for each in kinds)
    family, count = families.most_common(1)[0]
    if encoding == "text":
        # One code among numbers makes codes of them all.
        is_mixed = 100 * (len(kinds) - count) > misfit_percent * len(kinds)
        return "string" if is_mixed or "code" in kinds else family
    is_text = set(families) <= {"string", "date", "timestamp"} and len(families) > 1
    return "string" if is_text else family


def _as_dates(
    given: Sequence[Any], kinds: Sequence[str], misfit_percent: float
) -> tuple[Chosen | None, str]:
    """The values as dates in another format, if they are; else what to say of them."""
    texts = [each for each, kind in zip(given, kinds) if kind == "string"]
    try:
        type_ = find_date_type(texts, misfit_percent=misfit_percent) if texts else None
    except AmbiguousDates as error:
        return None, f"dates, but day and month cannot be told apart ({error}): kept as text"
    if type_ is None:
        return None, ""
    fits = _fitting(type_)
    misfits = [each for each in given if not fits(each)]
    if 100 * len(misfits) > misfit_percent * len(given):
        return None, "dates in more than one format: kept as text"
    has_zone = type_.kind == "date" or type_.format.endswith("XXX")
    note = "" if has_zone else "timestamps without a zone are taken to be UTC"
    return Chosen(type=type_, misfits=len(misfits), examples=_shown(misfits), note=note), note


def _look_like_numbers(given: Sequence[str]) -> bool:
    """Whether all are numbers with signs of thousands, a decimal comma, a currency or a percent."""
    return all(map(_ODD_NUMBER.fullmatch, given)) and not any(map(_WHOLE.fullmatch, given))


def _fitting(type_: Type) -> Callable[[Any], bool]:
    cast = caster(type_, "json")

    def fits(value: Any) -> bool:
        try:
            cast(value)
        except Unfit:
            return False
        return True

    return fits


def _is_of(family: str, kind: str, is_text: bool) -> bool:
    if family == "string":
        return is_text or kind in ("string", "date", "timestamp", "code")
    return _FAMILY.get(kind, kind) == family


def _shown(misfits: Sequence[Any]) -> tuple[str, ...]:
    texts = dict.fromkeys(shorten(str(each)) for each in misfits)
    return tuple(texts)[:_SHOWN_MISFITS]


def _type_of(
    family: str, kinds: set[str], members: Sequence[Any], encoding: Encoding, misfit_percent: float
) -> Type | None:
    match family:
        case "number":
            return number_type(kinds, members, encoding)
        case "array":
            elements = [each for value in members for each in value]
            return Type(kind="array", element=_element_type(elements, misfit_percent))
        case "boolean":
            return Type(kind="boolean")
        case "date":
            return Type(kind="date")
        case "timestamp":
            return Type(kind="timestamp")
    return text_type(members)


def _element_type(elements: Sequence[Any], misfit_percent: float) -> Type | None:
    """What an array holds: a scalar, or an object of scalars; None where it is neither."""
    if not any(isinstance(each, list | dict) for each in elements):
        return choose_type(elements, "json", misfit_percent=misfit_percent).type
    if not all(isinstance(each, dict) for each in elements):
        return None
    fields = []
    for name in dict.fromkeys(name for each in elements for name in each):
        values = [each.get(name) for each in elements]
        if not name_fault(name) and not any(isinstance(each, list | dict) for each in values):
            found = choose_type(values, "json", misfit_percent=misfit_percent)
            fields.append(Field(name=name, type=found.type))
    return Type(kind="object", fields=tuple(fields)) if fields else None


def comparable(value: Any, type_: Type) -> Any:
    """A value as what it is compared by; None if it is none of the type's."""
    if value is None or type_.kind in ("array", "object"):
        return None
    if type_.kind in ("integer", "decimal", "double"):
        return Decimal(value) if _number_kind(str(value)) else None
    if type_.kind in ("date", "timestamp"):
        return caster(type_, "json")(value) if _fitting(type_)(value) else None
    return value
