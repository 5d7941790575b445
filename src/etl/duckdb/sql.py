"""Bits of DuckDB's SQL text. Names that start with "$" are ours: no contract's column has one."""

from __future__ import annotations

LINE = '"$line"'


def quote(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(*path: str) -> str:
    """A reference to a column, or to a field inside it."""
    return ".".join('"' + step.replace('"', '""') + '"' for step in path)


def matches(value: str, pattern: str) -> str:
    """Whether all of the value matches the pattern, a regular expression of RE2."""
    return f"regexp_full_match({value}, {quote(pattern)})"
