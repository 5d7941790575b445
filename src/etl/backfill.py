"""A range of run dates: which are to be run, side by side, and what became of each.

A backfill keeps no state of its own: what is done stands in the runs' reports and in the ledger,
so running it again goes on where it ended.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from aws.s3 import get_bytes, iter_objects
from etl import keys
from etl.backfill_report import DateResult
from etl.cli import check_run_date
from etl.describe import describe_error
from etl.errors import StorageError, UsageError
from etl.model import Contract
from etl.report import RunReport
from etl.run import Run
from etl.storage import explain_storage_errors
from etl.stream.collect import is_collected
from etl.warehouse.executor import Executor, open_executor
from etl.warehouse.explain import explain_warehouse_errors
from etl.warehouse.ledger import loaded_dates_sql
from etl.warehouse.migrate import read_columns
from etl.warehouse.tables import ledger_table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_READERS = 8


def dates_between(first: date, last: date) -> list[date]:
    """The dates of a range, both ends included.

    Raises:
        UsageError: The range is empty, or ends in the future.
    """
    if first > last:
        raise UsageError(
            f"the range begins on {first} and ends before, on {last}",
            fix=f"write --from {last} --to {first}",
        )
    check_run_date(last)
    return [first + timedelta(days=each) for each in range((last - first).days + 1)]


def check_source(contract: Contract) -> None:
    """Refuse a source that cannot say what belongs to a past date.

    Raises:
        UsageError: It knows only what it has not given yet.
    """
    source, options = contract.source, contract.source.options
    tracks_files = options.get("only_new") or options.get("after_load", "keep") != "keep"
    if tracks_files and "{run_date" not in source.location:
        raise UsageError(
            f"{contract.dataset} takes what is new at {source.location}, whatever its date",
            fix="put {run_date} into the source's location, or run flows/full_pipeline.py",
        )
    watermark = options.get("watermark")
    if any(each.path == (watermark,) and each.type.kind == "integer" for each in contract.columns):
        raise UsageError(
            f"{contract.dataset} goes by the whole number {watermark}, which has no dates",
            fix="name a date or timestamp as the watermark, or run flows/full_pipeline.py",
        )


def find_done(run: Run, dates: Sequence[date]) -> dict[date, int]:
    """The dates that have been run to their end under the run's contract, and their rows.

    The report, which a run writes last, tells that it came to its end; the ledger, which is
    written with the rows, that they are still there. One listing and one query tell both, and one
    small object is read for each date that has a report. A date of a stream may get more behind
    its run: its commit records tell that it has not.
    """
    contract, bucket = run.contract, run.settings.buckets.artifacts
    reports = {
        day: report
        for day, report in _read_reports(run.client("s3"), bucket, contract.dataset, dates)
        if report.get("status") == "succeeded"
        and report.get("contract_fingerprint") == contract.fingerprint
    }
    if reports and contract.is_loaded:
        with closing(open_executor(run.settings, label=f"{contract.dataset} backfill")) as executor:
            with explain_warehouse_errors(run.settings):
                loaded = _loaded_runs(executor, contract, dates)
        reports = {day: each for day, each in reports.items() if loaded.get(day) == each["run_id"]}
    if contract.source.kind == "stream":
        reports = {day: each for day, each in reports.items() if _has_all(run, day)}
    return {day: report["rows"]["loaded"] for day, report in reports.items()}


def _has_all(run: Run, day: date) -> bool:
    """Whether the date's run took all that a stream has committed for it."""
    try:
        return is_collected(run.client("s3"), run.contract, day)
    except StorageError:
        return False  # the date's own run says why, and the others are run


def _read_reports(
    s3: S3Client, bucket: str, dataset: str, dates: Sequence[date]
) -> Iterator[tuple[date, dict[str, Any]]]:
    _, prefix = keys.parse_s3_uri(keys.runs_prefix(bucket, dataset))
    wanted = {f"{prefix}{day}/report.json": day for day in dates}
    with explain_storage_errors(f"s3://{bucket}/{prefix}"):
        found = [
            each.key
            for each in iter_objects(s3, bucket=bucket, prefix=prefix)
            if each.key in wanted
        ]
        with ThreadPoolExecutor(_READERS) as readers:
            bodies = list(readers.map(lambda key: get_bytes(s3, bucket=bucket, key=key), found))
    for key, body in zip(found, bodies):
        yield wanted[key], json.loads(body)


def _loaded_runs(executor: Executor, contract: Contract, dates: Sequence[date]) -> dict[date, str]:
    """The run that the warehouse holds of each date."""
    if not read_columns(executor, (ledger_table(contract),)):
        return {}
    return {
        day: run for day, run in executor.query(loaded_dates_sql(contract, dates[0], dates[-1]))
    }


def run_dates(
    dates: Sequence[date],
    run: Callable[[date], RunReport],
    *,
    max_parallel: int,
    stopping: threading.Event,
) -> Iterator[DateResult]:
    """Run each date, at most `max_parallel` at a time, and give the results as they come.

    Args:
        stopping: Once it is set, no further date begins; those at work come to their end.
    """
    todo: queue.SimpleQueue[date] = queue.SimpleQueue()
    results: queue.SimpleQueue[DateResult | None] = queue.SimpleQueue()
    for day in dates:
        todo.put(day)

    def work() -> None:
        try:
            while not (stopping.is_set() or todo.empty()):
                results.put(_run_date(todo.get_nowait(), run))
        except queue.Empty:
            pass  # another worker was faster
        finally:
            results.put(None)

    at_work = min(max_parallel, len(dates))
    for _ in range(at_work):
        # Daemons, so that a second Ctrl-C need not wait for them. Their context is the caller's:
        # that is how Prefect knows the flow that their runs belong to.
        threading.Thread(target=copy_context().run, args=(work,), daemon=True).start()
    while at_work:
        if result := results.get():
            yield result
        else:
            at_work -= 1


def _run_date(day: date, run: Callable[[date], RunReport]) -> DateResult:
    started = time.monotonic()
    try:
        report = run(day)
    except Exception as error:
        seconds, cause = time.monotonic() - started, describe_error(error)
        return DateResult(run_date=day, status="failed", seconds=seconds, cause=cause)
    seconds = time.monotonic() - started
    return DateResult(run_date=day, status="succeeded", rows=report.rows.loaded, seconds=seconds)
