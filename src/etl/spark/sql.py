"""Bits of Spark SQL text. Names that start with "$" are ours: no contract's column has one."""

from __future__ import annotations

LINE = "`$line`"
END = r"\z"  # Java's `$` also matches before a last line break


def quote(text: str) -> str:
    """A string literal of Spark SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def identifier(*path: str) -> str:
    """A reference to a column, or to a field inside it."""
    return ".".join(f"`{step.replace('`', '``')}`" for step in path)


def rlike(value: str, pattern: str) -> str:
    """Whether a part of the value matches the pattern, a regular expression of Java."""
    return f"{value} RLIKE {quote(pattern)}"
