"""Glue's API with job runs that run: the seams of moto's Glue backend."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.glue import urls
from moto.glue.exceptions import (
    AlreadyExistsException,
    ConcurrentRunsExceededException,
    EntityNotFoundException,
    JobRunNotFoundException,
)
from moto.glue.models import FakeJob, FakeJobRun, GlueBackend
from moto.glue.responses import GlueResponse
from moto.utilities.paginator import paginate

from local_cloud.glue.arguments import read_arguments
from local_cloud.glue.errors import InvalidRequestError, NotRunHereError
from local_cloud.glue.executor import Executor
from local_cloud.glue.job_run import ACTIVE_STATES, JobRun

_COMMANDS = ("glueetl", "pythonshell")
_SPARK_VERSIONS = ("5.0", "5.1")
_starting = threading.Lock()


class EmbeddedGlueBackend(GlueBackend):
    """One region's Glue: definitions as moto keeps them, job runs as real processes."""

    executor: Executor

    @property
    def _url_module(self) -> Any:
        paths = {"{0}/$": EmbeddedGlueResponse.dispatch}
        return SimpleNamespace(url_bases=urls.url_bases, url_paths=paths)

    def create_job(self, name: str, *args: Any, **kwargs: Any) -> None:
        if name in self.jobs:
            raise AlreadyExistsException("Job")
        super().create_job(name, *args, **kwargs)

    def update_job(self, name: str, update: dict[str, Any]) -> None:
        """Replace a job's definition, as UpdateJob does; its runs stay."""
        job = self.get_job(name)
        fields = {
            "Description": "description",
            "LogUri": "log_uri",
            "Role": "role",
            "ExecutionProperty": "execution_property",
            "Command": "command",
            "DefaultArguments": "default_arguments",
            "NonOverridableArguments": "non_overridable_arguments",
            "Connections": "connections",
            "MaxRetries": "max_retries",
            "Timeout": "timeout",
            "MaxCapacity": "max_capacity",
            "WorkerType": "worker_type",
            "NumberOfWorkers": "number_of_workers",
            "SecurityConfiguration": "security_configuration",
            "NotificationProperty": "notification_property",
            "GlueVersion": "glue_version",
            "ExecutionClass": "execution_class",
        }
        for field, attribute in fields.items():
            empty: Any = {} if attribute in ("execution_property", "default_arguments") else None
            setattr(job, attribute, update.get(field, empty))
        job.last_modified_on = utcnow()

    def start_job_run(
        self,
        name: str,
        arguments: dict[str, str] | None,
        allocated_capacity: int | None,
        max_capacity: float | None,
        timeout: int | None,
        worker_type: str | None,
        security_configuration: str | None,
        number_of_workers: int | None,
        notification_property: dict[str, int] | None,
        previous_run_id: str | None,
    ) -> str:
        job = self.get_job(name)
        _check_runnable(job)
        if previous_run_id:
            arguments = self._find_run(job, previous_run_id).own_arguments | (arguments or {})
        with _starting:
            limit = job.execution_property.get("MaxConcurrentRuns", 1)
            if sum(run.status in ACTIVE_STATES for run in job.job_runs) >= limit:
                raise ConcurrentRunsExceededException(f"Concurrent runs exceeded for {name}")
            run = JobRun(
                job,
                own_arguments=arguments or {},
                timeout_minutes=timeout,
                worker_type=worker_type,
                number_of_workers=number_of_workers,
                max_capacity=max_capacity,
            )
            read_arguments(run.merged_arguments, job_name=name, job_run_id=run.job_run_id)
            job.job_runs.append(run)
        self.executor.start(job, run, next_attempt=self._next_attempt)
        return str(run.job_run_id)

    def _next_attempt(self, run: JobRun) -> JobRun | None:
        job = self.jobs.get(run.job_name)
        if job is None or run.attempt >= (job.max_retries or 0):
            return None
        retry = JobRun(job, own_arguments=run.own_arguments, first_attempt=run)
        job.job_runs.append(retry)
        return retry

    @paginate(pagination_model=GlueBackend.PAGINATION_MODEL)
    def get_job_runs(self, job_name: str) -> list[FakeJobRun]:
        """Newest first, as Glue lists them."""
        return list(reversed(self.get_job(job_name).job_runs))

    def stop_job_run(self, job_name: str, run_id: str) -> dict[str, Any] | None:
        """Stop one run; the answer is BatchStopJobRun's error entry, or None."""
        try:
            run = self._find_run(self.get_job(job_name), run_id)
        except EntityNotFoundException as error:
            return _stop_error(job_name, run_id, "EntityNotFoundException", error.message)
        if self.executor.stop(run):
            return None
        message = f"Job run {run_id} is {run.status} and cannot be stopped."
        return _stop_error(job_name, run_id, "InvalidInputException", message)

    def _find_run(self, job: FakeJob, run_id: str) -> JobRun:
        for run in job.job_runs:
            if run.job_run_id == run_id and isinstance(run, JobRun):
                return run
        raise JobRunNotFoundException(run_id)

    def get_job_bookmark(self, job_name: str) -> dict[str, Any]:
        """A job's bookmark entry, as the last `Job.commit()` left it."""
        file = self.executor.bookmark_file(job_name)
        if not file.exists():
            raise EntityNotFoundException(f"Continuation for job {job_name} not found")
        content = json.loads(file.read_text())
        return {
            "JobName": job_name,
            "Version": content["version"],
            "Run": content["version"],
            "Attempt": 0,
            "RunId": content["run_id"],
            "JobBookmark": json.dumps(content["sources"]),
        }

    def reset_job_bookmark(self, job_name: str) -> dict[str, Any]:
        """Forget a job's bookmark; the answer is what it was."""
        entry = self.get_job_bookmark(job_name)
        self.executor.bookmark_file(job_name).unlink()
        return {**entry, "Version": 0, "JobBookmark": "{}"}


