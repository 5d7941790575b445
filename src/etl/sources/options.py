"""A source's options from the contract, checked against what the kind of source understands."""

from __future__ import annotations

import dataclasses
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from etl.errors import ContractError

T = TypeVar("T")


def read_options(kind: type[T], given: dict[str, Any], *, where: str) -> T:
    """An instance of the dataclass `kind`, its fields set by the options of the same names.

    Raises:
        ContractError: An option is unknown, or its value is of the wrong type.
    """
    hints = get_type_hints(kind)
    names = [each.name for each in dataclasses.fields(kind)]  # type: ignore[arg-type]
    problems = []
    for name, value in given.items():
        if name not in names:
            problems.append(f"unknown option {option_name(name)!r}")
        elif not _fits(value, hints[name]):
            problems.append(f"{option_name(name)} must be {_words(hints[name])}, got {value!r}")
    if problems:
        raise ContractError(
            f"the options of the source {where}: {'; '.join(problems)}",
            fix=f"the options are {', '.join(map(option_name, names))}",
        )
    return kind(**given)


def option_name(field: str) -> str:
    """A field's name as contracts spell it: page_size is pageSize."""
    first, *others = field.split("_")
    return first + "".join(map(str.capitalize, others))


def _fits(value: object, hint: Any) -> bool:
    if get_origin(hint) is UnionType:  # text | None
        return any(_fits(value, each) for each in get_args(hint))
    if get_origin(hint) is Literal:
        return any(value == each and type(value) is type(each) for each in get_args(hint))
    if hint in (int, float):
        # Every number among the options is a size, a count or a time.
        return isinstance(value, (int, hint)) and not isinstance(value, bool) and value > 0
    if hint == dict[str, str]:
        return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
    return isinstance(value, hint)


def _words(hint: Any) -> str:
    """What a value should be, for a message."""
    if get_origin(hint) is UnionType:
        return " or ".join(_words(each) for each in get_args(hint) if each is not NoneType)
    if get_origin(hint) is Literal:
        return " or ".join(map(str, get_args(hint)))
    words = {
        bool: "true or false",
        int: "a whole number above 0",
        float: "a number above 0",
        dict[str, str]: "a mapping",
    }
    return words.get(hint, "text")
