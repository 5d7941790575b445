"""The record of a job run: plain data that outlives the process that ran it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.glue.models import FakeJob, FakeJobRun

ACTIVE_STATES = ("STARTING", "RUNNING", "STOPPING")
LOG_GROUP = "/aws-glue/jobs"
CLOUD_STOPPED = "The embedded cloud was stopped while this job run was going."

_DEFAULT_TIMEOUT_MINUTES = 480
_DPUS = {"G.025X": 0.25, "G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8, "Standard": 1}

# The runs that a thread of this process looks after. What is active in the data and missing here
# was left behind by a process that is gone.
_looked_after: set[str] = set()


class JobRun(FakeJobRun):
    """One attempt to run a job."""

    def __init__(
        self,
        job: FakeJob,
        *,
        own_arguments: dict[str, str],
        timeout_minutes: int | None = None,
        worker_type: str | None = None,
        number_of_workers: int | None = None,
        max_capacity: float | None = None,
        first_attempt: JobRun | None = None,
    ) -> None:
        worker_type = worker_type or job.worker_type
        number_of_workers = number_of_workers or job.number_of_workers
        super().__init__(
            job_name=job.name,
            worker_type=worker_type,
            number_of_workers=number_of_workers,
            max_capacity=max_capacity
            or job.max_capacity
            or _DPUS.get(worker_type or "", 1) * (number_of_workers or 10),
        )
        self.own_arguments = own_arguments
        self.merged_arguments: dict[str, str] = {
            **job.default_arguments,
            **own_arguments,
            **(job.non_overridable_arguments or {}),
        }
        self.timeout_minutes: int = timeout_minutes or job.timeout or _DEFAULT_TIMEOUT_MINUTES
        self.glue_version = job.glue_version
        self.execution_class = job.execution_class
        self.attempt = 0
        self.running_since: datetime | None = None
        self.error_message = ""
        if first_attempt:
            self.attempt = first_attempt.attempt + 1
            root = first_attempt.job_run_id.partition("_attempt_")[0]
            self.job_run_id = f"{root}_attempt_{self.attempt}"
            self.previous_run_id = first_attempt.job_run_id
        self.ended_on: datetime | None = None
        _looked_after.add(self.job_run_id)

    @property
    def status(self) -> str:
        """The state, true to what happened: never advanced by being looked at."""
        if self._status in ACTIVE_STATES and self.job_run_id not in _looked_after:
            last_known = self.modified_on
            self.end("FAILED", CLOUD_STOPPED)
            self.ended_on = last_known
        return str(self._status)

    @status.setter
    def status(self, value: str) -> None:
        self._status = value
        self.modified_on = utcnow()

    def run(self) -> None:
        """The script starts."""
        self.running_since = utcnow()
        self.status = "RUNNING"

    def end(self, state: str, error_message: str = "") -> None:
        """Nothing of the run is going any more."""
        self.error_message = error_message
        self.ended_on = utcnow()
        self.status = state
        _looked_after.discard(self.job_run_id)

    @property
    def execution_seconds(self) -> int:
        """Whole seconds the script has been running, start-up not counted."""
        if self.running_since is None:
            return 0
        return round(((self.ended_on or utcnow()) - self.running_since).total_seconds())

    def as_dict(self) -> dict[str, Any]:
        """The run as GetJobRun answers it."""
        state, dpus = self.status, float(self.max_capacity or 1)
        answer = {
            "Id": self.job_run_id,
            "Attempt": self.attempt,
            "PreviousRunId": self.previous_run_id,
            "JobName": self.job_name,
            "StartedOn": self.started_on,
            "LastModifiedOn": self.modified_on,
            "CompletedOn": self.ended_on,
            "JobRunState": state,
            "Arguments": self.own_arguments or None,
            "ErrorMessage": self.error_message or None,
            "PredecessorRuns": [],
            "AllocatedCapacity": int(dpus),
            "ExecutionTime": self.execution_seconds,
            "Timeout": self.timeout_minutes,
            "MaxCapacity": dpus,
            "WorkerType": self.worker_type,
            "NumberOfWorkers": self.number_of_workers,
            "LogGroupName": LOG_GROUP,
            "GlueVersion": self.glue_version,
            "DPUSeconds": self.execution_seconds * dpus,
            "ExecutionClass": self.execution_class,
        }
        return {name: value for name, value in answer.items() if value is not None}
