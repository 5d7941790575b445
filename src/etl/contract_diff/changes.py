"""Changes of a contract, each compatible or breaking.

Breaking is what a reader of the table or a sender of records would notice, and what
`etl.warehouse.ddl` cannot do to a table that exists: only a VARCHAR grows there, and only columns
that may be NULL are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Label = Literal["breaking", "compatible"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that differs.

    Attributes:
        what: A column, a rule, or a part of the contract.
        why: What a breaking change breaks.
    """

    label: Label
    what: str
    detail: str
    why: str = ""


def breaking(what: str, detail: str, why: str) -> Change:
    """A change that somebody relies on not happening."""
    return Change(label="breaking", what=what, detail=detail, why=why)


def compatible(what: str, detail: str) -> Change:
    """A change that nobody has to act on."""
    return Change(label="compatible", what=what, detail=detail)
