"""Clouds of a test's own, beside the session's: to be killed, or to have no room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pytest
from support import killing

from local_cloud.redshift import connection_info

RunCloud = Callable[..., subprocess.CompletedProcess[str]]


def attach(run_cloud: RunCloud, home: Path, *options: str) -> dict[str, str]:
    """Start a home's cloud for as long as this process lives; what leads to it."""
    done = run_cloud(home, "attach", "--owner", str(os.getpid()), *options)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


@contextmanager
def entered(variables: dict[str, str]) -> Iterator[None]:
    """Lead this process to the cloud of these variables, and to no other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the key of the session's cloud
        for name in [each for each in os.environ if each.startswith(("AWS_", "ETL_", "PG"))]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


def client_of(variables: dict[str, str], service: str) -> Any:
    """A client of the cloud that some variables lead to."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )


def login(home: Path) -> Any:
    """A connection to the home's warehouse, as its administrator."""
    info = connection_info(home)
    names = ("host", "port", "user", "password", "sslmode", "sslrootcert")
    connection = psycopg2.connect(dbname=info["database"], **{name: info[name] for name in names})
    connection.autocommit = True
    return connection


def kill_cloud(home: Path) -> None:
    """SIGKILL of the daemon; nothing that it has started may outlive it."""
    daemon = killing.daemon_of(home)
    family = [daemon, *daemon.children(recursive=True)]
    daemon.kill()
    killing.wait_until(lambda: all(map(killing.is_gone, family)), seconds=30)
    killing.wait_until(lambda: not killing.processes_of(home), seconds=30)
