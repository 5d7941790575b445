"""A run that is killed or stopped: what it leaves running, and how the next one goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.access_log import stands_for
from support.pipeline_runs import COMMAND, NONE_ELSEWHERE, Bench, rows_url

from etl.settings import load_settings
from local_cloud.source_orders import DEFAULT_ROWS, expected_counts

DAY = date(2026, 4, 1)
ROWS = 100
SETTINGS = load_settings("local")


def wait_until(condition: Callable[[], object], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


@pytest.fixture
def slow_job(client: Callable[[str], Any]) -> Iterator[str]:
    """The transform as a job of its own, with time to be killed in."""
    s3, glue, name = client("s3"), client("glue"), "e2e-slow"
    stands_for(name, SETTINGS.glue.job_name)
    job = glue.get_job(JobName=SETTINGS.glue.job_name)["Job"]
    bucket, _, key = job["Command"]["ScriptLocation"].removeprefix("s3://").partition("/")
    script = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert script.endswith("\nmain()\n")
    slow = script.replace("\nmain()\n", "\n__import__('time').sleep(15)\nmain()\n")
    s3.put_object(Bucket=bucket, Key="code/e2e-slow.py", Body=slow.encode())
    kept = ("Role", "DefaultArguments", "ExecutionProperty", "GlueVersion", "Timeout")
    command = {**job["Command"], "ScriptLocation": f"s3://{bucket}/code/e2e-slow.py"}
    glue.create_job(Name=name, Command=command, **{each: job[each] for each in kept})
    yield name
    glue.delete_job(JobName=name)


def test_run_killed_amid_the_glue_job_is_taken_up_by_the_next(
    make_bench: Callable[[], Bench], slow_job: str
) -> None:
    killed, clean = make_bench(), make_bench()
    environ = {"ETL_GLUE__JOB_NAME": slow_job, **rows_url(ROWS)}
    process = killed.start_command(str(DAY), environ=environ)

    def states() -> list[str]:
        assert process.poll() is None, process.communicate()
        return [run["JobRunState"] for run in killed.job_runs(slow_job, str(DAY))]

    wait_until(lambda: states() == ["RUNNING"], seconds=120)
    process.kill()
    process.communicate()

    taken_up = killed.run_json(str(DAY), environ=environ)

    assert [run["JobRunState"] for run in killed.job_runs(slow_job, str(DAY))] == ["SUCCEEDED"]
    expected = clean.run_json(str(DAY), environ=rows_url(ROWS))
    for figure in ("rows", "table_rows"):
        assert taken_up[figure] == expected[figure]
    assert killed.table_hash() == clean.table_hash()
    assert [row[:-1] for row in killed.table()] == [row[:-1] for row in clean.table()]


class OwnMachine:
    """A machine as after installing: no cloud, no Prefect server, no settings; behind a proxy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stop: list[subprocess.Popen[str]] = []

    def start(self, *options: str) -> tuple[subprocess.Popen[str], list[str]]:
        """The command line; its standard error's lines, as they come."""
        ours = ("AWS_", "ETL_", "PG", "PREFECT_", "LOCAL_CLOUD_", "NO_PROXY", "no_proxy")
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
        process = subprocess.Popen(
            [*COMMAND, "--run-date", str(DAY), *options],
            env=inherited
            | {
                "ETL_TRANSFORM__ENGINE": "spark",
                "LOCAL_CLOUD_HOME": str(self._folder / "cloud"),
                "PREFECT_HOME": str(self._folder / "prefect"),
                "HTTP_PROXY": "http://127.0.0.1:9",
                "HTTPS_PROXY": "http://127.0.0.1:9",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        lines: list[str] = []
        assert process.stderr
        threading.Thread(target=lines.extend, args=(process.stderr,), daemon=True).start()
        self._stop.append(process)
        return process, lines

    def processes(self) -> list[str]:
        """What runs for this machine: the names of its folders stand in their variables."""
        return [each for each in map(self._describe, psutil.process_iter()) if each]

    def _describe(self, process: psutil.Process) -> str:
        try:
            command = " ".join(process.cmdline())
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                return ""
            texts = [command, *process.environ().values()]
        except psutil.Error:
            return ""
        return command if any(str(self._folder) in text for text in texts) else ""

    def stop(self) -> None:
        """End what a failed test has left."""
        for process in self._stop:
            process.kill()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[OwnMachine]:
    made = OwnMachine(tmp_path)
    yield made
    made.stop()


def stop_by_ctrl_c(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group


def test_run_stopped_by_ctrl_c_or_any_signal_leaves_nothing_running_and_the_next_is_fine(
    machine: OwnMachine,
) -> None:
    stops = (
        ("Glue job is RUNNING", stop_by_ctrl_c),
        ("extract ", subprocess.Popen.terminate),
    )
    for moment, stop in stops:
        process, lines = machine.start()
        wait_until(lambda: moment in "".join(lines) or process.poll() is not None, seconds=180)
        assert process.poll() is None, lines
        stop(process)
        process.wait(timeout=60)
        assert process.returncode == 130, lines
        wait_until(lambda: not machine.processes(), seconds=60)
        assert lines[-1].startswith("stopped.") and len(lines) < 12, lines

    process, lines = machine.start()
    wait_until(lambda: "extract " in "".join(lines) or process.poll() is not None, seconds=180)
    process.kill()
    process.wait(timeout=60)
    wait_until(lambda: not machine.processes(), seconds=60)

    process, lines = machine.start("--json")
    assert process.stdout
    report = json.loads(process.stdout.read())
    assert process.wait(timeout=60) == 0, lines
    assert report["rows"] == vars(expected_counts(DEFAULT_ROWS)) | NONE_ELSEWHERE
    wait_until(lambda: not machine.processes(), seconds=60)
