"""Glue job runs: found, started and awaited in every state that AWS knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from aws.glue import job_runs
from aws.glue.job_runs import (
    JobRun,
    JobRunFailedError,
    JobRunTimeoutError,
    find_active_job_run,
    start_job_run,
    wait_for_job_run,
)

RUN = {"JobName": "job", "RunId": "jr_1"}


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(job_runs, "time", fake)
    return fake


@pytest.fixture
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client(
        "glue", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def job_run(state: str, run_id: str = "jr_1", minute: int = 0, **more: Any) -> dict[str, Any]:
    started = datetime(2026, 1, 1, 0, minute, tzinfo=timezone.utc)
    return {"Id": run_id, "JobName": "job", "JobRunState": state, "StartedOn": started, **more}


def add_states(stubber: Stubber, *states: str, **more: Any) -> None:
    for state in states:
        stubber.add_response("get_job_run", {"JobRun": job_run(state, **more)}, RUN)


def wait(client: Any, **changes: Any) -> JobRun:
    arguments = {"job_name": "job", "run_id": "jr_1", "poll_seconds": 10, "timeout_minutes": 60}
    return wait_for_job_run(client, **{**arguments, **changes})


def test_start_job_run_names_arguments_as_glue_does(stubbed: tuple[Any, Stubber]) -> None:
    client, stubber = stubbed
    expected = {"JobName": "job", "Arguments": {"--run_date": "2026-01-01", "--dataset": "orders"}}
    stubber.add_response("start_job_run", {"JobRunId": "jr_1"}, expected)
    arguments = {"run_date": "2026-01-01", "dataset": "orders"}
    assert start_job_run(client, job_name="job", arguments=arguments) == "jr_1"


def test_start_job_run_while_too_many_are_going_lets_glue_say_so(
    stubbed: tuple[Any, Stubber],
) -> None:
    client, stubber = stubbed
    stubber.add_client_error("start_job_run", "ConcurrentRunsExceededException", "too many")
    with pytest.raises(client.exceptions.ConcurrentRunsExceededException):
        start_job_run(client, job_name="job", arguments={})


def test_find_active_job_run_takes_the_newest_of_all_pages_with_these_arguments(
    stubbed: tuple[Any, Stubber],
) -> None:
    client, stubber = stubbed
    ours, others = {"--dataset": "a", "--more": "x"}, {"--dataset": "b"}
    first = [
        job_run("SUCCEEDED", "done", 59, Arguments=ours),
        job_run("RUNNING", "other", 58, Arguments=others),
        job_run("RUNNING", "bare", 57),
        job_run("RUNNING", "older", 1, Arguments=ours),
    ]
    second = [job_run("WAITING", "newer", 2, Arguments=ours)]
    stubber.add_response(
        "get_job_runs", {"JobRuns": first, "NextToken": "next"}, {"JobName": "job"}
    )
    stubber.add_response(
        "get_job_runs", {"JobRuns": second}, {"JobName": "job", "NextToken": "next"}
    )
    found = find_active_job_run(client, job_name="job", arguments_match={"dataset": "a"})
    assert found is not None
    assert (found.run_id, found.state) == ("newer", "WAITING")
    assert found.arguments == {"dataset": "a", "more": "x"}


@pytest.mark.parametrize("state", ["STARTING", "RUNNING", "STOPPING", "WAITING"])
def test_find_active_job_run_counts_every_active_state(
    stubbed: tuple[Any, Stubber], state: str
) -> None:
    client, stubber = stubbed
    stubber.add_response("get_job_runs", {"JobRuns": [job_run(state)]})
    found = find_active_job_run(client, job_name="job", arguments_match={})
    assert found is not None and found.is_active


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED"])
def test_find_active_job_run_counts_no_terminal_state(
    stubbed: tuple[Any, Stubber], state: str
) -> None:
    client, stubber = stubbed
    stubber.add_response("get_job_runs", {"JobRuns": [job_run(state)]})
    assert find_active_job_run(client, job_name="job", arguments_match={}) is None


def test_find_active_job_run_of_a_job_that_does_not_exist_lets_glue_say_so(
    stubbed: tuple[Any, Stubber],
) -> None:
    client, stubber = stubbed
    stubber.add_client_error("get_job_runs", "EntityNotFoundException", "no such job")
    with pytest.raises(client.exceptions.EntityNotFoundException):
        find_active_job_run(client, job_name="job", arguments_match={})


def test_wait_for_job_run_shows_each_look_and_answers_the_run(
    stubbed: tuple[Any, Stubber], clock: Clock
) -> None:
    client, stubber = stubbed
    states = ["WAITING", "STARTING", "STARTING", "RUNNING", "RUNNING", "SUCCEEDED"]
    add_states(stubber, *states, ExecutionTime=7)
    shown: list[str] = []
    run = wait(client, on_progress=lambda run: shown.append(run.state))
    assert shown == states
    assert (run.state, run.execution_seconds) == ("SUCCEEDED", 7)


def test_wait_for_job_run_polls_soon_at_first_and_then_at_the_set_pace(
    stubbed: tuple[Any, Stubber], clock: Clock
) -> None:
    client, stubber = stubbed
    add_states(stubber, *["RUNNING"] * 15, "SUCCEEDED")
    wait(client, poll_seconds=10)
    assert clock.sleeps[0] == pytest.approx(0.2)
    assert clock.sleeps == sorted(clock.sleeps)
    assert clock.sleeps[-1] == 10


@pytest.mark.parametrize("state", ["FAILED", "TIMEOUT", "ERROR", "EXPIRED", "STOPPED"])
def test_wait_for_job_run_that_ends_badly_raises_glues_words_and_the_log(
    stubbed: tuple[Any, Stubber], clock: Clock, state: str
) -> None:
    client, stubber = stubbed
    add_states(stubber, "RUNNING")
    more = {"ErrorMessage": "boom", "LogGroupName": "/aws-glue/mine"}
    add_states(stubber, state, **more)
    with pytest.raises(JobRunFailedError, match=f"jr_1 of job {state}: boom") as caught:
        wait(client)
    assert caught.value.run.log == "CloudWatch log group /aws-glue/mine/error, stream jr_1"


def test_wait_for_job_run_that_was_stopped_without_a_message_says_so(
    stubbed: tuple[Any, Stubber], clock: Clock
) -> None:
    client, stubber = stubbed
    add_states(stubber, "STOPPING", "STOPPED")
    with pytest.raises(JobRunFailedError, match="STOPPED: Glue gives no reason"):
        wait(client)


def test_wait_for_job_run_beyond_the_deadline_leaves_it_running(
    stubbed: tuple[Any, Stubber], clock: Clock
) -> None:
    client, stubber = stubbed
    add_states(stubber, *["RUNNING"] * 7)
    with pytest.raises(JobRunTimeoutError, match="still RUNNING after 0.05 minutes"):
        wait(client, poll_seconds=1, timeout_minutes=0.05)
    assert clock.now == pytest.approx(3)


def test_wait_for_job_run_that_vanished_lets_glue_say_so(
    stubbed: tuple[Any, Stubber], clock: Clock
) -> None:
    client, stubber = stubbed
    stubber.add_client_error("get_job_run", "EntityNotFoundException", "no such run")
    with pytest.raises(ClientError, match="no such run"):
        wait(client)
