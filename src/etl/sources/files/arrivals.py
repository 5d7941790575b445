"""Which files a run takes, where every file is taken by one run date only.

A run of a date takes the files that it took before, as they were then, and those that no run of
any date has taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from etl.sources.files.completed import is_completed
from etl.sources.files.ledger import Taken, TakenFile
from etl.sources.files.locations import Found
from etl.sources.files.source_file import SourceFile


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A file to take.

    Attributes:
        present: The file where it was found; None if it is gone, or another one by now.
    """

    taken: TakenFile
    present: SourceFile | None


def choose_files(
    found: Found, *, taken: Mapping[date, Taken], run_date: date, completed: str | None
) -> list[Arrival]:
    """The files of the run date: its own in the order in which it took them, then new ones.

    Args:
        taken: What every run date has taken.
        completed: Where files are moved; None if they are not.
    """
    present = {each.found: each for each in found.files}
    own = taken.get(run_date, Taken(after_load="keep", files=())).files
    arrivals = [Arrival(taken=each, present=present.get(each.found)) for each in own]
    known = {file.found for each in taken.values() for file in each.files}
    for file in found.files:
        if file.found not in known and not is_completed(file.found.uri, found.folder, completed):
            arrivals.append(Arrival(taken=_take(file, completed), present=file))
    return arrivals


def _take(file: SourceFile, completed: str | None) -> TakenFile:
    found = file.found
    return TakenFile(
        uri=found.uri,
        size=found.size,
        etag=found.etag,
        modified_at=found.modified_at,
        completed=None if completed is None else completed + file.relative,
    )
