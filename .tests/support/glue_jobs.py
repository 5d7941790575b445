"""Jobs, scripts and job runs of the embedded Glue, for tests."""

from __future__ import annotations

import textwrap
import time
import uuid
from dataclasses import dataclass
from typing import Any

TERMINAL = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR")


@dataclass(frozen=True)
class GlueJobs:
    """Makes jobs in one bucket and waits for their runs."""

    glue: Any
    s3: Any
    logs: Any
    bucket: str

    def create(self, script: str, *, shell: bool = False, **job: Any) -> str:
        """Create a job of a script's text; a shell job starts in a tenth of a second."""
        name = f"job-{uuid.uuid4().hex[:8]}"
        body = textwrap.dedent(script).encode()
        self.s3.put_object(Bucket=self.bucket, Key=f"code/{name}.py", Body=body)
        command = {
            "Name": "pythonshell" if shell else "glueetl",
            "ScriptLocation": f"s3://{self.bucket}/code/{name}.py",
        }
        definition = {"Command": command, "GlueVersion": "5.1", "Role": "glue-job", **job}
        self.glue.create_job(Name=name, **definition)
        return name

    def start(self, name: str, **arguments: str) -> str:
        """Start a run; underscores of argument names become hyphens after a leading `--`."""
        run_arguments = {f"--{key}": value for key, value in arguments.items()}
        run_id: str = self.glue.start_job_run(JobName=name, Arguments=run_arguments)["JobRunId"]
        return run_id

    def get(self, name: str, run_id: str) -> dict[str, Any]:
        """A run as it is."""
        run: dict[str, Any] = self.glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
        return run

    def wait(
        self, name: str, run_id: str, *, until: tuple[str, ...] = TERMINAL, seconds: float = 120
    ) -> dict[str, Any]:
        """A run once it is in one of some states."""
        deadline = time.monotonic() + seconds
        while (run := self.get(name, run_id))["JobRunState"] not in until:
            assert run["JobRunState"] not in TERMINAL, run
            assert time.monotonic() < deadline, run
            time.sleep(0.03)
        return run

    def run(self, name: str, **arguments: str) -> dict[str, Any]:
        """Start a run and wait for its end."""
        return self.wait(name, self.start(name, **arguments))

    def log(self, run_id: str, stream: str) -> str:
        """What a run wrote to its `output` or `error` log stream."""
        events = self.logs.get_log_events(
            logGroupName=f"/aws-glue/jobs/{stream}", logStreamName=run_id, startFromHead=True
        )["events"]
        return "\n".join(event["message"] for event in events)

    def keys(self, prefix: str) -> list[str]:
        """The keys under a prefix of the bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
