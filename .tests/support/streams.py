"""Streams in unit tests: a feed from a list, a clock by hand, a session that writes to moto."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from support.contracts import StubSettings

from etl.contracts import load_contract
from etl.keys import parse_s3_uri
from etl.manifest import Manifest
from etl.settings import Staging
from etl.sources.records import Lines
from etl.staging import RawWriter
from etl.stream.commits import list_commits, read_commit
from etl.stream.feeds import Chunk
from etl.stream.logs import CommitLog, SharedLog
from etl.stream.open_batch import Limits
from etl.stream.session import Acknowledgement, Session, new_session_name

CONTRACT = load_contract("events", settings=StubSettings())
CONTRACT_URI = "s3://test-artifacts/contracts/events/1.json"
BUCKET = "test-raw"
DAY = date(2026, 1, 31)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NO_LIMIT = Limits(records=10**9, bytes=10**9, seconds=10**9)


@dataclass
class Clock:
    """Time that passes when a test says so."""

    seconds: float = 0.0
    now: datetime = NOON

    def __call__(self) -> float:
        return self.seconds


class ListFeed:
    """Brings chunks, or calls what stands between them and brings nothing."""

    def __init__(self, items: Iterable[Chunk | Callable[[], object]]) -> None:
        self._items = list(items)
        self.waits: list[float | None] = []

    @property
    def has_ended(self) -> bool:
        return not self._items

    def read(self, wait_seconds: float | None) -> Chunk | None:
        self.waits.append(wait_seconds)
        item = self._items.pop(0)
        if isinstance(item, Chunk):
            return item
        item()
        return None


@dataclass
class Stream:
    """A session on moto's S3, and what it acknowledged."""

    s3: Any
    limits: Limits = NO_LIMIT
    clock: Clock = field(default_factory=Clock)
    run_date: date | None = None
    log: CommitLog | None = None
    acknowledged: list[Acknowledgement] = field(default_factory=list)
    name: str = field(default_factory=new_session_name)

    def session(self) -> Session:
        return Session(
            self.s3,
            contract=CONTRACT,
            log=self.log or SharedLog(self.s3, CONTRACT),
            open_writer=self._open_writer,
            limits=self.limits,
            name=self.name,
            run_date=self.run_date,
            on_commit=self.acknowledged.append,
            clock=self.clock,
            now=lambda: self.clock.now,
        )

    def run(self, *items: Chunk | Callable[[], object]) -> list[int]:
        """Stream; the number of records in each batch."""
        before = len(self.acknowledged)
        self.session().run(ListFeed(items))
        return [each.batch.rows for each in self.acknowledged[before:]]

    def _open_writer(self, run_date: date, name: Callable[[int], str]) -> RawWriter:
        return RawWriter(
            self.s3,
            contract=CONTRACT,
            run_date=run_date,
            name=name,
            settings=Staging(),
            metadata={},
        )


def record(number: int) -> bytes:
    """A record of 12 bytes and a newline."""
    return b'{"n":%06d}\n' % number


def chunk(*numbers: int, position: int | None = None) -> Chunk:
    """The records of these numbers."""
    lines = Lines(b"".join(map(record, numbers)), len(numbers))
    return Chunk(lines=lines, position=None if position is None else {"after": position})


def committed(s3: Any, run_date: date = DAY) -> list[bytes]:
    """The records of a date's committed batches, in order."""
    lines: list[bytes] = []
    for sequence in list_commits(s3, CONTRACT, run_date):
        for each in read_commit(s3, CONTRACT, run_date, sequence).objects:
            lines += read_object(s3, each.uri)
    return lines


def extracted(s3: Any, manifest: Manifest) -> list[bytes]:
    """The records of an extraction, in order."""
    return [line for each in manifest.objects for line in read_object(s3, each.uri)]


def read_object(s3: Any, uri: str) -> list[bytes]:
    """A gzip object's lines, with their ends."""
    bucket, key = parse_s3_uri(uri)
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return gzip.decompress(body).splitlines(keepends=True)


def data_keys(s3: Any) -> list[str]:
    """All data objects, named by a commit record or not."""
    found = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return [each["Key"] for each in found if "/batch-" in each["Key"]]
