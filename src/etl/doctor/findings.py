"""What a check finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True)
class Finding:
    """How one thing is.

    Attributes:
        state: "FAIL" keeps the pipeline from running, "warn" does not.
        fix: The command that mends it.
    """

    state: State
    what: str
    fix: str = ""


def ok(what: str) -> Finding:
    """It is as it should be."""
    return Finding("ok", what)


def warn(what: str, fix: str) -> Finding:
    """The pipeline runs, but this should be mended."""
    return Finding("warn", what, fix)


def fail(what: str, fix: str) -> Finding:
    """The pipeline would fail."""
    return Finding("FAIL", what, fix)


@dataclass(frozen=True)
class Check:
    """One thing to look at; `look` may raise what a call to AWS raises."""

    name: str
    look: Callable[[], Finding]


# Checks of one thing, to be asked in order: when the first fails, the others are not asked.
Group = list[Check]


@dataclass(frozen=True)
class Result:
    """What a check found."""

    check: str
    finding: Finding
