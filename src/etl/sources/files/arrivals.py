"""Which files a run takes, where every file is taken by one run date only.

A run of a date takes the files that it took before, as they were then, and those that no run of
any date has taken.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from etl.errors import SourceError
from etl.sources.files.completed import is_completed
from etl.sources.files.ledger import Taken, TakenFile, identity
from etl.sources.files.locations import Found
from etl.sources.files.source_file import SourceFile

_KEY_BYTES = 1024 - len(".00000000")  # S3's limit, and the mark of another file of the same name
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A file to take.

    Attributes:
        present: The file where it was found; None if it is gone, or another one by now.
    """

    taken: TakenFile
    present: SourceFile | None


def choose_files(
    found: Found, *, own: Taken, known: Set[bytes], completed: str | None
) -> list[Arrival]:
    """The files of a run date: its own in the order in which it took them, then new ones.

    Args:
        own: What the date has taken before.
        known: The identities of what any date has taken.
        completed: Where files are moved; None if they are not.

    Raises:
        SourceError: A new file could not be moved.
    """
    present = {each.found: each for each in found.files}
    arrivals = [Arrival(taken=each, present=present.get(each.found)) for each in own.files]
    for file in found.files:
        is_known = identity(file.found) in known
        if not is_known and not is_completed(file.found.uri, found.folder, completed):
            arrivals.append(Arrival(taken=_take(file, completed), present=file))
    return arrivals


def _check_length(target: str) -> str:
    """Refuse a name that could not be moved there once its rows are loaded."""
    key = target.removeprefix("s3://").partition("/")[2]
    if target.startswith("s3://") and len(key.encode()) > _KEY_BYTES:
        raise SourceError(
            f"{target[:_SHOWN_CHARACTERS]}…: below completedPrefix, the file's key is longer than"
            f" {_KEY_BYTES} bytes",
            fix="give the file a shorter name, or name a shorter completedPrefix",
        )
    return target


def _take(file: SourceFile, completed: str | None) -> TakenFile:
    found = file.found
    return TakenFile(
        uri=found.uri,
        size=found.size,
        etag=found.etag,
        modified_at=found.modified_at,
        completed=None if completed is None else _check_length(completed + file.relative),
    )
