"""The Prefect tasks: the steps with names and retries. Nothing else in src/ knows Prefect."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import date
from functools import partial
from typing import Any, ParamSpec, TypeVar

from prefect import Flow, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.flows import FlowStateHook
from prefect.tasks import Task, exponential_backoff

from etl import pipeline, steps
from etl.archiving.command import archive_now
from etl.batch import execution
from etl.failures import alert_of_failure, naming_step
from etl.passing import may_pass

P = ParamSpec("P")
R = TypeVar("R")


async def _may_pass(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether a failure is AWS's or the network's, and may be gone on the next try."""
    error = await state.aresult(raise_on_failure=False)
    return may_pass(error)


def start_server() -> None:
    """Start Prefect's built-in server, unless another is configured, out of Ctrl-C's reach.

    A terminal sends Ctrl-C to all processes of a command. This one would be gone before the flow
    could tell it that it was stopped.
    """

    started: Future[None] = Future()

    def start() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # for what this thread starts
        try:
            get_client(sync_client=True)
        except Exception as error:
            started.set_exception(error)
        else:
            started.set_result(None)

    threading.Thread(target=start, daemon=True).start()
    started.result()


def _task_run_name(name: str) -> str:
    given = runtime.task_run.parameters
    if "run" in given:
        return f"{name} {given['run'].contract.dataset}"
    return f"{name} {given.get('dataset', '')}".strip()


def step(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A pipeline step as a task. Every step replaces its own output, so a retry is safe."""
    made = task(
        name=name,
        task_run_name=partial(_task_run_name, name),
        retries=2,
        retry_delay_seconds=exponential_backoff(backoff_factor=2),
        retry_jitter_factor=0.5,
        retry_condition_fn=_may_pass,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    return lambda function: made(naming_step(name)(function))


def alert_on_failure(
    command: Callable[[Mapping[str, Any]], Sequence[str] | None],
) -> FlowStateHook[..., Any]:
    """A flow's hook that sends one alert for a failed run, however often its steps were tried.

    Args:
        command: Makes of the run's parameters what runs it again; None for runs whose failure
            another one tells of.
    """

    async def alert(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
        given = flow_run.parameters
        again = command(given)
        if again is None:
            return
        run_date = given.get("run_date")
        alert_of_failure(
            await state.aresult(raise_on_failure=False),
            what=flow.name,
            environment=given["env"],
            dataset=given.get("dataset", ""),
            run_date=date.fromisoformat(str(run_date)[:10]) if run_date else None,
            next_command=shlex.join(again),
        )

    return alert


start = step("start")(pipeline.start)
extract = step("extract")(pipeline.extract)
transform = step("transform")(steps.transform)
validate = step("validate")(steps.validate)
load = step("load")(steps.load)
publish = step("publish")(steps.publish)
finish = step("finish")(steps.finish)
report = step("report")(steps.report)
start_batch = step("start batch")(execution.start_batch)
follow_batch = step("follow batch")(execution.follow_batch)
archive_objects = step("archive")(archive_now)
