"""Flow runs without a run date: the day they were due for, however late they start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from prefect import Flow
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.states import Failed

import backfill
import full_pipeline
import heavy_batch
from etl import tasks
from etl.errors import SourceError
from etl.tasks import alerting

DUE = datetime(2026, 1, 2, 3, tzinfo=UTC)
DAY = date(2026, 1, 1)


class Started(Exception):
    """A flow has come to its first step."""


@contextmanager
def within_run(due: datetime | None = DUE, **given: object) -> Iterator[None]:
    """What a flow sees of its run, long after it was due."""
    run = FlowRun(flow_id=uuid4(), expected_start_time=due)
    with FlowRunContext.model_construct(flow_run=run, parameters=given):
        yield


def run_date_started(
    monkeypatch: pytest.MonkeyPatch, start: str, flow: Callable[..., Any], **given: object
) -> object:
    """The run date that a flow gives its first step."""

    def begin(**options: object) -> None:
        raise Started(options["run_date"])

    monkeypatch.setattr(tasks, start, begin)
    with within_run(), pytest.raises(Started) as caught:
        flow(**given)
    return caught.value.args[0]


def test_late_nightly_run_is_for_the_day_before_it_was_due(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = full_pipeline.full_pipeline.fn
    assert run_date_started(monkeypatch, "start", flow, dataset="orders") == DAY
    told = run_date_started(monkeypatch, "start", flow, run_date=date(2025, 5, 5))
    assert told == date(2025, 5, 5)


def test_late_batch_is_for_the_day_before_it_was_due(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = heavy_batch.heavy_batch.fn
    assert run_date_started(monkeypatch, "start_batch", flow, datasets=["orders"]) == DAY


def test_late_run_is_named_after_its_day() -> None:
    with within_run(dataset="orders", run_date=None):
        assert full_pipeline._flow_run_name() == "orders 2026-01-01"
    with within_run(datasets=["orders", "airports"], run_date=None):
        assert heavy_batch._flow_run_name() == "orders, airports 2026-01-01"


@pytest.mark.parametrize(
    ("due", "day"),
    [
        (DUE, DAY),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=5))), date(2025, 12, 31)),
        (datetime(2026, 1, 2, 23, tzinfo=timezone(timedelta(hours=-5))), date(2026, 1, 2)),
    ],
)
def test_run_date_due_is_a_plain_utc_day_in_any_zone(due: datetime, day: date) -> None:
    with within_run(due):
        assert (tasks.run_date_due(), type(tasks.run_date_due())) == (day, date)
    assert tasks.run_date_due(due) == day


def test_run_date_due_without_a_time_is_the_clocks() -> None:
    first = datetime.now(UTC).date()
    with within_run(None):
        found = {tasks.run_date_due()}
    found.add(tasks.run_date_due())
    last = datetime.now(UTC).date()
    assert found <= {first - timedelta(days=1), last - timedelta(days=1)}


def alert_of(
    monkeypatch: pytest.MonkeyPatch, flow: Flow[..., Any], **given: object
) -> dict[str, Any]:
    """What is told of a failed run that has these parameters alone."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(alerting, "alert_of_failure", lambda _, **words: told.append(words))
    run = FlowRun(flow_id=uuid4(), expected_start_time=DUE, parameters=given)
    (hook,) = flow.on_failure_hooks
    asyncio.run(hook(flow, run, Failed(data=SourceError("the API is down"))))
    return told[0]


def test_alert_of_a_nightly_run_names_the_day_that_it_was_due_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flow = full_pipeline.full_pipeline
    told = alert_of(monkeypatch, flow, dataset="orders", env="prod")
    assert told["run_date"] == DAY
    assert told["next_command"] == (
        "python flows/full_pipeline.py --run-date 2026-01-01 --dataset orders --env prod"
    )
    told = alert_of(monkeypatch, flow, dataset="orders", env="prod", run_date="2025-05-05")
    assert told["run_date"] == date(2025, 5, 5)
    assert "--run-date 2025-05-05 " in told["next_command"]


def test_alert_of_a_flow_without_run_dates_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"first": "2026-01-01", "last": "2026-01-31", "dataset": "orders", "env": "prod"}
    told = alert_of(monkeypatch, backfill.backfill, **given)
    assert told["run_date"] is None
