"""Wildcards and variables in policies.

"IAM JSON policy elements: Variables and tags" and "Resource" in the IAM User Guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

Context = Mapping[str, str | Sequence[str]]  # keys in lower case

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = {"*": "*", "?": "?", "$": "$"}  # ${*} is an asterisk that stands for itself


class Pattern:
    """A text with * and ? and, where the policy's version has them, variables."""

    def __init__(self, text: str, *, has_variables: bool, ignores_case: bool = False) -> None:
        self.text = text
        self._flags = re.DOTALL | (re.IGNORECASE if ignores_case else 0)
        self._parts = _VARIABLE.split(text) if has_variables else [text]
        self._fixed = None if len(self._parts) > 1 else _compile(_wild(text), self._flags)

    def matches(self, value: str, context: Context) -> bool:
        """Whether a value is meant; nothing is while a variable has no value."""
        if self._fixed:
            return self._fixed.fullmatch(value) is not None
        expression = ""
        for number, part in enumerate(self._parts):
            if number % 2 == 0:
                expression += _wild(part)
                continue
            substituted = _substitute(part, context)
            if substituted is None:
                return False
            expression += re.escape(substituted)
        return _compile(expression, self._flags).fullmatch(value) is not None


def substitute(text: str, context: Context) -> str | None:
    """The text with its variables' values, or None if one has none."""
    parts = _VARIABLE.split(text)
    for number in range(1, len(parts), 2):
        value = _substitute(parts[number], context)
        if value is None:
            return None
        parts[number] = value
    return "".join(parts)


def _substitute(variable: str, context: Context) -> str | None:
    if variable in _LITERALS:
        return _LITERALS[variable]
    key, _, default = (part.strip() for part in variable.partition(","))
    value = context.get(key.lower())
    if isinstance(value, str):
        return value
    return default.strip("'") if default else None


def _wild(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


@lru_cache(maxsize=4096)
def _compile(expression: str, flags: int) -> re.Pattern[str]:
    return re.compile(expression, flags)
