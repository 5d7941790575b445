"""The embedded cloud is killed, or has no room, at any moment: nothing is half done."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import psycopg2
import pytest
from botocore.exceptions import ClientError
from botocore.retries.standard import ExponentialBackoff
from support import killing
from support.access_log import stands_for
from support.fault_points import forget_day, read_left
from support.faults_table import Row, record
from support.pipeline_runs import Bench, rows_url

from etl.settings import load_settings
from local_cloud.redshift import connection_info

DAY = "2026-05-06"
AGAIN = "the same command again"
RunCloud = Callable[..., "subprocess.CompletedProcess[str]"]
ENVIRON = {"LOCAL_CLOUD_IAM": "record", "LOCAL_CLOUD_GLUE_KEEP_JVM_SECONDS": "120"}
DISK_MIB = 120  # a home with nothing in it takes about 65


@dataclass(frozen=True)
class Moment:
    """When the cloud is killed: at a call of the run, or once something else has begun."""

    where: str
    call: str
    is_after: bool = False
    loader: str = "copy"
    until: Callable[[Path], object] | None = None


MOMENTS = [
    Moment("while Glue runs", "glue StartJobRun", is_after=True, until=killing.scripts),
    Moment("while it stages", "s3 PutObject raw/"),
    Moment("before it validates", "lambda Invoke"),
    Moment(
        "warehouse, under the Data API's statement",
        "redshift-data BatchExecuteStatement",
        is_after=True,
        loader="data-api",
    ),
    Moment("warehouse, between COPY and COMMIT", "warehouse COPY", is_after=True),
    Moment("while it publishes", "athena StartQueryExecution", is_after=True),
]


@pytest.fixture
def home(tmp_path: Path, run_cloud: RunCloud) -> Iterator[Path]:
    """A home whose cloud is stopped afterwards."""
    path = tmp_path / "home"
    yield path
    if path.exists():
        run_cloud(path, "down")


@pytest.fixture
def make_own_bench(
    prefect_api_url: str, home: Path, run_cloud: RunCloud, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Bench]:
    """Makes benches of a cloud of this test's own, which this process uses instead of the other."""
    for name, value in (ENVIRON | attach(run_cloud, home)).items():
        monkeypatch.setenv(name, value)
    client = boto3.Session().client

    def make(name: str) -> Bench:
        client("glue").create_database(DatabaseInput={"Name": name})
        stands_for(name, load_settings("local").glue.database)
        return Bench(client, name, prefect_api_url)

    return make


def attach(run_cloud: RunCloud, home: Path, *options: str) -> dict[str, str]:
    """Start a home's cloud for as long as this process lives; what leads to it."""
    done = run_cloud(home, "attach", "--owner", str(os.getpid()), *options)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


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


@pytest.mark.timeout(1800)
def test_cloud_killed_under_a_run_leaves_what_a_clean_run_leaves(
    make_own_bench: Callable[[str], Bench],
    home: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A run waits long for a cloud that does not answer; this one will not.
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.01)
    clean = make_own_bench("e2e_clean")
    clean.run_json(DAY, environ=rows_url(100))
    expected = read_left(clean, DAY)
    assert expected.table and expected.processed and expected.quarantine
    is_sample = request.config.getoption("--faults") == "sample"
    for number, moment in enumerate(MOMENTS[:1] if is_sample else MOMENTS):
        bench = make_own_bench(f"e2e_{number}")
        forget_day(bench, DAY)
        kill_under(bench, home, moment)
        again = bench.run_json(DAY, "--loader", moment.loader, environ=rows_url(100))
        assert again["rows"]["extracted"] == 100
        left = read_left(bench, DAY)
        row = Row(
            fault="embedded cloud killed",
            where=moment.where,
            rows_lost=expected.lost(left),
            rows_twice=expected.twice(left),
            recovered_by=AGAIN,
        )
        record(request.node, row)
        assert (row.rows_lost, row.rows_twice) == (0, 0), row
        check_leftovers(home)


