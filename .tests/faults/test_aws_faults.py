"""A run whose AWS has faults ends right; or it says why not, and is right when it is run again."""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.aws_faults import TRANSIENT, Fault, FaultyAws, name_fault
from support.fault_points import Left, forget_day, read_left
from support.faults_table import Row, record
from support.pipeline_runs import Bench, Outcome, rows_url

from etl.settings import load_settings

DAY = "2026-05-11"
RATE = 0.25
SETTINGS = load_settings("local")
KIB = 1024
# What would be done twice if it were asked for twice.
STARTING = ("glue StartJobRun", "redshift-data BatchExecute", "athena StartQuery", "lambda Invoke")


@dataclass(frozen=True)
class Trouble:
    """What no run ends well with, and words of what it says."""

    fault: Fault
    words: tuple[str, ...]
    loader: str = "copy"


TROUBLES = (
    Trouble(
        Fault("clock skew", "glue StartJobRun"), ("InvalidSignature", "set this machine's clock")
    ),
    Trouble(
        Fault("clock skew", "s3 "),
        ("S3 refused the time of a request for s3://", "set this machine's clock"),
    ),
    Trouble(
        Fault("expired token", "s3 PutObject"),
        ("AWS refused the credentials (ExpiredToken) for s3://", "sign in"),
    ),
    Trouble(Fault("expired token", "athena "), ("ExpiredTokenException", "sign in")),
    Trouble(
        Fault("throttled", "redshift-data BatchExecute"),
        ("Redshift etl-local", "ThrottlingException"),
        loader="data-api",
    ),
    Trouble(Fault("throttled", "s3 UploadPart|s3 PutObject"), ("SlowDown",)),
    Trouble(Fault("internal error", "athena StartQuery"), ("InternalServerException",)),
    Trouble(Fault("reset after", "lambda Invoke"), ("Connection was closed",)),
)


