"""Names normalised, empty values dropped, fields left over: a part of the tests' oracle."""

from __future__ import annotations

from typing import Any

from support.oracle_specification import Specification


def known_names(specification: Specification) -> dict[str, Any]:
    """The names that a record may have; those of an object, or of an array's, as such a tree."""
    known: dict[str, Any] = {}
    for column in specification.columns:
        names = known
        for name in column.path[:-1]:
            names = names.setdefault(name, {})
        if column.path:
            fields = [] if isinstance(column.items, str) else list(column.items)
            names[column.path[-1]] = dict.fromkeys(fields, {})
    return known


def left_over(
    specification: Specification, value: dict[str, Any], names: dict[str, Any]
) -> dict[str, Any]:
    """The fields that are not among the names, where they stand."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        known = _words(name) if specification.normalise_names else name
        if known not in names:
            found[name] = filled(inner) if specification.drop_empty else inner
            if found[name] is None and specification.drop_empty:
                del found[name]
        elif names[known] and isinstance(inner, dict):
            found[name] = left_over(specification, inner, names[known])
        elif names[known] and isinstance(inner, list):
            rests = [
                left_over(specification, each, names[known]) if isinstance(each, dict) else {}
                for each in inner
            ]
            while rests and not rests[-1]:
                rests.pop()
            found[name] = rests
        if known in names and not found.get(name):
            found.pop(name, None)
    return found


_TWICE = object()  # stands where two fields became one


def normalised(value: Any) -> Any:
    if isinstance(value, list):
        return [normalised(each) for each in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for name, inner in value.items():
        normal = _words(name)
        found[normal] = _TWICE if normal in found else normalised(inner)
    return found


def _words(name: str) -> str:
    """`User Name`, `userName`, `USER-NAME` and `_user.name` are user_name."""
    spaced = ""
    for at, letter in enumerate(name):
        before, after = name[at - 1 : at], name[at + 1 : at + 2]
        small_before = before.isascii() and (before.islower() or before.isdigit())
        last_capital = before.isascii() and before.isupper() and after.isascii() and after.islower()
        if letter.isascii() and letter.isupper() and (small_before or last_capital):
            spaced += " "
        spaced += letter if letter.isalnum() else " "
    return "_".join(spaced.split()).lower() or name


def filled(value: Any) -> Any:
    """The value without what is empty in it; None if nothing is left."""
    if isinstance(value, str) and type(value) is str:
        return value if value.strip() else None
    if isinstance(value, list):
        return [inner for each in value if (inner := filled(each)) is not None] or None
    if isinstance(value, dict):
        kept = {name: filled(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each is not None} or None
    return value
