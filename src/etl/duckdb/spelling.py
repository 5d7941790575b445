"""JSON's values in their usual spelling, as RE2's patterns: what matches, DuckDB reads as the judge
does. Every pattern is a part of JSON's grammar."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from etl.duckdb.sql import is_plain
from etl.duckdb.types import duckdb_type
from etl.model import Type

EXACT_DIGITS = 15  # of a decimal number that every double gives back
_COUNTED = 100  # a pattern's repetitions; RE2 refuses many

_ESCAPE = (
    r'\\(?:["\\/bfnrt]|u(?:[1-9A-CE-Fa-ce-f][0-9A-Fa-f]{3}'  # no half of a character,
    r"|0[1-9A-Fa-f][0-9A-Fa-f]{2}|00[1-9A-Fa-f][0-9A-Fa-f]))"  # no NUL
)
ANY_STRING = rf'"(?:[^"\\\x00-\x1F]|{_ESCAPE})*"'
ANY_SCALAR = (
    rf"(?:{ANY_STRING}|-?(?:0|[1-9][0-9]{{0,14}})|-?(?:0|[1-9][0-9]{{0,7}})\.[0-9]{{1,7}}"
    "|true|false|null)"
)

_DAY = (  # a leap day is no usual one
    "[12][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_ZONE = "(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"


def usual_value(kind: Type) -> str | None:
    """The pattern of a type's values, None for a type that has none.

    An object is one with its fields in the contract's order, and no others.
    """
    match kind.kind:
        case "string" if kind.max_bytes <= _COUNTED:
            return rf'"[ !#-\[\]-~]{{0,{kind.max_bytes}}}"'
        case "integer":
            return _whole(9 if kind.bits == 32 else 18)
        case "decimal" if kind.precision <= EXACT_DIGITS and kind.precision > kind.scale:
            fraction = rf"(?:\.[0-9]{{1,{kind.scale}}}0{{0,3}})?" if kind.scale else ""
            return _whole(kind.precision - kind.scale) + fraction
        case "boolean":
            return "(?:true|false)"
        case "date" if not kind.format:
            return f'"{_DAY}"'
        case "timestamp" if not kind.format:
            return f'"{_DAY}T{_TIME}{_ZONE}"'
        case "object":
            return _object(kind)
        case "array":
            assert kind.element is not None
            element = usual_value(kind.element)
            # The last one apart, not the first: so they share states, and RE2 is sooner through.
            return None if element is None else rf"\[(?:(?:{element}, ?)*{element})?\]"
    return None


def member(name: str, value: str) -> str:
    """The pattern of an object's member, of those of its name and its value."""
    return f'"{name}": ?{value}'


def without_spaces(pattern: str) -> str:
    """The pattern for lines with no space between what they say; RE2 is through it sooner."""
    return pattern.replace(", ?", ",").replace(": ?", ":")


def name_ends(names: Sequence[str], others: Iterable[str]) -> list[str]:
    """A pattern for each name: of names that end as it does and as none of all the others.

    RE2 is through them sooner than letter by letter. No name whatever matches two of them: else one
    end would be the end of the other, and so of the other's name.
    """
    known = {*names, *others}
    return [_name_end(name, known - {name}) for name in names]


def _name_end(name: str, others: Iterable[str]) -> str:
    if re.fullmatch("[a-z_]+", name):
        ends = (name[start:] for start in range(len(name) - 1, 0, -1))
        for end in ends:
            if not any(each.endswith(end) for each in others):
                return f"[a-z_]*{end}"
    return re.escape(name)


def json_structure(kind: Type) -> object:
    """The type as DuckDB's `from_json` wants it."""
    match kind.kind:
        case "object":
            return {each.name: json_structure(each.type) for each in kind.fields}
        case "array":
            assert kind.element is not None
            return [json_structure(kind.element)]
    return duckdb_type(kind)


def _whole(digits: int) -> str:
    return f"-?(?:0|[1-9][0-9]{{0,{digits - 1}}})"


def _object(kind: Type) -> str | None:
    members = []
    for each in kind.fields:
        value = usual_value(each.type)
        if value is None or not is_plain(each.name):
            return None
        value = value if each.required else f"(?:{value}|null)"
        members.append(member(re.escape(each.name), value))
    return rf"\{{{', ?'.join(members)}\}}"
