"""One process's stream: records into batches, each committed when it is full or old enough."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from aws.s3 import delete_objects
from etl.keys import parse_s3_uri, raw_prefix
from etl.model import Contract
from etl.staging import Staged
from etl.storage import write_json
from etl.stream.commits import Batch, commit_uri
from etl.stream.feeds import Chunk, Feed
from etl.stream.logs import CommitLog, OvertakenError
from etl.stream.open_batch import Limits, OpenBatch, OpenWriter, split_lines

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """A batch whose records are safe.

    Attributes:
        uri: The commit record.
        records_total: How many of the session's records are safe: the first so many that came.
    """

    batch: Batch
    sequence: int
    uri: str
    records_total: int


@dataclass
class _Tally:
    """What the session has committed for a run date."""

    sequences: list[int] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0
    rejected: int = 0


class Session:
    """Takes what a feed brings, commits it batch by batch and says so.

    Attributes:
        name: Twelve hex digits that no other session has.
        records_total: Records that are committed.

    Args:
        run_date: Where all batches go; None for the UTC date of their arrival.
        on_commit: Told of every batch that is safe.
    """

    def __init__(
        self,
        s3: S3Client,
        *,
        contract: Contract,
        log: CommitLog,
        open_writer: OpenWriter,
        limits: Limits,
        name: str,
        run_date: date | None = None,
        on_commit: Callable[[Acknowledgement], None],
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self.records_total = 0
        self._s3 = s3
        self._contract = contract
        self._log = log
        self._open_writer = open_writer
        self._limits = limits
        self._run_date = run_date
        self._on_commit = on_commit
        self._clock = clock
        self._now = now
        self._open: OpenBatch | None = None
        self._batches = 0
        self._tallies: dict[date, _Tally] = {}

    def run(self, feed: Feed) -> None:
        """Take everything until the feed ends, and commit it.

        Raises:
            OvertakenError: See `etl.stream.logs`; what is not committed is to be read again.
        """
        try:
            while not feed.has_ended:
                chunk = feed.read(self._seconds_left())
                if chunk is not None:
                    self._take(chunk)
                if self._open and self._open.is_due(self._limits, self._clock()):
                    self._commit()
            self._commit()
        except BaseException as error:
            if self._open is not None:
                self._open.abort(error)
                self._open = None
            raise

    def write_manifests(self) -> None:
        """Keep what the session has committed, below each run date's prefix."""
        for run_date, tally in self._tallies.items():
            uri = f"{raw_prefix(self._contract, run_date)}_sessions/{self.name}.json"
            content = {"session": self.name, "run_date": run_date.isoformat(), **vars(tally)}
            write_json(self._s3, uri, json.dumps(content, sort_keys=True) + "\n")

    def _day(self) -> date:
        return self._run_date or self._now().date()

    def _seconds_left(self) -> float | None:
        return max(0.0, self._open.deadline - self._clock()) if self._open else None

    def _take(self, chunk: Chunk) -> None:
        if self._open and self._open.day != self._day():
            self._commit()
        if chunk.position is not None:
            self._open_batch().add(chunk.lines, chunk.position)
            return
        rest = chunk.lines
        while rest.rows:
            batch = self._open_batch()
            fitting, rest = split_lines(
                rest,
                rows=self._limits.records - batch.records,
                size=self._limits.bytes - batch.bytes,
            )
            batch.add(fitting, None)
            if rest.rows:
                self._commit()

    def _open_batch(self) -> OpenBatch:
        if self._open is None:
            day = self._day()
            place = self._log.place(day)
            stem = f"batch-{place.sequence:08d}-{self.name}"
            writer = self._open_writer(place.run_date, lambda index: f"{stem}-{index:05d}")
            deadline = self._clock() + self._limits.seconds
            self._open = OpenBatch(day, place, writer.__enter__(), deadline)
        return self._open

    def _commit(self) -> None:
        if self._open is None:
            return
        staged = self._open.writer.finish()
        self._open.writer.commit()
        batch = Batch(
            run_date=self._open.place.run_date,
            session=self.name,
            number=self._batches,
            objects=staged.objects,
            rows=staged.rows,
            bytes=staged.bytes,
            rejected=staged.rejected,
            dead_letters=staged.dead_letters,
            position=self._open.position,
        )
        try:
            sequence = self._log.commit(batch)
        except OvertakenError:
            self._delete(staged)
            raise
        self._open.writer.__exit__(None, None, None)
        self._open = None
        self._acknowledge(batch, sequence)

    def _acknowledge(self, batch: Batch, sequence: int) -> None:
        self._batches += 1
        self.records_total += batch.rows + batch.rejected
        tally = self._tallies.setdefault(batch.run_date, _Tally())
        tally.sequences.append(sequence)
        tally.rows += batch.rows
        tally.bytes += batch.bytes
        tally.rejected += batch.rejected
        self._on_commit(
            Acknowledgement(
                batch=batch,
                sequence=sequence,
                uri=commit_uri(self._contract, batch.run_date, sequence),
                records_total=self.records_total,
            )
        )

    def _delete(self, staged: Staged) -> None:
        """Take away what no commit record names; what stays is collected later."""
        uris = [each.uri for each in staged.objects] + list(staged.dead_letters)
        with suppress(BotoCoreError, ClientError):
            for bucket, key in map(parse_s3_uri, uris):
                delete_objects(self._s3, bucket=bucket, keys=[key])


def new_session_name() -> str:
    """Twelve hex digits that no other session has."""
    return uuid.uuid4().hex[:12]
