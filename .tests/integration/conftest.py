"""One embedded cloud for all integration tests of a session, in a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

ROOT = Path(__file__).resolve().parents[2]
CloudCommand = Callable[..., "subprocess.CompletedProcess[str]"]


def run_cloud(home: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m local_cloud …` for a home."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "ETL_", "PG"))}
    return subprocess.run(
        [sys.executable, "-m", "local_cloud", *arguments],
        env={
            **inherited,
            "PYTHONPATH": str(ROOT / "src"),
            "LOCAL_CLOUD_HOME": str(home),
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=180,
    )


def attach(home: Path, *options: str) -> dict[str, str]:
    """Start a home's cloud for as long as this process lives, and give its variables."""
    done = run_cloud(home, "attach", "--owner", str(os.getpid()), *options)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a running embedded cloud with all of config/local.yml in it.

    They are set in os.environ too, so that boto3 and the flows of a test use this cloud.
    """
    home = tmp_path_factory.mktemp("cloud") / "home"
    variables = attach(home)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.delenv(name, raising=False)
        yield variables
    run_cloud(home, "down")


@pytest.fixture(scope="session")
def client(cloud: dict[str, str]) -> Callable[[str], Any]:
    """Makes boto3 clients of the embedded cloud: client("s3")."""
    return lambda service: boto3.client(service)  # type: ignore[call-overload]
