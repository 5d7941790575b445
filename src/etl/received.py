"""Values as they were received, and how a message shows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

_SHOWN_CHARACTERS = 60
_SHOWN_NAMES = 40


class Number(str):
    """A JSON number as it was written: nothing is rounded on the way."""


class Twice(tuple[str, str]):
    """Two names of one object that are the same once normalised; neither value is preferred."""


class Unfit(Exception):
    """A value that its type does not accept; the message says what was expected."""


class Unlike(Unfit):
    """A value of another kind than the type's: a word for a number, an object for a text."""


def show(value: Any) -> str:
    """A received value as it may stand in a message."""
    if isinstance(value, Twice):
        return f"two values, {' and '.join(show(name) for name in value)}"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, Number):
        return shorten(value)
    text = value[: _SHOWN_CHARACTERS + 1] if isinstance(value, str) else value
    return shorten(json.dumps(text, ensure_ascii=False))


def show_names(names: Sequence[str]) -> str:
    """Received names as they may stand in a message: not all of very many, and all on one line."""
    shown = [
        shorten(each if each.isprintable() else json.dumps(each[: _SHOWN_CHARACTERS + 1]))
        for each in names[:_SHOWN_NAMES]
    ]
    more = f", … {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(shown) + more


def shorten(text: str) -> str:
    """Received text, short enough for a message and safe to store."""
    storable = text.encode("utf-8", "backslashreplace").decode()
    return storable if len(text) <= _SHOWN_CHARACTERS else storable[:_SHOWN_CHARACTERS] + "…"
