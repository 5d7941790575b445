"""A process that runs a function: one event at a time, held to the limits of memory and time."""

from __future__ import annotations

import base64
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from local_cloud.context import Child, Cloud
from local_cloud.lambda_.bootstrap import _END_OF_LOG

SERVICE = "lambda.amazonaws.com"
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_INIT_SECONDS = 10.0  # AWS Lambda: the init phase, before the function's own timeout counts
_WATCH_SECONDS = 0.05
_LOG_SECONDS = 1.0
_TAIL_BYTES = 4096
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Program:
    """What a process needs to run one revision of a function."""

    arn: str
    name: str
    version: str
    handler: str
    role: str
    memory_mb: int
    timeout_seconds: float
    environment: tuple[tuple[str, str], ...]
    path: tuple[Path, ...]  # the first is the task root


@dataclass(frozen=True)
class Result:
    """How an invocation ended.

    Attributes:
        payload: What the handler returned as JSON, or the error as AWS words it.
        failed: Whether payload is an error.
        log: What was logged meanwhile, START to REPORT.
    """

    payload: bytes
    failed: bool
    log: str

    @property
    def tail(self) -> str:
        """The end of the log, as the header x-amz-log-result carries it."""
        return base64.b64encode(self.log.encode()[-_TAIL_BYTES:]).decode()


@dataclass
class Invocation:
    """One event on its way through a worker."""

    event: bytes
    arn: str
    timeout_seconds: float
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    taken_at: float = 0.0  # time.monotonic() of the worker's asking for it
    answer: tuple[bool, bytes] | None = None  # failed, payload
    done: threading.Event = field(default_factory=threading.Event)


class Worker:
    """One process of one program, once it is started."""

    def __init__(self, program: Program, scratch: Path) -> None:
        self.program = program
        self.id = uuid.uuid4().hex
        self.events: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self.current: Invocation | None = None
        self.idle_since = time.monotonic()
        self.stream = f"{time.strftime('%Y/%m/%d')}/[{program.version}]{self.id}"
        self._scratch = scratch / self.id
        self._scratch.mkdir(parents=True)
        self._lines: list[str] = []
        self._logged = threading.Event()
        self._stopped = False
        self._peak_mb = 0.0
        self._process: Child | None = None

    def start(self, cloud: Cloud) -> None:
        """Start the process; it asks for an event at once, so the pool has to know its id."""
        self._process = self._spawn(cloud)
        threading.Thread(target=self._read_log, daemon=True).start()

    def _spawn(self, cloud: Cloud) -> Child:
        program = self.program
        runtime_api = f"{cloud.endpoint_url.removeprefix('http://')}/_lambda/{self.id}"
        environment = {
            **cloud.role_environment(program.role, program.name.ljust(2, "-"), service=SERVICE),
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._scratch),
            "TMPDIR": str(self._scratch),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{sys.version_info.minor}",
            "AWS_LAMBDA_FUNCTION_NAME": program.name,
            "AWS_LAMBDA_FUNCTION_VERSION": program.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(program.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{program.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": self.stream,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "LAMBDA_TASK_ROOT": str(program.path[0]),
            **dict(program.environment),
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "_HANDLER": program.handler,
            "_PYTHON_PATH": os.pathsep.join(map(str, program.path)),
        }
        return cloud.spawn(
            [sys.executable, "-I", "-S", "-u", str(_BOOTSTRAP)],
            env=environment,
            cwd=program.path[0],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )

    def _read_log(self) -> None:
        for line in self._started.stdout or ():
            if line.startswith(_END_OF_LOG):
                self._logged.set()
            else:
                self._lines.append(line)
        self._logged.set()

    @property
    def _started(self) -> Child:
        assert self._process
        return self._process

    @property
    def is_alive(self) -> bool:
        """Whether it can take an event."""
        return not self._stopped and self._started.poll() is None

    def invoke(self, invocation: Invocation) -> Result:
        """Run one event to its end: the handler's answer, or what went wrong with the process."""
        self.current = invocation
        self._lines, started = [], time.monotonic()
        self._logged.clear()
        self.events.put(invocation)
        while not invocation.done.wait(_WATCH_SECONDS):
            self._peak_mb = max(self._peak_mb, self._memory_mb())
            if self._peak_mb > self.program.memory_mb:
                self.stop()
                self._fail("Runtime.ExitError", "Runtime exited with error: signal: killed")
            elif not self.is_alive:
                code = self._started.wait()
                how = f"exit status {code}" if code >= 0 else f"signal: {-code}"
                self._fail("Runtime.ExitError", f"Runtime exited with error: {how}")
            elif self._is_late(started):
                self.stop()
                limit = f"{self.program.timeout_seconds:.2f} seconds"
                self._fail("Sandbox.Timedout", f"Task timed out after {limit}")
        self._logged.wait(_LOG_SECONDS)
        self.current, self.idle_since = None, time.monotonic()
        assert invocation.answer
        failed, payload = invocation.answer
        seconds = time.monotonic() - (invocation.taken_at or started)
        self._peak_mb = self._peak_mb or self._memory_mb()
        return Result(payload, failed, self._log(invocation, seconds))

    def _fail(self, kind: str, message: str) -> None:
        invocation = self.current
        if invocation is None or invocation.done.is_set():
            return
        text = f"RequestId: {invocation.request_id} Error: {message}"
        report = {"errorType": kind, "errorMessage": text}
        invocation.answer = True, json.dumps(report).encode()
        invocation.done.set()
        self._lines.append(f"{text}\n")

    def _is_late(self, started: float) -> bool:
        assert self.current
        limit, now = self.program.timeout_seconds, time.monotonic()
        if self.current.taken_at:
            return now > self.current.taken_at + limit
        return now > started + _INIT_SECONDS + limit

    def _memory_mb(self) -> float:
        try:
            minder = psutil.Process(self._started.pid)
            family = minder.children(recursive=True)
            return float(sum(process.memory_info().rss for process in family) / _MIB)
        except psutil.Error:
            return 0.0

    def _log(self, invocation: Invocation, seconds: float) -> str:
        request, program = f"RequestId: {invocation.request_id}", self.program
        report = (
            f"REPORT {request}\tDuration: {seconds * 1000:.2f} ms"
            f"\tBilled Duration: {int(seconds * 1000) + 1} ms"
            f"\tMemory Size: {program.memory_mb} MB\tMax Memory Used: {self._peak_mb:.0f} MB\n"
        )
        return (
            f"START {request} Version: {program.version}\n"
            + "".join(self._lines)
            + f"END {request}\n{report}"
        )

    def stop(self) -> None:
        """End the process and what it left in its /tmp."""
        self._stopped = True
        self.events.put(None)
        if self._process:
            self._process.kill()
        shutil.rmtree(self._scratch, ignore_errors=True)