def kill_under(bench: Bench, home: Path, moment: Moment) -> None:
    """A run whose cloud is killed: it says so shortly, and there is nothing to tidy up."""

    def kill() -> None:
        if moment.until:
            killing.wait_until(lambda: moment.until and moment.until(home))
        kill_cloud(home)

    with killing.meanwhile(moment.call, kill, is_after=moment.is_after):
        outcome = bench.run(DAY, "--loader", moment.loader, environ=rows_url(100))
    outcome.fails("failed: ", "next: python ")
    assert killing.processes_of(home) == []


def check_leftovers(home: Path) -> None:
    """What a killed cloud had not finished is gone, above all what was secret."""
    running = {each.cwd() for each in killing.scripts(home) + killing.drivers(home)}
    for folder in (home / "glue" / "runs").iterdir():
        if not any(path.startswith(str(folder)) for path in running):
            assert not {"plan.json", "connection", "tmp", "jvm"} & set(os.listdir(folder))
    assert list(home.glob("*.json.*")) + list(home.rglob("*unfinished*")) == []
    assert len(list((home / "owners").iterdir())) == 1
    with closing(sqlite3.connect(f"file:{home}/state.sqlite?mode=ro", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_cloud_killed_while_it_is_set_up_is_set_up_by_the_same_command(
    home: Path, run_cloud: RunCloud, request: pytest.FixtureRequest
) -> None:
    s3 = client_of(attach(run_cloud, home, "--bare"), "s3")
    daemon = killing.daemon_of(home)

    def kill() -> None:
        killing.wait_until(lambda: s3.list_buckets()["Buckets"])  # they are made first
        daemon.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    done = run_cloud(home, "attach", "--owner", str(os.getpid()))
    killer.join()
    assert done.returncode == 1 and done.stdout == ""
    assert "ended while it was set up" in done.stderr and "fix: run the same again" in done.stderr
    assert "Traceback" not in done.stderr
    killing.wait_until(lambda: not killing.processes_of(home))

    variables = attach(run_cloud, home)
    found = client_of(variables, "s3").list_buckets()["Buckets"]
    assert set(load_settings("local").buckets.names.values()) <= {each["Name"] for each in found}
    record(request.node, harmless("embedded cloud killed", "while it is set up", AGAIN))


def client_of(variables: dict[str, str], service: str) -> Any:
    """A client of the cloud that some variables lead to."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )


def harmless(fault: str, where: str, recovered_by: str) -> Row:
    """The row of a fault after which everything was there, once."""
    return Row(fault=fault, where=where, rows_lost=0, rows_twice=0, recovered_by=recovered_by)


def test_killed_postgresql_is_started_again_and_has_every_commit(
    home: Path, run_cloud: RunCloud, request: pytest.FixtureRequest
) -> None:
    attach(run_cloud, home, "--bare")
    with closing(login(home)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (v INT)")
    session = login(home)
    harms: dict[str, Callable[[], None]] = {
        "PostgreSQL killed": lambda: killing.postmaster(home).kill(),
        "session killed": lambda: psutil.Process(session.info.backend_pid).kill(),
    }
    for number, (fault, harm) in enumerate(harms.items()):
        session = login(home)
        with session.cursor() as cursor:
            cursor.execute(f"INSERT INTO kept VALUES ({number})")
            cursor.execute("BEGIN; INSERT INTO kept VALUES (-1)")
            harm()
            with pytest.raises(psycopg2.OperationalError):
                cursor.execute("SELECT pg_sleep(30)")
        with closing(login(home)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT v FROM kept ORDER BY v")
            assert [v for (v,) in cursor.fetchall()] == list(range(number + 1))
        record(request.node, harmless(fault, "warehouse, in a transaction", "the next connection"))
    assert "PostgreSQL has ended (-9) and is started again" in (home / "log").read_text()


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
