from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.contracts import make_contract

from etl import backfill, keys
from etl.backfill import check_source, dates_between, find_done, run_dates
from etl.backfill_report import BackfillError, BackfillReport, DateResult, print_backfill
from etl.batch import extraction
from etl.batch.requests import Request
from etl.errors import LeaseLostError, SourceError, UsageError
from etl.figures import Figures
from etl.manifest import RawObject
from etl.model import Column, Contract, Source, Type
from etl.replay import kept_extraction
from etl.run import Run
from etl.settings import load_settings
from etl.steps import stage
from etl.stream.commits import Batch, commit_uri, try_commit

FIRST = date(2026, 1, 1)
DATES = [FIRST + timedelta(days=each) for each in range(6)]


# The range


def test_dates_between_has_both_ends() -> None:
    assert dates_between(date(2024, 2, 28), date(2024, 3, 1)) == [
        date(2024, 2, 28),
        date(2024, 2, 29),
        date(2024, 3, 1),
    ]
    assert dates_between(FIRST, FIRST) == [FIRST]


def test_dates_between_that_is_empty_or_in_the_future_is_refused() -> None:
    with pytest.raises(UsageError, match="begins on 2026-01-02 and ends before") as caught:
        dates_between(date(2026, 1, 2), FIRST)
    assert "--from 2026-01-01 --to 2026-01-02" in caught.value.fix
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    with pytest.raises(UsageError, match="future"):
        dates_between(FIRST, tomorrow)


def of_source(location: str, *columns: Column, **options: Any) -> Contract:
    source = Source(kind="file", name="tests", location=location, format="csv", options=options)
    return make_contract(*columns, source=source)


@pytest.mark.parametrize("options", [{"only_new": True}, {"after_load": "delete"}])
def test_source_of_what_is_new_is_refused_unless_its_location_has_the_date(
    options: dict[str, Any],
) -> None:
    with pytest.raises(UsageError, match="whatever its date"):
        check_source(of_source("s3://b/incoming/", **options))
    check_source(of_source("s3://b/incoming/{run_date:%Y/%m/%d}/", **options))
    check_source(of_source("s3://b/incoming/", after_load="keep"))


def test_source_by_a_watermark_without_dates_is_refused() -> None:
    number = Column(name="version", type=Type(kind="integer"), path=("version",))
    moment = Column(name="changed_at", type=Type(kind="timestamp"), path=("changed_at",))
    with pytest.raises(UsageError, match="whole number version"):
        check_source(of_source("sqlite://", number, watermark="version"))
    check_source(of_source("sqlite://", moment, watermark="changed_at"))


# Running


@dataclasses.dataclass
class Rows:
    loaded: int


@dataclasses.dataclass
class Report:
    rows: Rows


def run_all(
    run: Callable[[date], Any], *, max_parallel: int = 3, stopping: threading.Event | None = None
) -> dict[date, DateResult]:
    """The results, by their date."""
    event = stopping or threading.Event()
    found = list(run_dates(DATES, run, max_parallel=max_parallel, stopping=event))
    assert len(found) == len({each.run_date for each in found})
    return {each.run_date: each for each in found}


@pytest.mark.parametrize("max_parallel", [1, 3, 100])
def test_run_dates_runs_each_once_and_never_too_many_at_a_time(max_parallel: int) -> None:
    lock, at_work, most = threading.Lock(), 0, 0
    expected, all_at_work = min(max_parallel, len(DATES)), threading.Event()

    def run(day: date) -> Report:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
            if at_work == expected:
                all_at_work.set()
        all_at_work.wait(30)
        time.sleep(0.02)  # in which one too many would be seen
        with lock:
            at_work -= 1
        return Report(Rows(day.day))

    found = run_all(run, max_parallel=max_parallel)
    assert {day: each.rows for day, each in found.items()} == {day: day.day for day in DATES}
    assert {each.status for each in found.values()} == {"succeeded"}
    assert most == expected


def test_run_dates_goes_on_after_a_failure_and_keeps_its_cause() -> None:
    def run(day: date) -> Report:
        if day == DATES[1]:
            raise SourceError("the shop is closed", fix="come back")
        if day == DATES[2]:
            raise ZeroDivisionError("by zero")
        return Report(Rows(1))

    found = run_all(run, max_parallel=1)
    assert [found[day].status for day in DATES[:4]] == [
        "succeeded",
        "failed",
        "failed",
        "succeeded",
    ]
    assert found[DATES[1]].cause == "the shop is closed\n  fix: come back"
    assert found[DATES[2]].cause == "ZeroDivisionError: by zero"


