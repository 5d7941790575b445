"""Which run date has taken which file: what `etl.state` keeps for files that are taken once.

{"after_load": "move", "files": [{"uri": …, "size": …, "etag": …, "modified_at": …, "rows": …,
"objects": […], "completed": …, "settled": true}, …]}
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any

from etl.manifest import RawObject
from etl.sources.files.options import AfterLoad
from etl.sources.records import SourceContext, SourceObject
from etl.state import list_run_dates, read_progress, write_progress

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class TakenFile(SourceObject):
    """A file that a run date has taken.

    Attributes:
        rows: How many records it held.
        completed: Where it is moved to, where files are moved.
        objects: The raw objects that hold its records.
        settled: Whether it has been moved or deleted, or was left because it had changed.
    """

    rows: int = 0
    completed: str | None = None
    objects: tuple[RawObject, ...] = ()
    settled: bool = False

    @property
    def found(self) -> SourceObject:
        """The file as it was found, by which it is known again."""
        return SourceObject(
            uri=self.uri, size=self.size, etag=self.etag, modified_at=self.modified_at
        )


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The files of one run date."""

    after_load: AfterLoad
    files: Sequence[TakenFile]

    @property
    def pending(self) -> list[TakenFile]:
        """The files that are still to be moved or deleted."""
        if self.after_load == "keep":
            return []
        return [each for each in self.files if not each.settled]

    def to_progress(self) -> dict[str, Any]:
        """For `etl.state` and manifests."""
        files = [dataclasses.asdict(each) for each in self.files]
        return {"after_load": self.after_load, "files": files}

    @classmethod
    def from_progress(cls, progress: dict[str, Any] | None) -> Taken:
        """What `to_progress` wrote; nothing if there is none, or that of another kind of source."""
        progress = progress or {}
        files = [
            TakenFile(**each | {"objects": tuple(RawObject(**inner) for inner in each["objects"])})
            for each in progress.get("files", ())
        ]
        return cls(after_load=progress.get("after_load", "keep"), files=files)


class Ledger:
    """A dataset's taken files, of all run dates."""

    def __init__(self, context: SourceContext) -> None:
        self._s3: S3Client = context.client("s3")
        self._prefix = context.state_prefix

    def read(self, run_date: date) -> Taken:
        """A run date's files."""
        return Taken.from_progress(read_progress(self._s3, self._prefix, run_date))

    def read_all(self) -> Iterator[tuple[date, Taken]]:
        """Every run date's files, oldest first; few dates are held in memory at a time."""
        run_dates = list_run_dates(self._s3, self._prefix)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ledger") as readers:
            while batch := list(islice(run_dates, _AT_ONCE)):
                yield from zip(batch, readers.map(self.read, batch))

    def write(self, run_date: date, taken: Taken) -> None:
        """Keep a run date's files, in place of what was kept before."""
        write_progress(self._s3, self._prefix, run_date, taken.to_progress())


def identity(file: SourceObject) -> bytes:
    """What tells a file from every other one, and from itself after a change."""
    text = f"{file.uri}\0{file.size}\0{file.etag}\0{file.modified_at}"
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def with_objects(files: Iterable[TakenFile], objects: Iterable[RawObject]) -> list[TakenFile]:
    """Each file with the raw objects that hold its records.

    Args:
        files: In the order in which they were read.
        objects: The extraction's, in order; none holds records of two files.
    """
    remaining = list(reversed(list(objects)))
    found = []
    for file in files:
        own: list[RawObject] = []
        # By rows: two versions of a file, one after the other, have the same URI.
        while remaining and remaining[-1].source == file.uri:
            if sum(each.rows for each in own) >= file.rows:
                break
            own.append(remaining.pop())
        found.append(dataclasses.replace(file, objects=tuple(own)))
    return found
