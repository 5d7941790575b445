"""A run and what its steps hand on, free of what only the flow's process needs."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar

from aws.clients import make_client
from etl import keys
from etl.model import Contract
from etl.report import StageReport, human_bytes
from etl.settings import Settings
from etl.sources.records import SourceContext
from etl.state import state_prefix
from etl.storage import write_json
from etl.warehouse.submission import Submission

log = logging.getLogger("etl")
T = TypeVar("T")


def _has_no_rival() -> None:
    """What a run confirms that nobody has given a lease."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: what to carry, where, under which contract.

    Attributes:
        backfill_from: The first date of the backfill that the run belongs to; None for a live run.
        confirm: Raises LeaseLostError if another run has taken this one's place. Asked before
            anything is written that a run of the same date writes, too.
        load_at_work: The load of an earlier process, which this run goes on with.
    """

    run_id: str
    run_date: date
    contract: Contract
    settings: Settings
    backfill_from: date | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    load_at_work: Submission | None = None
    confirm: Callable[[], None] = field(default=_has_no_rival, repr=False, compare=False)
    _clients: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def client(
        self,
        service: str,
        *,
        read_timeout_seconds: float | None = None,
        region: str | None = None,
        role_arn: str | None = None,
    ) -> Any:
        """A boto3 client for this run's environment, or for another account or region.

        It is the same one each time: to make one takes longer than to ask S3.
        """
        config = self.settings.aws
        config = replace(config, region=region or config.region, other_role_arn=role_arn)
        asked = service, config, read_timeout_seconds
        if asked not in self._clients:
            self._clients[asked] = make_client(
                service, config, read_timeout_seconds=read_timeout_seconds
            )
        return self._clients[asked]

    def source_context(self) -> SourceContext:
        """What the source may use beside the contract."""
        artifacts = self.settings.buckets.artifacts
        return SourceContext(
            run_date=self.run_date,
            client=self.client,
            state_prefix=state_prefix(artifacts, self.contract.dataset),
            backfill_from=self.backfill_from,
        )

    @property
    def contract_uri(self) -> str:
        """The compiled contract that every part of the run reads."""
        return keys.contract_uri(self.settings.buckets.artifacts, self.contract)

    def uri(self, name: str) -> str:
        """A file of this run in the artifacts bucket."""
        return keys.run_uri(
            self.settings.buckets.artifacts, self.contract.dataset, self.run_date, name
        )

    def begin_replacing(self) -> None:
        """Confirm, and let the date's report stop counting: what it tells of is to be replaced.

        So a run that does not come to its end leaves no sign that an earlier one did.
        """
        self.confirm()
        unfinished = {"status": "unfinished", "run_id": self.run_id}
        self.write(self.uri("report.json"), json.dumps(unfinished))

    def write(self, uri: str, text: str) -> None:
        """Write a small JSON document."""
        write_json(self.client("s3"), uri, text)


@dataclass(frozen=True, kw_only=True)
class Done(Generic[T]):
    """What a step did, and its line in the report."""

    result: T
    stage: StageReport


class Watch:
    """How long something took."""

    seconds = 0.0


@contextmanager
def stopwatch() -> Iterator[Watch]:
    """Measure the block; the seconds are there when it has ended."""
    watch, started = Watch(), time.monotonic()
    yield watch
    watch.seconds = time.monotonic() - started


def done(result: T, name: str, seconds: float, rows: int, size: int, cost_usd: float) -> Done[T]:
    """A step's result with its figures, which are logged too; `size` is in bytes."""
    log.info("%-10s %s rows, %s, %.1f s", name, f"{rows:,}", human_bytes(size), seconds)
    stage = StageReport(
        name=name, seconds=round(seconds, 3), rows=rows, bytes=size, cost_usd=cost_usd
    )
    return Done(result=result, stage=stage)
