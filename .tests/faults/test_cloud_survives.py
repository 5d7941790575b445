"""The embedded cloud is killed at any moment: nothing is lost, left over or half done."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import boto3
import psutil
import psycopg2
import pytest
from botocore.retries.standard import ExponentialBackoff
from support import killing
from support.access_log import stands_for
from support.fault_points import describe_difference, forget_day, read_left
from support.faults_table import Row, harmless, record
from support.own_clouds import RunCloud, attach, client_of, kill_cloud, login
from support.pipeline_runs import Bench, rows_url

from etl.settings import load_settings

DAY = "2026-05-06"
AGAIN = "the same command again"
ENVIRON = {"LOCAL_CLOUD_IAM": "record", "LOCAL_CLOUD_GLUE_KEEP_JVM_SECONDS": "120"}


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
        "redshift-data BatchExecuteStatement LOCK",
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
    assert all(expected.rows[kind] for kind in ("orders", "processed", "quarantine"))
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
        assert (row.rows_lost, row.rows_twice) == (0, 0), describe_difference(expected, left)
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
