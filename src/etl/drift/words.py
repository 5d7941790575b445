"""Types and values, in the words of a diff."""

from __future__ import annotations

import re
from typing import Any

from etl.model import Type
from etl.received import Number, Twice, show

_WHOLE = re.compile(r"-?[0-9]+")
_PLAIN_LABEL = re.compile(r"[\w.$@:\[\]-]{1,128}")


def type_words(kind: Type) -> str:
    """What a contract expects, e.g. "decimal(12, 2)"."""
    if kind.format:
        return f"{kind.kind} {kind.format}"
    match kind.kind:
        case "decimal":
            return f"decimal({kind.precision}, {kind.scale})"
        case "array":
            return f"array of {type_words(kind.element)}" if kind.element else "array"
    return kind.kind


def value_words(value: Any) -> str:
    """What kind of value was received."""
    match value:
        case Number():
            return "integer" if _WHOLE.fullmatch(value) else "number"
        case bool():
            return "boolean"
        case str():
            return "text"
        case list():
            return "array"
        case Twice():
            return "two fields of one name"
        case dict():
            return "object"
    return "null"


def shown_label(label: str) -> str:
    """A received name as it may stand in one line."""
    return label if _PLAIN_LABEL.fullmatch(label) else show(label)
