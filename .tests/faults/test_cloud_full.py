"""The embedded cloud has no room on its disk, or no port: it says so, with the fix."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg2
import pytest
from botocore.exceptions import ClientError
from support import killing
from support.faults_table import harmless, record
from support.own_clouds import RunCloud, attach, client_of, kill_cloud, login

DISK_MIB = 120  # a home with nothing in it takes about 65


@pytest.fixture
def home(tmp_path: Path, run_cloud: RunCloud) -> Iterator[Path]:
    """A home whose cloud is stopped afterwards."""
    path = tmp_path / "home"
    yield path
    if path.exists():
        run_cloud(path, "down")


@pytest.mark.parametrize("variable", ["LOCAL_CLOUD_PORT", "LOCAL_CLOUD_REDSHIFT_PORT"])
def test_port_that_is_taken_or_none_is_named_with_the_fix(
    home: Path, run_cloud: RunCloud, variable: str, request: pytest.FixtureRequest
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for asked, words in ((port, f"cannot listen on 127.0.0.1:{port}"), ("70000", "70000")):
            done = run_cloud(home, "up", "--bare", **{variable: asked})
            assert done.returncode == 1 and "Traceback" not in done.stderr
            assert words in done.stderr and "fix: set " in done.stderr, done.stderr
            assert killing.processes_of(home) == []
    attach(run_cloud, home, "--bare")
    record(request.node, harmless("port in use", variable, "refused, with the fix"))


@pytest.fixture
def small_disk(tmp_path: Path, run_cloud: RunCloud) -> Iterator[Path]:
    """A home on a disk of its own that is soon full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = f"size={DISK_MIB}m,uid={os.getuid()}"
    mount = [*sudo, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    if sys.platform != "linux" or not shutil.which(mount[0]):
        pytest.skip("a small disk takes Linux")
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    yield disk / "home"
    run_cloud(disk / "home", "down")
    subprocess.run([*sudo, "umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left on a disk; the file to remove."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(64 * 1024))
    return filling


def test_full_disk_is_told_with_the_fix_and_what_was_answered_is_kept(
    small_disk: Path, run_cloud: RunCloud, request: pytest.FixtureRequest
) -> None:
    home = small_disk
    variables = attach(run_cloud, home, "--bare")
    s3, glue = client_of(variables, "s3"), client_of(variables, "glue")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="before", Body=b"1")
    with closing(login(home)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT 1 AS v")
    filling = fill(home.parent)

    for call in (
        lambda: s3.put_object(Bucket="kept", Key="before", Body=bytes(1_000_000)),
        lambda: glue.create_database(DatabaseInput={"Name": "n" * 200, "Description": "d" * 2000}),
    ):
        with pytest.raises(ClientError, match="the disk is full fix: free space on it") as full:
            for _ in range(1000):  # the log has some room of its own
                call()
        assert full.value.response["Error"]["Code"] == "InsufficientStorage"
    assert s3.get_object(Bucket="kept", Key="before")["Body"].read() == b"1"
    with closing(login(home)) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.Error, match="No space left on device"):
            cursor.execute("INSERT INTO kept SELECT n FROM generate_series(1, 3000000) AS n")
    filling.unlink()

    s3.put_object(Bucket="kept", Key="after", Body=b"2")
    kill_cloud(home)
    attach(run_cloud, home, "--bare")
    keys = {
        key: s3.get_object(Bucket="kept", Key=key)["Body"].read() for key in ("before", "after")
    }
    assert keys == {"before": b"1", "after": b"2"}
    with closing(login(home)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM kept")
        assert cursor.fetchone() == (1,)
    record(request.node, harmless("disk full", "under the embedded cloud", "room on the disk"))


def test_cloud_is_not_started_on_a_full_disk_but_says_the_fix(
    small_disk: Path, run_cloud: RunCloud, request: pytest.FixtureRequest
) -> None:
    filling = fill(small_disk.parent)
    done = run_cloud(small_disk, "up", "--bare")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "the disk is full" in done.stderr and "fix: free space on it" in done.stderr, done.stderr
    assert killing.processes_of(small_disk) == []
    filling.unlink()
    attach(run_cloud, small_disk, "--bare")
    record(request.node, harmless("disk full", "where the embedded cloud starts", "refused"))
