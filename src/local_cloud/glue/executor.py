"""Runs job runs: one thread, one script process and one Spark driver each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.glue.models import FakeJob

from local_cloud.context import Child, Cloud
from local_cloud.glue.arguments import Arguments, check_modules, read_arguments
from local_cloud.glue.downloads import download
from local_cloud.glue.errors import LaunchError
from local_cloud.glue.job_run import CLOUD_STOPPED, LOG_GROUP, JobRun
from local_cloud.glue.jvm import KEPT_VARIABLES, SPARK_HOME, Jvm, spark_properties
from local_cloud.glue.jvms import Jvms, kill, remove_traces
from local_cloud.glue.logs import LogStream
from local_cloud.iam import AccessDenied

_WORKER = Path(__file__).parent / "worker"
_SESSION_NAME = "GlueJobRunnerSession"  # as on AWS
_POLL_SECONDS = 0.05
_CARRY_LOGS_SECONDS = 0.5


@dataclass
class _Task:
    """A job run in the hands of its thread; all that it does on AWS, it does as the job's role."""

    job: FakeJob
    run: JobRun
    folder: Path
    credentials: dict[str, str] = field(default_factory=dict, repr=False)
    stop_requested: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class Executor:
    """All job runs of one embedded cloud.

    Attributes:
        seconds_per_minute: What a minute of a job's Timeout lasts.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.seconds_per_minute = 60.0
        self._cloud = cloud
        self._home = cloud.home / "glue"
        self._tasks: dict[str, _Task] = {}
        self._jvms = Jvms(cloud)
        self._cloud_stops = False
        self._ending = threading.Lock()
        for folder in self._home.glob("runs/*"):  # of a cloud that was killed
            _clean_up(folder)
            remove_traces(folder)
        cloud.on_stop(self._stop_all)

    def start(
        self, job: FakeJob, run: JobRun, *, next_attempt: Callable[[JobRun], JobRun | None]
    ) -> None:
        """Begin a run and return; one that fails is followed by what `next_attempt` answers."""
        task = _Task(job, run, self._home / "runs" / run.job_run_id)
        task.thread = threading.Thread(
            target=self._carry_out, args=(task, next_attempt), name=run.job_run_id, daemon=True
        )
        self._tasks[run.job_run_id] = task
        task.thread.start()

    def stop(self, run: JobRun) -> bool:
        """Ask for a run's end, which its thread brings about; False if it is going no more."""
        with self._ending:
            task = self._tasks.get(run.job_run_id)
            if task is None or task.stop_requested.is_set():
                return False
            run.status = "STOPPING"
            task.stop_requested.set()
            return True

    def bookmark_file(self, job_name: str) -> Path:
        """Where a job's bookmark is kept: written by `Job.commit()`, in the script's process."""
        return self._home / "bookmarks" / f"{job_name}.json"

    def _carry_out(self, task: _Task, next_attempt: Callable[[JobRun], JobRun | None]) -> None:
        try:
            (task.folder / "tmp").mkdir(parents=True)
            state, error_message = self._attempt(task)
        except (AccessDenied, LaunchError) as error:
            state, error_message = "FAILED", f"LAUNCH ERROR | {error}"
        except Exception as error:  # whatever it is, the run must not stay RUNNING
            state, error_message = "FAILED", f"The embedded cloud failed: {error!r}"
        if state == "FAILED" and self._cloud_stops:
            error_message = CLOUD_STOPPED
        elif state == "FAILED" and (follower := next_attempt(task.run)):
            # before the end is seen: who waited for it may ask for the next attempt at once
            self.start(task.job, follower, next_attempt=next_attempt)
        with self._ending:
            del self._tasks[task.run.job_run_id]
            task.run.end(state, error_message)
        self._save()

    def _save(self) -> None:
        if not self._cloud_stops:
            self._cloud.save("glue")

    def _attempt(self, task: _Task) -> tuple[str, str]:
        run, folder = task.run, task.folder
        arguments = read_arguments(
            run.merged_arguments, job_name=run.job_name, job_run_id=run.job_run_id
        )
        check_modules(arguments.modules)
        task.credentials = self._cloud.role_environment(
            self._role_arn(task.job), _SESSION_NAME, service="glue.amazonaws.com"
        )
        s3 = self._cloud.client_with("s3", task.credentials)
        script = download(s3, _command(task.job)["ScriptLocation"], folder / "script")
        for uri in arguments.files:
            download(s3, uri, folder)
        environment = self._environment(task, arguments, s3)
        jvm = self._jvm(task, arguments, s3) if _needs_spark(task.job) else None
        plan, left = folder / "plan.json", folder / "left"
        plan.touch(mode=0o600)
        plan.write_text(
            json.dumps(
                {
                    "script": str(script),
                    "arguments": arguments.script,
                    "connection": str(jvm.connection) if jvm else None,
                    "properties": self._properties(task, arguments, environment),
                    "failure": str(folder / "failure.json"),
                    "left": str(left) if jvm and self._jvms.keeps else None,
                }
            )
        )
        output, error = folder / "stdout.log", folder / "stderr.log"
        errors = {error: 0} | ({jvm.log: jvm.log.stat().st_size} if jvm else {})
        with output.open("ab") as stdout, error.open("ab") as stderr:
            child = self._cloud.spawn(
                [sys.executable, "-u", str(_WORKER / "script_host.py"), str(plan)],
                cwd=folder,
                env=environment,
                stdout=stdout,
                stderr=stderr,
            )
        run.run()
        self._save()
        streams = [
            self._log_stream(task, "output", {output: 0}),
            self._log_stream(task, "error", errors),
        ]
        try:
            ended_by = self._watch(task, child, jvm, streams)
        finally:
            child.kill()
            child.wait()
            if jvm:
                self._release(jvm, is_left=left.exists(), at_once=child.returncode != 0)
            for stream in streams:
                stream.close()
            _clean_up(folder)
        return ended_by or _outcome(child.returncode, folder)

    def _watch(
        self, task: _Task, child: Child, jvm: Jvm | None, streams: list[LogStream]
    ) -> tuple[str, str] | None:
        """Wait for the script; the answer is what ended it, or None if it ended by itself."""
        now = time.monotonic()
        deadline, next_carry = now + task.run.timeout_minutes * self.seconds_per_minute, now
        while True:
            try:
                child.wait(timeout=_POLL_SECONDS)
                return None
            except subprocess.TimeoutExpired:
                now = time.monotonic()
            if task.stop_requested.is_set():
                return "STOPPED", ""
            if self._cloud_stops:
                return "FAILED", CLOUD_STOPPED
            if now >= deadline:
                return "TIMEOUT", f"Job timed out after {task.run.timeout_minutes} minutes."
            if jvm and jvm.child.poll() is not None:
                return self._without_jvm(child, jvm)
            if now >= next_carry:
                next_carry = now + _CARRY_LOGS_SECONDS
                for stream in streams:
                    stream.carry()

    def _without_jvm(self, child: Child, jvm: Jvm) -> tuple[str, str] | None:
        """The driver is gone: before the script got it, or under it, which then fails by itself."""
        if not jvm.connection.exists():
            last = jvm.log.read_text(errors="replace").strip().splitlines()[-1:]
            return "FAILED", f"LAUNCH ERROR | The Spark driver did not start: {' '.join(last)}"
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return "FAILED", "The Spark driver ended while the script was running."
        return None

    def _environment(self, task: _Task, arguments: Arguments, s3: Any) -> dict[str, str]:
        packages = [download(s3, uri, task.folder / "packages") for uri in arguments.py_files]
        bookmark = self.bookmark_file(task.run.job_name)
        return {
            **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            **task.credentials,
            "NO_PROXY": "127.0.0.1,localhost",
            "PYSPARK_PYTHON": sys.executable,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(map(str, [*packages, _WORKER / "shim"])),
            "SPARK_HOME": str(SPARK_HOME),
            "TMPDIR": str(task.folder / "tmp"),
            "TZ": "UTC",
            "LOCAL_CLOUD_GLUE_BOOKMARK": str(bookmark),
            "LOCAL_CLOUD_GLUE_BOOKMARK_OPTION": arguments.bookmark,
        }

    def _role_arn(self, job: FakeJob) -> str:
        is_arn = job.role.startswith("arn:")
        return job.role if is_arn else f"arn:aws:iam::{self._cloud.account_id}:role/{job.role}"

    def _jvm(self, task: _Task, arguments: Arguments, s3: Any) -> Jvm:
        jars = [download(s3, uri, task.folder / "jars") for uri in arguments.jars]
        worker_type = task.run.worker_type
        return self._jvms.take(folder=task.folder, extra_jars=jars, worker_type=worker_type)

    def _properties(
        self, task: _Task, arguments: Arguments, environment: dict[str, str]
    ) -> dict[str, str]:
        own = spark_properties(environment, app_name=task.run.job_name, folder=task.folder)
        return own | arguments.spark

    def _release(self, jvm: Jvm, *, is_left: bool, at_once: bool) -> None:
        if is_left and jvm.child.poll() is None:
            self._jvms.keep(jvm)
        elif at_once:
            kill(jvm)
        else:
            self._jvms.end(jvm)

    def _log_stream(self, task: _Task, name: str, files: dict[Path, int]) -> LogStream:
        return LogStream(
            self._cloud.client_with("logs", task.credentials),
            group=f"{LOG_GROUP}/{name}",
            stream=task.run.job_run_id,
            files=files,
        )

    def _stop_all(self) -> None:
        self._cloud_stops = True
        for task in list(self._tasks.values()):
            if task.thread:
                task.thread.join(timeout=5)
        self._jvms.stop()


def _needs_spark(job: FakeJob) -> bool:
    return _command(job)["Name"] == "glueetl"


def _command(job: FakeJob) -> dict[str, str]:
    command: Any = job.command  # moto says str, boto3 sends a structure
    return dict(command)


def _clean_up(folder: Path) -> None:
    """Keep the logs and what was run; the rest is large or secret."""
    for name in ("tmp", "warehouse", "packages", "jars"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("plan.json", "left"):
        (folder / name).unlink(missing_ok=True)


def _outcome(code: int, folder: Path) -> tuple[str, str]:
    if code == 0:
        return "SUCCEEDED", ""
    failure_file = folder / "failure.json"
    if not failure_file.exists():
        return "FAILED", f"Command failed with exit code {code}"
    failure: dict[str, Any] = json.loads(failure_file.read_text())
    parts = [f"Error Category: {failure['category']}"]
    if failure["line"]:
        parts.append(f"Failed Line Number: {failure['line']}")
    return "FAILED", "; ".join([*parts, failure["message"]])
