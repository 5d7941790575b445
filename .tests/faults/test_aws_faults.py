"""A run whose AWS has faults ends right; or it says why not, and is right when it is run again."""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.access_log import stands_for
from support.aws_faults import Fault, FaultyAws
from support.aws_refusals import TRANSIENT, name_fault
from support.fault_points import Left, describe_difference, forget_day, read_left
from support.faults_table import Row, record
from support.pipeline_runs import Bench, rows_url

from etl.settings import load_settings

DAY = "2026-05-11"
RATE = 0.25
SETTINGS = load_settings("local")
KIB = 1024
SLOW = "e2e-slow-validator"
# What would be done twice if it were asked for twice.
STARTING = ("glue StartJobRun", "redshift-data BatchExecute", "athena StartQuery", "lambda Invoke")
EXPIRING = ("s3 PutObject", "glue GetJobRun$", "lambda Invoke", "athena GetQueryExecution")


@dataclass(frozen=True)
class Trouble:
    """What no run ends well with.

    Attributes:
        words: What the run says of it.
        fault, where: As the table of faults names it, if it is not AWS's.
    """

    words: tuple[str, ...]
    of_aws: Fault | None = None
    fault: str = ""
    where: str = ""
    rows: int = 100
    environ: Mapping[str, str] = field(default_factory=dict)
    loader: str = "copy"
    is_sampled: bool = False

    @property
    def names(self) -> tuple[str, str]:
        """The fault and its place in the table of faults."""
        if self.of_aws is None:
            return self.fault, self.where
        calls = self.of_aws.calls.strip()
        return f"{name_fault(self.of_aws.kind, self.of_aws.calls)}, always", calls


CLOCK, EXPIRED = "set this machine's clock", "sign in"
# In the order of a run's steps: each run comes farther than the one before.
TROUBLES = (
    Trouble((CLOCK, "S3 refused the time"), Fault("clock skew", "s3 "), is_sampled=True),
    Trouble(("(ExpiredToken) for s3://", EXPIRED), Fault("expired token", "s3 PutObject")),
    Trouble(("SlowDown",), Fault("throttled", "s3 PutObject")),
    Trouble((CLOCK, "InvalidSign"), Fault("clock skew", "glue StartJobRun"), is_sampled=True),
    Trouble(
        ("OSError", "make room in"),
        fault="full disk",
        where="extract, on the worker",
        rows=20_000,
        is_sampled=True,
    ),
    Trouble(("Connection was closed",), Fault("reset after", "lambda Invoke")),
    Trouble(
        (f"the validator {SLOW} could not judge", "timed out after 1.00 seconds"),
        fault="Lambda at its time limit",
        where="lambda Invoke",
        environ={"ETL_VALIDATOR__FUNCTION_NAME": SLOW},
        is_sampled=True,
    ),
    Trouble(
        ("Redshift etl-local", "ThrottlingException"),
        Fault("throttled", "redshift-data BatchExecute"),
        loader="data-api",
    ),
    Trouble(("ExpiredTokenException", EXPIRED), Fault("expired token", "athena ")),
    Trouble(("InternalServerException",), Fault("internal error", "athena StartQuery")),
)


Harm = Callable[[Trouble], AbstractContextManager[dict[str, str]]]


@pytest.fixture(scope="module")
def expected(make_bench: Callable[[], Bench]) -> Left:
    """What a run leaves that nothing happens to."""
    bench = make_bench()
    forget_day(bench, DAY)
    bench.run_json(DAY, environ=rows_url(100))
    left = read_left(bench, DAY)
    assert all(left.rows[kind] for kind in ("orders", "processed", "quarantine"))
    return left


def is_sample(request: pytest.FixtureRequest) -> bool:
    """Whether some of the faults have to do."""
    return bool(request.config.getoption("--faults") == "sample")


class Book:
    """Puts what has happened, and what it has cost, into the table of faults."""

    def __init__(self, node: Any, bench: Bench, expected: Left) -> None:
        self._node = node
        left = read_left(bench, DAY)
        self._cost = {"rows_lost": expected.lost(left), "rows_twice": expected.twice(left)}
        self._difference = describe_difference(expected, left)

    def enter(self, fault: str, where: str, recovered_by: str, times: int = 1) -> None:
        """Note a fault, which must have cost nothing."""
        for _ in range(times):
            row = Row(fault=fault, where=where, recovered_by=recovered_by, **self._cost)
            record(self._node, row)
        assert not self._difference, f"{fault}, {where}: {self._difference}"

    def enter_all(self, aws: FaultyAws, recovered_by: str) -> None:
        """Note what an AWS has done."""
        assert aws.made
        for (kind, call), times in aws.made.items():
            self.enter(name_fault(kind, call), call, recovered_by, times)


