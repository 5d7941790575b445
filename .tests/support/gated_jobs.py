"""The transform as a job of its own that waits at a gate: what happens meanwhile takes no time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from support.access_log import stands_for

from etl.settings import load_settings

SETTINGS = load_settings("local")
_BUCKET = SETTINGS.buckets.artifacts
_WAITING = """
import boto3, time
while boto3.client("s3").get_object(Bucket="{bucket}", Key="{key}")["Body"].read() != b"open":
    time.sleep(0.1)
main()
"""


@dataclass(frozen=True)
class GatedJob:
    """A Glue job whose runs begin when the gate is opened."""

    client: Callable[[str], Any]
    name: str

    @property
    def environ(self) -> dict[str, str]:
        """The variable that makes a run use it."""
        return {"ETL_GLUE__JOB_NAME": self.name}

    def open(self) -> None:
        """Let all runs through."""
        self._put(b"open")

    def close(self) -> None:
        """Let runs wait."""
        self._put(b"closed")

    def states(self, run_date: str) -> list[str]:
        """The states of the job runs of a date, whoever started them."""
        runs = self.client("glue").get_job_runs(JobName=self.name)["JobRuns"]
        return [each["JobRunState"] for each in runs if each["Arguments"]["--run_date"] == run_date]

    def _put(self, body: bytes) -> None:
        self.client("s3").put_object(Bucket=_BUCKET, Key=_gate(self.name), Body=body)


def _gate(name: str) -> str:
    return f"code/{name}.gate"


@contextmanager
def make_gated_job(client: Callable[[str], Any], name: str) -> Iterator[GatedJob]:
    """Such a job, its gate closed."""
    s3, glue, made = client("s3"), client("glue"), GatedJob(client, name)
    stands_for(name, SETTINGS.glue.job_name)
    job = glue.get_job(JobName=SETTINGS.glue.job_name)["Job"]
    bucket, _, key = job["Command"]["ScriptLocation"].removeprefix("s3://").partition("/")
    script = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert script.endswith("\nmain()\n")
    waiting = script.removesuffix("main()\n") + _WAITING.format(bucket=_BUCKET, key=_gate(name))
    own_key = f"code/{name}.py"
    s3.put_object(Bucket=_BUCKET, Key=own_key, Body=waiting.encode())
    made.close()
    kept = ("Role", "DefaultArguments", "ExecutionProperty", "GlueVersion", "Timeout")
    command = {**job["Command"], "ScriptLocation": f"s3://{_BUCKET}/{own_key}"}
    glue.create_job(Name=name, Command=command, **{each: job[each] for each in kept})
    try:
        yield made
    finally:
        made.open()
        glue.delete_job(JobName=name)


def wait_until(condition: Callable[[], object], *, seconds: float = 900) -> None:
    """Look until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)
