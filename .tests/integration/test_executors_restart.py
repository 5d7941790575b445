"""A killed embedded cloud leaves no process behind and says what it did not finish."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import psutil  # type: ignore[import-untyped]
from support.glue_jobs import GlueJobs

RunCloud = Callable[..., subprocess.CompletedProcess[str]]

SLOW_SPARK = """
    import time
    from pyspark.sql import SparkSession
    spark = SparkSession.builder.getOrCreate()
    spark.range(1).count()
    print("started", flush=True)
    time.sleep(600)
"""
SLOW_SQL = (
    "SELECT count(*) FROM UNNEST(sequence(1, 30000000)) AS a(x), UNNEST(sequence(1, 3000)) AS b(y)"
)


def test_kill_of_the_daemon_ends_spark_and_fails_what_ran(
    run_cloud: RunCloud, tmp_path: Path
) -> None:
    """After kill -9 and a new start: children gone, the run FAILED, the query FAILED."""
    home = tmp_path / "home"

    def client(service: str) -> Any:
        done = run_cloud(home, "attach", "--bare", "--owner", str(os.getpid()))
        assert done.returncode == 0, done.stderr
        found = dict(line.split("=", 1) for line in done.stdout.splitlines())
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=found["AWS_ENDPOINT_URL"],
            region_name=found["AWS_REGION"],
            aws_access_key_id=found["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=found["AWS_SECRET_ACCESS_KEY"],
        )

    try:
        client("s3").create_bucket(Bucket="bucket")
        jobs = GlueJobs(client("glue"), client("s3"), client("logs"), "bucket")
        name = jobs.create(SLOW_SPARK)
        run_id = jobs.start(name)
        query_id = client("athena").start_query_execution(
            QueryString=SLOW_SQL, ResultConfiguration={"OutputLocation": "s3://bucket/results/"}
        )["QueryExecutionId"]
        _wait_until(lambda: "started" in _read(home / "glue" / "runs" / run_id / "stdout.log"))
        daemon = psutil.Process(int((home / "lock").read_text()))
        children = daemon.children(recursive=True)
        assert any(child.name() == "java" for child in children)

        os.kill(daemon.pid, signal.SIGKILL)

        _wait_until(lambda: not any(map(_is_running, children)))
        jobs = GlueJobs(client("glue"), client("s3"), client("logs"), "bucket")
        run = jobs.get(name, run_id)
        assert run["JobRunState"] == "FAILED"
        assert "embedded cloud was stopped" in run["ErrorMessage"]
        query = client("athena").get_query_execution(QueryExecutionId=query_id)
        assert query["QueryExecution"]["Status"]["State"] == "FAILED"
        assert jobs.start(name) != run_id  # what is gone does not count as running
    finally:
        run_cloud(home, "down")


def _wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
