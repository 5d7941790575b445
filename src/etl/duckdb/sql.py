"""Bits of DuckDB's SQL text. Names that start with "$" are ours: no contract's column has one."""

from __future__ import annotations

import re

LINE = '"$line"'

# A name that has one spelling in the JSON that yyjson writes, and needs no escape in a path.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_ .:$@-]+")


def is_plain(name: str) -> bool:
    """Whether a name of JSON can stand in a query as it is."""
    return _PLAIN_NAME.fullmatch(name) is not None


def quote(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(*path: str) -> str:
    """A reference to a column, or to a field inside it."""
    return ".".join('"' + step.replace('"', '""') + '"' for step in path)


def matches(value: str, pattern: str) -> str:
    """Whether all of the value matches the pattern, a regular expression of RE2."""
    return f"regexp_full_match({value}, {quote(pattern)})"
