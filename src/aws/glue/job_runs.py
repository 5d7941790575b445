"""Start a Glue job run, find one that is still going, wait for one to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import JobRunTypeDef

ACTIVE_STATES = frozenset({"STARTING", "RUNNING", "STOPPING", "WAITING"})
# All others are terminal: SUCCEEDED, FAILED, TIMEOUT, STOPPED, ERROR, EXPIRED.

_FIRST_POLL_SECONDS = 0.2
_POLL_GROWTH = 1.5
_RUNS_LOOKED_AT = 200


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """What Glue knows of a job run.

    Attributes:
        error_message: Glue's words; a run that was stopped may have none.
        log_group: CloudWatch log groups of the run begin with this; its streams with `run_id`.
    """

    job_name: str
    run_id: str
    state: str
    started_on: datetime | None
    completed_on: datetime | None = None
    execution_seconds: int
    arguments: Mapping[str, str]
    error_message: str
    log_group: str

    @property
    def is_active(self) -> bool:
        """Whether the run is still going."""
        return self.state in ACTIVE_STATES

    @property
    def log(self) -> str:
        """Where the run's error log is."""
        return f"CloudWatch log group {self.log_group}/error, stream {self.run_id}"


class JobRunFailedError(RuntimeError):
    """The job run ended in another state than SUCCEEDED."""

    def __init__(self, run: JobRun) -> None:
        super().__init__(run)
        self.run = run

    def __str__(self) -> str:
        reason = self.run.error_message or "Glue gives no reason"
        return f"job run {self.run.run_id} of {self.run.job_name} {self.run.state}: {reason}"


class JobRunTimeoutError(TimeoutError):
    """The job run was still going at the deadline; it has not been stopped."""

    def __init__(self, run: JobRun, timeout_minutes: float) -> None:
        super().__init__(run, timeout_minutes)
        self.run = run
        self.timeout_minutes = timeout_minutes

    def __str__(self) -> str:
        return (
            f"job run {self.run.run_id} of {self.run.job_name} still {self.run.state}"
            f" after {self.timeout_minutes:g} minutes"
        )


def start_job_run(client: GlueClient, *, job_name: str, arguments: Mapping[str, str]) -> str:
    """Start a run and return its id.

    Args:
        arguments: By the name that the script knows, e.g. run_date, without leading dashes.

    Raises:
        ConcurrentRunsExceededException: As many runs of the job are going as it allows.
        EntityNotFoundException: There is no such job.
    """
    named = {f"--{name}": value for name, value in arguments.items()}
    return client.start_job_run(JobName=job_name, Arguments=named)["JobRunId"]


def get_job_run(client: GlueClient, *, job_name: str, run_id: str) -> JobRun:
    """What Glue knows of the run now."""
    return _job_run(client.get_job_run(JobName=job_name, RunId=run_id)["JobRun"])


def find_active_job_run(
    client: GlueClient, *, job_name: str, arguments_match: Mapping[str, str]
) -> JobRun | None:
    """The newest run that is still going and was started with these arguments, among others."""
    pages = client.get_paginator("get_job_runs").paginate(JobName=job_name)
    runs = (_job_run(each) for page in pages for each in page["JobRuns"])
    active = [
        run for run in runs if run.is_active and arguments_match.items() <= run.arguments.items()
    ]
    return max(active, key=_start_order, default=None)


def find_succeeded_job_run(
    client: GlueClient, *, job_name: str, arguments_match: Mapping[str, str]
) -> JobRun | None:
    """The newest of the job's last runs that has succeeded with these arguments, among others."""
    pages = client.get_paginator("get_job_runs").paginate(
        JobName=job_name, PaginationConfig={"MaxItems": _RUNS_LOOKED_AT}
    )
    runs = (_job_run(each) for page in pages for each in page["JobRuns"])
    succeeded = [
        run
        for run in runs
        if run.state == "SUCCEEDED" and arguments_match.items() <= run.arguments.items()
    ]
    return max(succeeded, key=_start_order, default=None)


def wait_for_job_run(
    client: GlueClient,
    *,
    job_name: str,
    run_id: str,
    poll_seconds: float,
    timeout_minutes: float,
    on_progress: Callable[[JobRun], None] | None = None,
) -> JobRun:
    """Wait until the run has SUCCEEDED.

    Args:
        poll_seconds: The longest wait between looks at the run; the first ones are shorter, so
            that a quick run is not waited for.
        timeout_minutes: After that it is left to itself.
        on_progress: Called with what each look at the run shows.

    Raises:
        JobRunFailedError: It ended in another state.
        JobRunTimeoutError: It took too long.
    """
    deadline = time.monotonic() + timeout_minutes * 60
    wait_seconds = min(_FIRST_POLL_SECONDS, poll_seconds)
    while True:
        run = get_job_run(client, job_name=job_name, run_id=run_id)
        if on_progress is not None:
            on_progress(run)
        if run.state == "SUCCEEDED":
            return run
        if not run.is_active:
            raise JobRunFailedError(run)
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise JobRunTimeoutError(run, timeout_minutes)
        time.sleep(min(wait_seconds, remaining))
        wait_seconds = min(wait_seconds * _POLL_GROWTH, poll_seconds)


def _job_run(found: JobRunTypeDef) -> JobRun:
    arguments = found.get("Arguments", {})
    return JobRun(
        job_name=found["JobName"],
        run_id=found["Id"],
        state=found["JobRunState"],
        started_on=found.get("StartedOn"),
        completed_on=found.get("CompletedOn"),
        execution_seconds=found.get("ExecutionTime", 0),
        arguments={name.removeprefix("--"): value for name, value in arguments.items()},
        error_message=found.get("ErrorMessage", ""),
        log_group=found.get("LogGroupName", "/aws-glue/jobs"),
    )


def _start_order(run: JobRun) -> float:
    return run.started_on.timestamp() if run.started_on else float("inf")
