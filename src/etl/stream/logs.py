"""Which commit record a stream's next batch gets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from etl.errors import UsageError
from etl.model import Contract
from etl.stream.chain import extend, find_head, move
from etl.stream.commits import Batch, list_commits, try_commit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class OvertakenError(Exception):
    """Another process has gone on from where this one read: its records are there already."""


@dataclass(frozen=True)
class Place:
    """The run date and number that a batch is meant for."""

    run_date: date
    sequence: int


class CommitLog(Protocol):
    """Gives batches their commit records."""

    def place(self, run_date: date) -> Place:
        """Where a batch that begins on this date will probably be committed."""
        ...

    def commit(self, batch: Batch) -> int:
        """Commit a batch; the number that it has got."""
        ...


class SharedLog:
    """Of records that come once, as from standard input: whoever loses a number takes another."""

    def __init__(self, s3: S3Client, contract: Contract) -> None:
        self._s3 = s3
        self._contract = contract
        self._next: dict[date, int] = {}

    def place(self, run_date: date) -> Place:
        """The first number that was free when last seen."""
        if run_date not in self._next:
            self._next = {run_date: self._first_free(run_date)}
        return Place(run_date, self._next[run_date])

    def commit(self, batch: Batch) -> int:
        """Commit under the first number that is free."""
        sequence = self.place(batch.run_date).sequence
        while not try_commit(self._s3, self._contract, sequence, batch):
            sequence = max(sequence + 1, self._first_free(batch.run_date))
        self._next = {batch.run_date: sequence + 1}
        return sequence

    def _first_free(self, run_date: date) -> int:
        return max(list_commits(self._s3, self._contract, run_date), default=-1) + 1


class ChainedLog:
    """Of a source that is polled: a batch follows the one that it was read behind, or is refused.

    Args:
        session: Who seals a date.
        run_date: Where all batches go; None for the date of their arrival.
    """

    def __init__(
        self,
        s3: S3Client,
        contract: Contract,
        *,
        session: str,
        today: date,
        run_date: date | None = None,
    ) -> None:
        self._s3 = s3
        self._contract = contract
        self._session = session
        self._seals = 0
        self._run_date = run_date
        self._head = find_head(s3, contract, today=run_date or today)

    @property
    def position(self) -> dict[str, Any] | None:
        """Up to where the source has been read; None for not at all."""
        return self._head.position

    def refresh(self) -> None:
        """See what others have committed."""
        self._head = find_head(self._s3, self._contract, today=self._head.run_date)

    def place(self, run_date: date) -> Place:
        """The chain's end, moved to this date.

        Raises:
            OvertakenError: Another process moved it, or committed something.
            UsageError: The run date asked for lies before what has been committed.
        """
        if self._run_date is not None and self._run_date < self._head.run_date:
            raise UsageError(
                f"{self._contract.dataset} has been read up to {self._head.run_date}: what comes"
                f" now cannot be put to {self._run_date}",
                fix="leave --run-date out, or choose a later one",
            )
        if run_date > self._head.run_date:
            seal = Batch(
                run_date=self._head.run_date,
                session=self._session,
                number=self._seals,
                position=self._head.position,
                sealed_for=run_date,
            )
            self._seals += 1
            head = move(self._s3, self._contract, self._head, seal)
            if head is None:
                raise OvertakenError
            self._head = head
        return Place(self._head.run_date, self._head.sequence)

    def commit(self, batch: Batch) -> int:
        """Commit at the chain's end.

        Raises:
            OvertakenError: Another process did so first.
        """
        sequence = self._head.sequence
        head = extend(self._s3, self._contract, self._head, batch)
        if head is None:
            raise OvertakenError
        self._head = head
        return sequence
