"""Patterns: the subset of regular expressions that ECMA-262, Python and Java read alike."""

from __future__ import annotations

import re

import pytest

from etl.contracts.patterns import PatternError, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        (r"^ORD-\d{8}-[0-9]{6,}$", "ORD-20260101-1000000", "ORD-2026-1"),
        ("^[A-Z]{2}$", "SE", "SE\n"),
        (r"^\d$", "7", "\u0667"),
        (r"^\w+$", "a_9", "é"),
        (r"^a\.b$", "a.b", "axb"),
        (r"^[a\-z]$", "-", "b"),
        (r"^[\]^&\[]+$", "]^&[", "\\"),
        (r"^[a-]+$", "-a", "b"),
        ("^https?://x$", "http://x", "ftp://x"),
        ("^x {2,3}y$", "x  y", "x y"),
        ("^$", "", "a"),
    ],
)
def test_pattern_matches_the_whole_text(pattern: str, matching: str, other: str) -> None:
    compiled = compile_pattern(pattern)

    assert re.fullmatch(compiled, matching)
    assert not re.fullmatch(compiled, other)


@pytest.mark.parametrize(
    "pattern",
    [
        "[A-Z]",
        "^a",
        "a$",
        "^",
        "^a|b$",
        "^(a)$",
        "^(?i)a$",
        "^.$",
        "^[^a]$",
        r"^\s$",
        r"^\bx$",
        r"^\u0041$",
        "^é$",
        "^[]$",
        "^[a$",
        "^[z-a]$",
        "^a{3,2}$",
        "^a**$",
        "^a+?$",
        "^a++$",
        "^{2}$",
        "^*$",
        "^a\\$",
        "^a\tb$",
        "^a$$",
        "^[a-\\d]$",
    ],
)
def test_pattern_outside_the_subset_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError) as refusal:
        compile_pattern(pattern)

    assert "validValues" in refusal.value.fix