@pytest.mark.timeout(1800)
def test_run_that_fails_for_one_reason_after_the_other_says_each_and_is_right_in_the_end(
    bench: Bench, expected: Left, trouble_maker: Harm, request: pytest.FixtureRequest
) -> None:
    """The last run has faults too, of the kind that pass."""
    troubles = [each for each in TROUBLES if each.is_sampled or not is_sample(request)]
    forget_day(bench, DAY)
    for trouble in troubles:
        with trouble_maker(trouble) as environ:
            outcome = bench.run(DAY, "--json", "--loader", trouble.loader, environ=environ)
        outcome.fails(*trouble.words)
    aws = run_by_unsteady_aws(bench, "data-api", TRANSIENT, seed=0)
    book = Book(request.node, bench, expected)
    for trouble in troubles:
        book.enter(*trouble.names, "the same command again")
    book.enter_all(aws, "a retry in the same run")


@pytest.mark.timeout(1800)
def test_run_whose_aws_fails_now_and_then_ends_right(
    make_bench: Callable[[], Bench], expected: Left, request: pytest.FixtureRequest
) -> None:
    if is_sample(request):
        pytest.skip("the other test ends with such a run")
    for seed, kinds in enumerate([TRANSIENT, *((kind,) for kind in TRANSIENT)]):
        bench = make_bench()
        forget_day(bench, DAY)
        aws = run_by_unsteady_aws(bench, "copy", kinds, seed=seed)
        Book(request.node, bench, expected).enter_all(aws, "a retry in the same run")


def run_by_unsteady_aws(bench: Bench, loader: str, kinds: Sequence[str], *, seed: int) -> FaultyAws:
    """A run that ends well, whose AWS loses answers, lists late, and ends sessions early."""
    faults = [Fault("too many runs", "glue StartJobRun", most=1), Fault("unlisted", "s3 List")]
    faults += [Fault("reset after", call, most=1) for call in STARTING]
    faults += [Fault("expired token", call, most=1) for call in EXPIRING]
    faults += [Fault(kind, rate=RATE / len(kinds)) for kind in kinds]
    before = len(bench.job_runs(SETTINGS.glue.job_name, DAY))
    with FaultyAws(*faults, seed=seed, unlisted_seconds=300) as aws:
        environ = {**rows_url(100), **aws.environ}
        report = bench.run_json(DAY, "--loader", loader, environ=environ)
    assert report["rows"]["extracted"] == 100
    assert len(bench.job_runs(SETTINGS.glue.job_name, DAY)) == before + 1
    assert {"expired token", "too many runs", "unlisted"} < {kind for kind, _ in aws.made}
    return aws


@pytest.fixture
def trouble_maker(
    client: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Harm:
    """Makes trouble for as long as it lasts, and gives the variables of a run in it."""

    @contextmanager
    def make(trouble: Trouble) -> Iterator[dict[str, str]]:
        with ExitStack() as opened, monkeypatch.context() as patch:
            # How long botocore waits before it tries again is not what is tried.
            at_once = SimpleNamespace(sleep=lambda seconds: None, time=time.time)
            patch.setattr("botocore.endpoint.time", at_once)
            environ = {**rows_url(trouble.rows), **trouble.environ}
            if trouble.of_aws:
                environ |= opened.enter_context(FaultyAws(trouble.of_aws)).environ
            if trouble.fault == "full disk":
                opened.enter_context(full_disk(tmp_path, 64 * KIB))
                patch.setattr(tempfile, "tempdir", str(tmp_path))
                environ["TMPDIR"] = str(tmp_path)
            if SLOW in trouble.environ.values():
                opened.enter_context(slow_validator(client))
            yield environ

    return make


@contextmanager
def slow_validator(client: Callable[[str], Any]) -> Iterator[None]:
    """A validator that has a second, and an S3 that takes as long for each answer."""
    functions, name = client("lambda"), SETTINGS.validator.function_name
    stands_for(SLOW, name)
    known = functions.get_function_configuration(FunctionName=name)
    with FaultyAws(Fault("slow", "s3 ")) as aws:
        functions.create_function(
            FunctionName=SLOW,
            Code={"S3Bucket": SETTINGS.buckets.artifacts, "S3Key": "code/validator.zip"},
            Timeout=1,
            Environment={"Variables": {"AWS_ENDPOINT_URL_S3": aws.url}},
            **{each: known[each] for each in ("Role", "Runtime", "Handler", "MemorySize")},
        )
        yield
        functions.delete_function(FunctionName=SLOW)
        assert aws.made


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
