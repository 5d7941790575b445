"""Leases: one run at a time has a date, and none that has died keeps it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.contracts import make_contract

from etl.errors import LeaseHeldError, LeaseLostError, StorageError
from etl.lease import confirm_for_execution, give_back, hold, process, take, take_for_execution
from etl.lease.hold import Keeper
from etl.lease.record import Lease, Place
from etl.lease.take import Taking
from etl.root import ROOT
from etl.run import Run
from etl.settings import load_settings

SETTINGS = load_settings("local").model_copy(update={"role_arn": None})
BUCKET = SETTINGS.buckets.artifacts
DAY = date(2026, 1, 1)
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:m:2026-01-01-abc"
URI = f"s3://{BUCKET}/runs/things/2026-01-01/lease.json"


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The artifacts bucket."""
    with mock_aws():
        s3().create_bucket(Bucket=BUCKET)
        monkeypatch.setattr(Run, "client", lambda run, service, **_: s3())
        yield


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where life signs lie."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


class Clock:
    """Time that passes by sleeping; others do something at each pause."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at_each_pause: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.at_each_pause()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(take, "time", made)
    return made


def make_run(run_id: str = "one", run_date: date = DAY, **options: Any) -> Run:
    contract = make_contract()
    source = replace(contract.source, options={**contract.source.options, **options})
    contract = replace(contract, source=source)
    return Run(run_id=run_id, run_date=run_date, contract=contract, settings=SETTINGS)


@cache
def s3() -> Any:
    return boto3.client("s3")


def place() -> Place:
    return Place(s3(), URI, what="things 2026-01-01")


def elsewhere(**changes: Any) -> Lease:
    known = {"holder": "theirs", "who": "run two", "host": "another", "seconds": 30}
    return Lease(**{**known, **changes})


def runs(*executions: str) -> Callable[[str], bool]:
    return lambda arn: arn in executions


def test_hold_keeps_a_second_run_of_the_date_out_and_lets_the_next_one_in(folder: Path) -> None:
    with hold(make_run("one")):
        with pytest.raises(LeaseHeldError) as refused:
            with hold(make_run("two")):
                pass
    for words in ("things 2026-01-01: run one of 2026-01-01", "is at work on it, since", "let it"):
        assert words in str(refused.value)
    with hold(make_run("three")) as held:
        held.confirm()
    found = place().read()
    assert found is not None and found.lease.is_over and "run three" in found.lease.who
    assert list(folder.rglob("*.lock")) == []


def test_hold_of_another_date_is_not_in_the_way() -> None:
    with hold(make_run()), hold(make_run(run_date=date(2026, 1, 2))) as other:
        other.confirm()


def test_hold_of_a_run_that_fails_is_given_back() -> None:
    with pytest.raises(KeyboardInterrupt), hold(make_run()):
        raise KeyboardInterrupt
    with hold(make_run()):
        pass


KILLED = """
import boto3, os, signal
from etl.lease.process import LifeSign, host_name
from etl.lease.record import Lease
LifeSign("theirs")
print(host_name(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_take_over_of_a_process_that_was_killed_here_is_immediate(
    clock: Clock, folder: Path
) -> None:
    environ = {"PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(folder)}
    killed = subprocess.run([sys.executable, "-c", KILLED], env=environ, stdout=subprocess.PIPE)
    assert killed.returncode == -9 and len(list(folder.rglob("*.lock"))) == 1
    host = killed.stdout.decode().strip()
    place().swap(elsewhere(host=host), None)
    with hold(make_run()) as held:
        held.confirm()
    assert clock.now == 0 and list(folder.rglob("*.lock")) == []


def test_take_of_a_process_that_lives_here_is_refused_without_waiting(clock: Clock) -> None:
    sign = process.LifeSign("theirs")
    place().swap(elsewhere(host=process.host_name()), None)
    with pytest.raises(LeaseHeldError):
        Taking(place(), runs=runs()).take(elsewhere(holder="mine"))
    assert clock.now == 0
    sign.end()


def test_take_of_a_process_elsewhere_that_says_nothing_waits_for_as_long_as_it_lasts(
    clock: Clock,
) -> None:
    place().swap(elsewhere(), None)
    etag = Taking(place(), runs=runs()).take(elsewhere(holder="mine"))
    found = place().read()
    assert found is not None and (found.lease.holder, found.etag) == ("mine", etag)
    assert clock.now == pytest.approx(30)


def test_take_of_a_process_elsewhere_that_renews_is_refused_at_once(clock: Clock) -> None:
    etag = place().swap(elsewhere(), None)
    clock.at_each_pause = lambda: place().swap(elsewhere().renewed(), etag)
    with pytest.raises(LeaseHeldError, match="run two is at work"):
        Taking(place(), runs=runs()).take(elsewhere(holder="mine"))
    assert clock.now < 1


def test_take_while_the_holder_gives_back_goes_on_at_once(clock: Clock) -> None:
    etag = place().swap(elsewhere(), None)
    clock.at_each_pause = lambda: place().swap(elsewhere(is_over=True), etag)
    assert Taking(place(), runs=runs()).take(elsewhere(holder="mine"))
    assert clock.now < 1


def test_take_over_by_two_at_once_leaves_one(clock: Clock) -> None:
    etag = place().swap(elsewhere(seconds=1), None)
    faster = process.LifeSign("faster")

    def be_faster() -> None:
        if clock.now >= 1:
            place().swap(elsewhere(holder="faster", host=process.host_name()), etag)

    clock.at_each_pause = be_faster
    with pytest.raises(LeaseHeldError):
        Taking(place(), runs=runs()).take(elsewhere(holder="mine"))
    faster.end()


def test_lease_of_an_execution_lasts_as_long_as_it_runs(clock: Clock) -> None:
    place().swap(elsewhere(holder=EXECUTION, host="", seconds=0), None)
    with pytest.raises(LeaseHeldError):
        Taking(place(), runs=runs(EXECUTION)).take(elsewhere(holder="mine"))
    assert Taking(place(), runs=runs()).take(elsewhere(holder="mine"))
    assert clock.now == 0


def test_keeper_whose_place_was_taken_says_by_whom_and_gives_nothing_back() -> None:
    mine = elsewhere(holder="mine")
    keeper = Keeper(place(), mine, str(place().swap(mine, None)))
    keeper.confirm()
    found = place().read()
    assert found is not None and found.lease.renewed_at > mine.renewed_at
    place().swap(elsewhere(), found.etag)
    with pytest.raises(LeaseLostError, match="run two has taken its place"):
        keeper.confirm()
    assert not keeper.give_back()
    found = place().read()
    assert found is not None and not found.lease.is_over


def test_keeper_whose_write_was_not_answered_knows_its_own() -> None:
    mine = elsewhere(holder="mine")
    keeper = Keeper(place(), mine, str(place().swap(mine, None)))
    found = place().read()
    assert found is not None
    place().swap(mine.renewed(), found.etag)  # made, and the answer was lost
    keeper.confirm()
    assert keeper.give_back()


def test_keeper_renews_by_itself() -> None:
    mine = elsewhere(holder="mine", seconds=0.03)
    etag = place().swap(mine, None)
    keeper = Keeper(place(), mine, str(etag))
    keeper.start()
    for _ in range(500):
        found = place().read()
        if found is not None and found.etag != etag:
            break
    assert found is not None and found.lease.renewed_at > mine.renewed_at
    assert keeper.give_back()


@pytest.mark.parametrize(
    "options", [{"only_new": True}, {"after_load": "move"}, {"watermark": "updated_at"}]
)
def test_runs_of_other_dates_wait_for_their_turn_where_a_source_goes_by_what_was_taken(
    clock: Clock, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    waited: list[float] = []
    caplog.set_level("INFO", logger="etl")
    with ExitStack() as first:
        first.enter_context(hold(make_run(**options)))

        def end_the_first() -> None:
            waited.append(clock.now)
            first.close()

        clock.at_each_pause = end_the_first
        with hold(make_run("two", date(2026, 1, 2), **options)) as second:
            second.confirm()
    assert len(waited) == 1
    assert "what is new at the source of things: run one of 2026-01-01" in caplog.text


def test_runs_of_a_backfill_take_no_turns() -> None:
    runs_of = [
        replace(make_run(run_date=date(2026, 1, day), watermark="at"), backfill_from=DAY)
        for day in (1, 2)
    ]
    with hold(runs_of[0]), hold(runs_of[1]):
        pass


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Executions, and whether they are at work."""
    known: dict[str, bool] = {}
    monkeypatch.setattr(
        "etl.lease.places.describe_execution",
        lambda _client, *, execution_arn: (
            SimpleNamespace(is_active=known[execution_arn]) if execution_arn in known else None
        ),
    )
    return known


def test_execution_has_its_lease_until_it_has_ended(executions: dict[str, bool]) -> None:
    run, executions[EXECUTION] = make_run(watermark="at"), True
    take_for_execution(run, EXECUTION)
    take_for_execution(run, EXECUTION)  # as a step that is tried again does
    confirm_for_execution(run, EXECUTION)
    with pytest.raises(LeaseHeldError, match="execution 2026-01-01-abc is at work"), hold(run):
        pass
    executions[EXECUTION] = False
    with hold(run):
        with pytest.raises(LeaseLostError, match="no longer execution 2026-01-01-abc's"):
            confirm_for_execution(run, EXECUTION)
        with pytest.raises(LeaseHeldError):
            take_for_execution(run, f"{EXECUTION}-2")


def test_execution_that_is_done_with_a_dataset_gives_it_back(executions: dict[str, bool]) -> None:
    run, executions[EXECUTION] = make_run(), True
    take_for_execution(run, EXECUTION)
    give_back(run, EXECUTION)
    give_back(run, EXECUTION)
    with hold(run):
        give_back(run, EXECUTION)  # too late to take it from anybody
        with pytest.raises(LeaseHeldError):
            take_for_execution(run, EXECUTION)


@pytest.mark.parametrize("text", ["", "{}", '{"holder": 1}', "[1]"])
def test_lease_that_is_none_is_refused_with_the_fix(text: str) -> None:
    bucket, key = URI.removeprefix("s3://").split("/", 1)
    s3().put_object(Bucket=bucket, Key=key, Body=text.encode())
    with pytest.raises(StorageError, match="delete it"), hold(make_run()):
        pass


def test_hold_without_room_for_a_life_sign_goes_by_the_lease_alone(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/dev/null")
    with hold(make_run("one")) as held:
        clock.at_each_pause = held.confirm
        with pytest.raises(LeaseHeldError), hold(make_run("two")):
            pass
    assert clock.now > 0


def test_life_signs_lie_in_one_folder_whatever_a_holder_is_called(folder: Path) -> None:
    outside = folder / "outside.lock"
    outside.touch()
    process.forget(elsewhere(holder="../outside"))
    assert outside.exists()
