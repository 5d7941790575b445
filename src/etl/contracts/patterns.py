"""The regular expressions that every engine reads alike.

ODCS patterns follow ECMA-262, Python and Java each have their own dialect. What they share without
any doubt is a sequence of ASCII characters and character classes, each with a quantifier, between
`^` and `$`: `^ORD-[0-9]{8}$`. Groups, alternatives, `.` and look-around are refused.
"""

from __future__ import annotations

import re

from etl.contracts.problems import Refusal

_CLASS_SHORTHANDS = {"d": "0-9", "w": "A-Za-z0-9_"}
_QUANTIFIER = re.compile(r"\?|\*|\+|\{[0-9]{1,4}(,([0-9]{1,4})?)?\}")
_SPECIAL = frozenset(".^$*+?()[]{}|\\")
_FIX = (
    "write ^…$ around characters, \\d, \\w and classes such as [A-Z0-9], each with ?, *, + or "
    "{n,m} after it if need be; for alternatives use validValues or a row rule"
)


class PatternError(Refusal):
    """A pattern outside the subset."""

    def __init__(self, message: str) -> None:
        super().__init__(message, fix=_FIX)


def compile_pattern(pattern: str) -> str:
    """The pattern in the spelling that Python and Java share, without its anchors.

    Raises:
        PatternError: It is outside the subset.
    """
    if not (pattern.startswith("^") and pattern.endswith("$") and len(pattern) >= 2):
        raise PatternError(f'pattern "{pattern}" is not anchored')
    if not pattern.isascii() or not pattern.isprintable():
        raise PatternError(f'pattern "{pattern}" holds characters that are not plain ASCII')
    body = pattern[1:-1]
    parts: list[str] = []
    at = 0
    while at < len(body):
        atom, at = _read_atom(body, at)
        quantifier = _QUANTIFIER.match(body, at)
        if quantifier:
            atom += quantifier[0]
            at = quantifier.end()
        parts.append(atom)
    spelled = "".join(parts)
    try:
        re.compile(spelled)
    except re.error as error:
        raise PatternError(f'pattern "{pattern}" is not one: {error}') from error
    return spelled


def _read_atom(body: str, at: int) -> tuple[str, int]:
    character = body[at]
    if character == "[":
        return _read_class(body, at + 1)
    if character == "\\":
        shorthand = body[at + 1 : at + 2]
        if shorthand in _CLASS_SHORTHANDS:
            return f"[{_CLASS_SHORTHANDS[shorthand]}]", at + 2
        return _escaped(body, at), at + 2
    if character in _SPECIAL:
        raise PatternError(f'"{character}" is not in the subset of patterns')
    return _literal(character), at + 1


def _read_class(body: str, at: int) -> tuple[str, int]:
    if body[at : at + 1] == "^":
        raise PatternError("classes that exclude characters are not in the subset of patterns")
    parts: list[str] = []
    while at < len(body) and body[at] != "]":
        if body[at] == "\\" and body[at + 1 : at + 2] in _CLASS_SHORTHANDS:
            parts.append(_CLASS_SHORTHANDS[body[at + 1]])
            at += 2
            continue
        low, at = _read_member(body, at)
        if body[at : at + 1] == "-" and body[at + 1 : at + 2] not in ("]", ""):
            high, at = _read_member(body, at + 1)
            parts.append(f"{low}-{high}")
        else:
            parts.append(low)
    if at >= len(body) or not parts:
        raise PatternError("a class is empty or has no end")
    return f"[{''.join(parts)}]", at + 1


def _read_member(body: str, at: int) -> tuple[str, int]:
    if body[at] == "\\":
        return _escaped(body, at), at + 2
    return _literal(body[at]), at + 1


def _escaped(body: str, at: int) -> str:
    character = body[at + 1 : at + 2]
    if not character or character.isalnum():
        raise PatternError(f'"\\{character}" is not in the subset of patterns')
    return _literal(character)


def _literal(character: str) -> str:
    # Both dialects take a backslash before any ASCII punctuation.
    return character if character.isalnum() or character in "_ " else f"\\{character}"
