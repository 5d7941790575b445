"""One embedded cloud and one Prefect server for all the tests of a session that want them."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from support.access_log import stands_for
from support.pipeline_runs import Bench

from etl.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "local_cloud")


def _run_cloud(
    home: Path, *arguments: str, command: Sequence[str] = COMMAND, **environ: str
) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "ETL_", "PG"))}
    own = {
        "PYTHONPATH": str(ROOT / "src"),
        "LOCAL_CLOUD_HOME": str(home),
        # Not enforced: make test holds what all tests did against terraform/policies.
        "LOCAL_CLOUD_IAM": "record",
        "LOCAL_CLOUD_GLUE_KEEP_JVM_SECONDS": "120",  # a warm JVM is most of a short job's time
    }
    return subprocess.run(
        [*command, *arguments],
        env=inherited | own | environ,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module", autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """What transforms in the flows of a module: its ENGINE, else Spark.

    A module in which it does not matter takes DuckDB, as small days do, and half the time.
    """
    with pytest.MonkeyPatch.context() as patch:
        if name := getattr(request.module, "ENGINE", None):
            patch.setenv("ETL_TRANSFORM__ENGINE", name)
        yield


@pytest.fixture(scope="session")
def run_cloud() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the embedded cloud's command line for a home: run_cloud(home, "up", "--bare")."""
    return _run_cloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a running embedded cloud with all of config/local.yml in it.

    They are set in os.environ too, so that boto3 and the flows of a test use this cloud.
    """
    home = tmp_path_factory.mktemp("cloud") / "home"
    done = _run_cloud(home, "attach", "--owner", str(os.getpid()))
    assert done.returncode == 0, done.stderr
    variables = dict(line.split("=", 1) for line in done.stdout.splitlines())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.delenv(name, raising=False)
        yield variables
    _run_cloud(home, "down")


@pytest.fixture(scope="session")
def client(cloud: dict[str, str]) -> Callable[[str], Any]:
    """Makes boto3 clients of the embedded cloud: client("s3")."""
    return lambda service: boto3.client(service)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def prefect_api_url() -> Iterator[str]:
    """A Prefect server, used by the flows of this process, for those of others too."""
    import _bootstrap  # noqa: F401  isort: skip  before Prefect, whose settings it makes

    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield str(PREFECT_API_URL.value())


@pytest.fixture(scope="session")
def make_bench(client: Callable[[str], Any], prefect_api_url: str) -> Callable[[], Bench]:
    """Makes places to run the pipeline in, each with tables of its own."""

    def make() -> Bench:
        name = f"e2e_{uuid.uuid4().hex[:8]}"
        client("glue").create_database(DatabaseInput={"Name": name})
        stands_for(name, load_settings("local").glue.database)
        return Bench(client, name, prefect_api_url)

    return make


@pytest.fixture(scope="module")
def bench(make_bench: Callable[[], Bench]) -> Bench:
    """The module's own tables."""
    return make_bench()
