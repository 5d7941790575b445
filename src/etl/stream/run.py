"""A stream from its parts: environment, contract, feed, log, writer, display, metrics."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from aws.clients import make_client
from etl import keys
from etl.contracts import load_contract
from etl.display import every, print_summary, show_progress
from etl.environment import enter
from etl.errors import SourceError, UsageError
from etl.figures import Figures
from etl.metrics import MetricSender
from etl.model import Contract
from etl.settings import Settings
from etl.sources.options import read_options
from etl.sources.records import SourceContext
from etl.staging import RawWriter
from etl.staging.run import object_metadata
from etl.state import state_prefix
from etl.storage import write_json
from etl.stream.logs import ChainedLog, CommitLog, OvertakenError, SharedLog
from etl.stream.open_batch import Limits
from etl.stream.polling import Polling
from etl.stream.session import Acknowledgement, Session, new_session_name
from etl.stream.signals import Stop, StopRequestedError
from etl.stream.standard_input import StandardInput

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger("etl")

_MIB = 1024 * 1024
_METRICS_SECONDS = 60.0
_STANDARD_INPUT = 0


@dataclass(frozen=True, kw_only=True)
class StreamRequest:
    """What to stream.

    Attributes:
        run_date: Where all batches go; None for the UTC date of their arrival.
        poll_seconds: How often to ask a SQL source; None for standard input.
        max_polls: How often in all; None for until a stop is requested.
    """

    dataset: str
    environment: str
    limits: Limits
    run_date: date | None = None
    poll_seconds: float | None = None
    max_polls: int | None = None


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """What a contract may say of a stream.

    Attributes:
        record_limit_mib: A longer record is refused.
    """

    record_limit_mib: int = 16


def run_stream(
    request: StreamRequest,
    *,
    figures: Figures,
    stop: Stop,
    acknowledge: Callable[[Acknowledgement], None],
    is_quiet: bool = False,
) -> None:
    """Stream until the input ends, the polls are done or a stop is requested.

    Args:
        figures: To count on.
        acknowledge: Told of every batch that is safe.
        is_quiet: Whether to show neither progress nor a summary.

    Raises:
        UsageError, SettingsError, ContractError: Nothing has been read.
        SourceError, StorageError: What was acknowledged is safe; the rest is to be sent again.
    """
    try:
        with stop.interrupting():
            settings = enter(request.environment)
            contract = load_contract(request.dataset, settings=settings)
    except StopRequestedError:
        return
    check_kind(contract, request)
    figures.started = time.monotonic()
    stream = _Stream(request, settings, contract, figures, stop)
    sender = MetricSender(figures, settings=settings, dataset=contract.dataset, step="stream")
    with ExitStack() as shown:
        if not is_quiet:
            shown.callback(print_summary, figures)
            shown.enter_context(show_progress(figures, title="stream"))
        if settings.metrics.log_group is not None:
            shown.callback(sender.send)
            shown.enter_context(every(_METRICS_SECONDS, sender.send))
        stream.run(acknowledge)


def check_kind(contract: Contract, request: StreamRequest) -> None:
    """Refuse a source that the options do not suit.

    Raises:
        UsageError: It is not for standard input, or not to be polled.
    """
    kind, polls = contract.source.kind, request.poll_seconds is not None
    if kind == "stream" and (polls or request.max_polls is not None):
        raise UsageError(
            f"{contract.dataset} comes from standard input, there is nothing to poll",
            fix="leave --poll-seconds and --max-polls out",
        )
    if kind == "sql" and not polls:
        raise UsageError(
            f"{contract.dataset} comes from a SQL source, which is polled",
            fix="add --poll-seconds 30",
        )
    if kind not in ("stream", "sql"):
        raise UsageError(
            f"{contract.dataset} has a source of kind {kind}, which cannot be streamed",
            fix=f"run flows/full_pipeline.py --dataset {contract.dataset}",
        )


class _Stream:
    """One run of the command."""

    def __init__(
        self,
        request: StreamRequest,
        settings: Settings,
        contract: Contract,
        figures: Figures,
        stop: Stop,
    ) -> None:
        self._request = request
        self._settings = settings
        self._contract = contract
        self._figures = figures
        self._stop = stop
        self._name = new_session_name()
        self._s3: S3Client = make_client("s3", settings.aws)

    def run(self, acknowledge: Callable[[Acknowledgement], None]) -> None:
        self._keep_contract()
        if self._contract.source.kind == "stream":
            session = self._session(SharedLog(self._s3, self._contract), acknowledge)
            session.run(self._standard_input())
        else:
            today = datetime.now(UTC).date()
            chain = ChainedLog(
                self._s3,
                self._contract,
                session=self._name,
                today=today,
                run_date=self._request.run_date,
            )
            session = self._session(chain, acknowledge)
            self._poll(session, chain)
        session.write_manifests()

    def _poll(self, session: Session, chain: ChainedLog) -> None:
        from etl.sources.sql import open_reader  # standard input needs no database library

        assert self._request.poll_seconds is not None
        polling = Polling(
            open_reader(self._small_pages(), self._source_context()),
            after=chain.position,
            poll_seconds=self._request.poll_seconds,
            max_polls=self._request.max_polls,
            stop=self._stop,
        )
        while not polling.has_ended:
            try:
                session.run(polling)
            except OvertakenError:
                chain.refresh()
                polling.rewind(chain.position)
                log.info("stream     another process has read on: going on behind it")

    def _small_pages(self) -> Contract:
        """The contract with pages no larger than a batch: a batch ends with one."""
        from etl.sources.sql.options import read_sql_options

        source = self._contract.source
        rows = min(self._request.limits.records, read_sql_options(self._contract).batch_rows)
        options = {**source.options, "batch_rows": rows}
        return replace(self._contract, source=replace(source, options=options))

    def _session(
        self, commit_log: CommitLog, acknowledge: Callable[[Acknowledgement], None]
    ) -> Session:
        return Session(
            self._s3,
            contract=self._contract,
            log=commit_log,
            open_writer=self._open_writer,
            limits=self._request.limits,
            name=self._name,
            run_date=self._request.run_date,
            on_commit=acknowledge,
        )

    def _open_writer(self, run_date: date, name: Callable[[int], str]) -> RawWriter:
        return RawWriter(
            self._s3,
            contract=self._contract,
            run_date=run_date,
            name=name,
            settings=self._settings.staging,
            metadata=object_metadata(self._contract, run_date, self._name),
            figures=self._figures,
        )

    def _standard_input(self) -> StandardInput:
        options = read_options(
            StreamOptions, self._contract.source.options, where=f"of {self._contract.dataset}"
        )
        if sys.stdin is None:  # then its number may be another file's
            raise SourceError(
                "standard input is closed",
                fix="pipe JSON lines into the command, or redirect a file to it",
            )
        if sys.stdin.isatty():
            log.info("stream     reading JSON lines from the terminal; Ctrl-D ends them")
        return StandardInput(
            _STANDARD_INPUT, stop=self._stop, limit_bytes=options.record_limit_mib * _MIB
        )

    def _source_context(self) -> SourceContext:
        return SourceContext(
            run_date=self._request.run_date or datetime.now(UTC).date(),
            client=self._client,
            state_prefix=state_prefix(self._settings.buckets.artifacts, self._contract.dataset),
        )

    def _client(
        self, service: str, *, region: str | None = None, role_arn: str | None = None
    ) -> Any:
        aws = self._settings.aws
        config = replace(aws, region=region or aws.region, other_role_arn=role_arn)
        return make_client(service, config)

    def _keep_contract(self) -> None:
        """Write the compiled contract where all can read it; shows early that S3 can be used."""
        uri = keys.contract_uri(self._settings.buckets.artifacts, self._contract)
        write_json(self._s3, uri, self._contract.to_json())
