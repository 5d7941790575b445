"""What a source yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol


@dataclass(frozen=True)
class Lines:
    """Many records at once.

    Attributes:
        data: Records as JSON lines, each ending in a newline, none of them empty.
        rows: How many.
    """

    data: bytes
    rows: int


@dataclass(frozen=True, kw_only=True)
class SourceObject:
    """Stands before the records of one of the source's files or objects.

    Attributes:
        uri: s3:// URI or path.
        size: In bytes.
        etag: S3's, or None for a file.
        modified_at: ISO 8601, UTC.
    """

    uri: str
    size: int
    etag: str | None
    modified_at: str


# One record as a JSON line without its newline, or several, or where the next ones come from.
Item = bytes | Lines | SourceObject


class ClientMaker(Protocol):
    """Makes boto3 clients in a run's environment."""

    def __call__(
        self, service: str, *, region: str | None = None, role_arn: str | None = None
    ) -> Any:
        """A client; `region` goes before the environment's, `role_arn` is taken on beside its."""


@dataclass(frozen=True, kw_only=True)
class SourceContext:
    """What a source may use beside the contract.

    Attributes:
        state_prefix: Where `etl.state` keeps the dataset's progress.
        backfill_from: The first date of the backfill that the run belongs to; None for a live run.
    """

    run_date: date
    client: ClientMaker
    state_prefix: str
    backfill_from: date | None = None


@dataclass(frozen=True, kw_only=True)
class OpenSource:
    """A source that is being read.

    Attributes:
        items: Lazy; memory is bounded whatever the source's size.
        progress: What `etl.state` is to keep once the run is loaded, ready for JSON; {} for a
            source that has nothing to remember. To be asked when `items` has ended.
        keys: For a contract that detects deletes: the primary keys of all rows that the source
            has, as JSON lines; to be read when `items` has ended.
    """

    items: Iterator[Item]
    progress: Callable[[], dict[str, Any]] = dict
    keys: Callable[[], Iterator[Lines]] | None = None
