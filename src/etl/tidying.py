"""What a contract may have done to a received record before it is read.

Names are brought to one spelling, empty values are dropped. Standard library only, so that Spark's
workers carry it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from etl.received import Twice

# Before a capital that follows a small letter or digit, and before the last capital of several.
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN_WORDS = re.compile(r"[\W_]+")


@lru_cache(maxsize=4096)  # records repeat their names
def normalise_name(name: str) -> str:
    """`User Name`, `userName` and `USER-NAME` as user_name; a name without a letter or digit stays
    as it is."""
    words = _BETWEEN_WORDS.sub("_", _WORD_START.sub("_", name)).strip("_")
    return words.lower() or name


def normalise_names(value: Any) -> Any:
    """The value with the names of its objects normalised, at any depth.

    Where two names of an object become one, their place is taken by a `Twice`, which no type
    accepts.
    """
    if isinstance(value, list):
        return [normalise_names(each) for each in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    spellings: dict[str, str] = {}
    for name, inner in value.items():
        normal = normalise_name(name)
        earlier = spellings.setdefault(normal, name)
        found[normal] = normalise_names(inner) if earlier == name else Twice((earlier, name))
    return found


def drop_empty(value: Any) -> Any:
    """The value without what is empty inside it, at any depth; None if it is empty itself.

    Empty are null, text of white space only, and arrays and objects with nothing else in them.
    """
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, list):
        return [kept for each in value if (kept := drop_empty(each)) is not None] or None
    if isinstance(value, dict):
        inside = {name: drop_empty(each) for name, each in value.items()}
        return {name: each for name, each in inside.items() if each is not None} or None
    return value