def test_run_dates_that_is_stopped_ends_what_is_at_work_and_begins_nothing() -> None:
    stopping, both = threading.Event(), threading.Barrier(2)

    def run(day: date) -> Report:
        both.wait(10)
        stopping.set()
        time.sleep(0.05)
        return Report(Rows(1))

    found = run_all(run, max_parallel=2, stopping=stopping)
    assert sorted(found) == DATES[:2]
    assert {each.status for each in found.values()} == {"succeeded"}


def test_run_dates_of_none_ends_at_once() -> None:
    nothing: list[date] = []
    found = run_dates(nothing, print, max_parallel=4, stopping=threading.Event())  # type: ignore
    assert list(found) == []


# What is done already


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A run of a contract without a warehouse, and moto's S3 to keep reports in."""
    settings = load_settings("local")
    contract = make_contract()
    places = dataclasses.replace(contract.places, schema="", table="")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket=settings.buckets.artifacts)
        yield Run(
            run_id="now",
            run_date=FIRST,
            contract=dataclasses.replace(contract, places=places),
            settings=settings,
        )


def keep_report(run: Run, day: date, **changes: Any) -> None:
    report = {
        "status": "succeeded",
        "contract_fingerprint": run.contract.fingerprint,
        "run_id": f"run-{day}",
        "rows": {"loaded": day.day},
    }
    dataset = run.contract.dataset
    uri = keys.run_uri(run.settings.buckets.artifacts, dataset, day, "report.json")
    run.write(uri, json.dumps(report | changes))


def test_find_done_goes_by_reports_under_the_same_contract(run: Run) -> None:
    keep_report(run, DATES[0])
    keep_report(run, DATES[1], contract_fingerprint="another")
    keep_report(run, DATES[2], status="failed")
    keep_report(run, date(2025, 12, 31))
    assert find_done(run, DATES) == {DATES[0]: 1}
    assert find_done(run, DATES[1:]) == {}