class EmbeddedGlueResponse(GlueResponse):
    """The actions that moto does not answer."""

    @property
    def _glue(self) -> EmbeddedGlueBackend:
        backend = self.glue_backend
        assert isinstance(backend, EmbeddedGlueBackend)
        return backend

    def update_job(self) -> ActionResult:
        name = self._get_param("JobName")
        self._glue.update_job(name, self._get_param("JobUpdate"))
        return ActionResult({"JobName": name})

    def batch_stop_job_run(self) -> ActionResult:
        name, run_ids = self._get_param("JobName"), self._get_param("JobRunIds")
        outcomes = {run_id: self._glue.stop_job_run(name, run_id) for run_id in run_ids}
        stopped = [run_id for run_id, error in outcomes.items() if error is None]
        return ActionResult(
            {
                "SuccessfulSubmissions": [{"JobName": name, "JobRunId": id_} for id_ in stopped],
                "Errors": [error for error in outcomes.values() if error],
            }
        )

    def get_job_bookmark(self) -> ActionResult:
        entry = self._glue.get_job_bookmark(self._get_param("JobName"))
        return ActionResult({"JobBookmarkEntry": entry})

    def reset_job_bookmark(self) -> ActionResult:
        entry = self._glue.reset_job_bookmark(self._get_param("JobName"))
        return ActionResult({"JobBookmarkEntry": entry})


def _check_runnable(job: FakeJob) -> None:
    described: Any = job.command  # moto says str, boto3 sends a structure
    command = described.get("Name")
    if command not in _COMMANDS:
        raise NotRunHereError(f"{command} jobs, only {' and '.join(_COMMANDS)}")
    if command == "glueetl" and job.glue_version not in _SPARK_VERSIONS:
        version = job.glue_version or "without a GlueVersion"
        raise NotRunHereError(f"Glue {version}, only {' and '.join(_SPARK_VERSIONS)}")
    if not described.get("ScriptLocation"):
        raise InvalidRequestError(f"Job {job.name} has no ScriptLocation.")


def _stop_error(job_name: str, run_id: str, code: str, message: str) -> dict[str, Any]:
    detail = {"ErrorCode": code, "ErrorMessage": message}
    return {"JobName": job_name, "JobRunId": run_id, "ErrorDetail": detail}
