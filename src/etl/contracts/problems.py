"""Collects everything that is wrong with a contract, to report it all at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from etl.errors import ContractError


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        where: The path inside the file, e.g. schema[0].properties[3].physicalType; "" for all.
    """

    where: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class Refusal(ValueError):
    """A part of a contract that cannot be used as it is written.

    Attributes:
        fix: What to write.
        column: The column that it names and that there is not, if that is the matter.
    """

    def __init__(self, message: str, *, fix: str, column: str | None = None) -> None:
        super().__init__(message)
        self.fix = fix
        self.column = column


class Problems:
    """The problems of one file.

    Attributes:
        unreadable: Columns with a problem of their own; that they are missing where others name
            them is no news.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.unreadable: set[str] = set()
        self._found: list[Problem] = []

    def add(self, where: str, what: str, *, fix: str) -> None:
        """Note a problem; a second one at the same place is taken for its echo."""
        if all(each.where != where for each in self._found):
            self._found.append(Problem(where, what, fix))

    def add_refusal(self, where: str, refusal: Refusal) -> None:
        """Note why a part was refused, unless it is for want of an unreadable column."""
        if refusal.column not in self.unreadable:
            self.add(where, str(refusal), fix=refusal.fix)

    def raise_if_any(self) -> None:
        """Raise a ContractError that names every problem, if there is one."""
        if not self._found:
            return
        if len(self._found) == 1:
            (only,) = self._found
            raise ContractError(f"{self.file}: {only}", fix=only.fix)
        lines = [f"  - {each}\n    fix: {each.fix}" for each in self._found]
        raise ContractError(
            f"{self.file} has {len(lines)} problems:\n" + "\n".join(lines),
            fix=f"mend {self.file} at each of these places",
        )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean "…"?` for a near miss, otherwise nothing."""
    by_folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f', did you mean "{by_folded[close[0]]}"?' if close else ""