def test_find_done_wants_the_warehouse_to_hold_that_very_run(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Warehouse:
        columns = [("things__ledger", "run_date", "NO", "date", None, None, None)]

        def query(self, sql: str) -> list[tuple[Any, ...]]:
            if "svv_columns" in sql:
                return self.columns
            return [(DATES[0], f"run-{DATES[0]}"), (DATES[1], "a later one")]

        def close(self) -> None:
            pass

    monkeypatch.setattr(backfill, "open_executor", lambda settings, label: Warehouse())
    loaded = dataclasses.replace(run, contract=make_contract())
    for day in DATES[:3]:
        keep_report(loaded, day)
    assert find_done(loaded, DATES) == {DATES[0]: 1}
    Warehouse.columns = []
    assert find_done(loaded, DATES) == {}


@pytest.fixture
def done(run: Run, tmp_path: Path) -> Run:
    """A run whose date was staged and then run to its end; its source is a file."""
    boto3.client("s3").create_bucket(Bucket="test-raw")
    source = dataclasses.replace(run.contract.source, location=str(tmp_path / "things.jsonl"))
    run = dataclasses.replace(run, contract=dataclasses.replace(run.contract, source=source))
    write_source(run, '{"id": 1}')
    stage(run, Figures())
    keep_report(run, FIRST)
    assert find_done(run, DATES) == {FIRST: 1}
    return run


def write_source(run: Run, line: str) -> None:
    Path(run.contract.source.location).write_text(f"{line}\n")


@pytest.mark.parametrize("line", ['{"id": 1}', '{"id": 2}'])
def test_date_whose_extraction_was_replaced_by_a_run_without_an_end_is_not_done(
    done: Run, line: str
) -> None:
    write_source(done, line)
    stage(done, Figures())
    assert find_done(done, DATES) == {}
    keep_report(done, FIRST)
    assert find_done(done, DATES) == {FIRST: 1}


def test_date_whose_stream_is_collected_again_is_not_done(done: Run) -> None:
    source = dataclasses.replace(done.contract.source, kind="stream")
    stage(
        dataclasses.replace(done, contract=dataclasses.replace(done.contract, source=source)),
        Figures(),
    )
    assert find_done(done, DATES) == {}


@pytest.fixture
def streamed(run: Run) -> Run:
    """A run whose date has one batch of a stream, and was run to its end."""
    boto3.client("s3").create_bucket(Bucket="test-raw")
    source = dataclasses.replace(run.contract.source, kind="stream")
    run = dataclasses.replace(run, contract=dataclasses.replace(run.contract, source=source))
    commit(run, 0)
    stage(run, Figures())
    keep_report(run, FIRST)
    return run


def commit(run: Run, number: int, **of_batch: Any) -> None:
    """Commit a batch of one object for the first date."""
    s3, body = run.client("s3"), b"{}"
    uri = f"{keys.raw_prefix(run.contract, FIRST)}batch-{number:08}-{'0' * 12}-00000.jsonl"
    bucket, key = keys.parse_s3_uri(uri)
    s3.put_object(Bucket=bucket, Key=key, Body=body)
    kept = RawObject(uri=uri, bytes=len(body), sha256="", rows=1)
    batch = Batch(run_date=FIRST, session="s", number=number, **{"objects": (kept,)} | of_batch)
    assert try_commit(s3, run.contract, number, batch)


@pytest.mark.parametrize(
    "of_batch", [{}, {"objects": (), "rejected": 1, "dead_letters": ("s3://test-raw/d",)}]
)
def test_date_of_a_stream_is_done_until_more_is_committed(
    streamed: Run, of_batch: dict[str, Any]
) -> None:
    assert find_done(streamed, DATES) == {FIRST: 1}
    commit(streamed, 1, **of_batch)
    assert find_done(streamed, DATES) == {}
    stage(streamed, Figures())
    keep_report(streamed, FIRST)
    assert find_done(streamed, DATES) == {FIRST: 1}


def test_date_of_a_stream_whose_commit_record_is_damaged_is_not_done(streamed: Run) -> None:
    streamed.write(commit_uri(streamed.contract, FIRST, 1), "{}")
    assert find_done(streamed, DATES) == {}


def test_date_whose_replay_has_begun_is_not_done(done: Run) -> None:
    kept_extraction(done)
    assert find_done(done, DATES) == {}


def test_date_whose_source_fails_or_that_another_run_has_taken_stays_done(done: Run) -> None:
    def lose() -> None:
        raise LeaseLostError("taken", fix="let it end")

    with pytest.raises(LeaseLostError):
        stage(dataclasses.replace(done, confirm=lose), Figures())
    Path(done.contract.source.location).unlink()
    with pytest.raises(SourceError):
        stage(done, Figures())
    assert find_done(done, DATES) == {FIRST: 1}


@pytest.mark.parametrize("is_fresh", [True, False])
def test_execution_that_transforms_a_fresh_extraction_anew_ends_that_the_date_is_done(
    done: Run, monkeypatch: pytest.MonkeyPatch, is_fresh: bool
) -> None:
    def nothing(*_: Any, **__: Any) -> None:
        pass

    monkeypatch.setattr(extraction, "take_for_execution", nothing)
    monkeypatch.setattr(extraction, "find_active_run", nothing)
    later = timedelta() if is_fresh else timedelta(days=1)
    entered_at = datetime.now(UTC) + later
    answer = extraction.look(Request(run=done, execution="e", given={}, entered_at=entered_at))
    assert ("extracted" in answer) == is_fresh
    assert find_done(done, DATES) == ({} if is_fresh else {FIRST: 1})


# The report


def test_print_backfill_shows_every_date_and_why_it_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    dates = (
        DateResult(run_date=DATES[0], status="skipped", rows=1234),
        DateResult(run_date=DATES[1], status="failed", seconds=2, cause="[x]: no\n  fix: mend it"),
        DateResult(run_date=DATES[2], status="not run"),
    )
    report = BackfillReport(dataset="orders", environment="local", dates=dates)
    print_backfill(report)
    shown = capsys.readouterr().out
    for text in ("2026-01-01  skipped  1,234", "2026-01-02 failed: [x]: no", "fix: mend it"):
        assert text in shown
    assert report.was_stopped and not report.is_complete
    assert "1 skipped, 1 failed, 1 not run" in str(BackfillError.of(report))
    assert json.loads(report.to_json())["dates"][0]["run_date"] == "2026-01-01"