@pytest.fixture(scope="module")
def expected(make_bench: Callable[[], Bench]) -> Left:
    """What a run leaves that nothing happens to."""
    bench = make_bench()
    forget_day(bench, DAY)
    bench.run_json(DAY, environ=rows_url(100))
    left = read_left(bench, DAY)
    assert left.table and left.processed and left.quarantine
    return left


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore tries again at once: how long it waits is not what is tried."""
    monkeypatch.setattr(
        "botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None, time=time.time)
    )


def is_sample(request: pytest.FixtureRequest) -> bool:
    """Whether some of the faults have to do."""
    return bool(request.config.getoption("--faults") == "sample")


def run(bench: Bench, aws: FaultyAws, *options: str, rows: int = 100) -> Outcome:
    """A run by an AWS with faults."""
    return bench.run(DAY, "--json", *options, environ={**rows_url(rows), **aws.environ})


def run_again(bench: Bench, *options: str) -> None:
    """The same run by an AWS without."""
    assert bench.run_json(DAY, *options, environ=rows_url(100))["rows"]["extracted"] == 100


class Book:
    """Puts what has happened, and what it has cost, into the table of faults."""

    def __init__(self, node: Any, bench: Bench, expected: Left) -> None:
        self._node = node
        left = read_left(bench, DAY)
        self._cost = {"rows_lost": expected.lost(left), "rows_twice": expected.twice(left)}

    def enter(self, fault: str, where: str, recovered_by: str, times: int = 1) -> None:
        """Note a fault, which must have cost nothing."""
        for _ in range(times):
            row = Row(fault=fault, where=where, recovered_by=recovered_by, **self._cost)
            record(self._node, row)
        assert not any(self._cost.values()), (fault, where, self._cost)

    def enter_all(self, aws: FaultyAws, recovered_by: str) -> None:
        """Note what an AWS has done."""
        assert aws.made
        for (kind, call), times in aws.made.items():
            self.enter(name_fault(kind, call), call, recovered_by, times)


@pytest.mark.timeout(1800)
def test_run_whose_aws_fails_now_and_then_ends_right(
    make_bench: Callable[[], Bench], expected: Left, request: pytest.FixtureRequest
) -> None:
    plans: list[tuple[str, tuple[str, ...]]] = [("data-api", TRANSIENT)]
    if not is_sample(request):
        plans += [("copy", TRANSIENT), *(("copy", (kind,)) for kind in TRANSIENT)]
    for seed, (loader, kinds) in enumerate(plans):
        bench = make_bench()
        forget_day(bench, DAY)
        before = len(bench.job_runs(SETTINGS.glue.job_name, DAY))
        faults = [Fault("reset after", call, most=1) for call in STARTING]
        faults += [Fault(kind, rate=RATE / len(kinds)) for kind in kinds]
        with FaultyAws(*faults, seed=seed) as aws:
            report = run(bench, aws, "--loader", loader).report
        assert report["rows"]["extracted"] == 100
        assert len(bench.job_runs(SETTINGS.glue.job_name, DAY)) == before + 1
        Book(request.node, bench, expected).enter_all(aws, "a retry in the same run")


def test_run_whose_turn_comes_late_and_whose_sessions_end_early_ends_right(
    bench: Bench, expected: Left, request: pytest.FixtureRequest
) -> None:
    forget_day(bench, DAY)
    calls = ("s3 PutObject", "glue GetJobRun$", "lambda Invoke", "athena StartQuery")
    faults = [Fault("expired token", call, most=1) for call in calls]
    faults += [Fault("too many runs", "glue StartJobRun", most=2), Fault("unlisted", "s3 List")]
    with FaultyAws(*faults, unlisted_seconds=300) as aws:
        assert run(bench, aws).report["rows"]["extracted"] == 100
    assert {kind for kind, _ in aws.made} == {"expired token", "too many runs", "unlisted"}
    Book(request.node, bench, expected).enter_all(aws, "a retry in the same run")


@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("no_pauses")
def test_run_that_aws_refuses_says_why_and_is_right_when_run_again(
    make_bench: Callable[[], Bench], expected: Left, request: pytest.FixtureRequest
) -> None:
    for trouble in TROUBLES[:1] if is_sample(request) else TROUBLES:
        bench = make_bench()
        forget_day(bench, DAY)
        with FaultyAws(trouble.fault) as aws:
            run(bench, aws, "--loader", trouble.loader).fails(*trouble.words)
        (kind, call), *_ = aws.made
        run_again(bench, "--loader", trouble.loader)
        Book(request.node, bench, expected).enter(
            f"{name_fault(kind, call)}, always", call, "the same command again"
        )


@contextmanager
def slow_validator(function: Any) -> Iterator[None]:
    """Give the validator a second, and an S3 that takes as long for each answer."""
    name = SETTINGS.validator.function_name
    before = function.get_function_configuration(FunctionName=name)
    variables = before.get("Environment", {}).get("Variables", {})

    def set_up(timeout_seconds: int, **more: str) -> None:
        environment: Any = {"Variables": {**variables, **more}}
        function.update_function_configuration(
            FunctionName=name, Timeout=timeout_seconds, Environment=environment
        )

    with FaultyAws(Fault("slow", "s3 ")) as aws:
        set_up(1, AWS_ENDPOINT_URL_S3=aws.url)
        try:
            yield
        finally:
            set_up(before["Timeout"])
        assert aws.made


def test_run_whose_validator_has_no_time_left_says_so_and_is_right_when_run_again(
    bench: Bench,
    expected: Left,
    client: Callable[[str], Any],
    request: pytest.FixtureRequest,
) -> None:
    name = SETTINGS.validator.function_name
    forget_day(bench, DAY)
    with slow_validator(client("lambda")):
        outcome = bench.run(DAY, environ=rows_url(100))
    outcome.fails(f"the validator {name} could not judge the run", "timed out after 1.00 seconds")
    run_again(bench)
    Book(request.node, bench, expected).enter(
        "Lambda at its time limit", "lambda Invoke", "the same command again"
    )


@contextmanager
def full_disk(folder: Path, limit_bytes: int) -> Iterator[None]:
    """Have room for so many bytes below a folder; or in any file, where nothing can be mounted."""
    options = ["-t", "tmpfs", "-o", f"size={limit_bytes}", "tmpfs"]
    is_mounted = not subprocess.run(["mount", *options, folder], capture_output=True).returncode
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        if not is_mounted:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        if is_mounted:
            subprocess.run(["umount", folder], check=True)


def test_run_whose_disk_is_full_says_so_and_is_right_when_run_again(
    bench: Bench,
    expected: Left,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """An extraction that S3 may have already waits on disk, to be held against S3's."""
    forget_day(bench, DAY)
    run_again(bench)
    with full_disk(tmp_path, 64 * KIB), monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        patch.setenv("TMPDIR", str(tmp_path))
        outcome = bench.run(DAY, "--json", environ=rows_url(20_000))
    outcome.fails("OSError", f"make room in {tmp_path}")
    run_again(bench)
    Book(request.node, bench, expected).enter(
        "full disk", "extract, on the worker", "the same command again"
    )
