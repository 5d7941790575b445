"""What a run needs is killed under it; the same command again leaves what a clean run leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from support import killing
from support.fault_points import Left, describe_difference, forget_day, read_left
from support.faults_table import Row, record
from support.pipeline_runs import Bench, rows_url

from etl.settings import load_settings
from local_cloud.redshift.postgres_host import socket_folder

DAY = "2026-05-05"
AGAIN, BY_ITSELF = "the same command again", "a retry in the same run"
SETTINGS = load_settings("local")


@dataclass(frozen=True)
class Scene:
    """A run's surroundings; `over` is set when it has ended."""

    home: Path
    bench: Bench
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def postgres(self) -> Iterator[Any]:
        """A cursor of PostgreSQL's superuser, behind the warehouse's back."""
        connection = psycopg2.connect(
            host=str(socket_folder(self.home / "redshift")),
            port=5432,
            user="postgres",
            dbname=SETTINGS.warehouse.database,
        )
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def has_written(self) -> bool:
        """Whether the job has put a file of the date among the processed ones."""
        keys = self.bench.keys(f"s3://{SETTINGS.buckets.processed}/processed/")
        return any(f"ingest_date={DAY}/" in key for key in keys)


def kill_driver_as_it_starts(scene: Scene) -> None:
    """As soon as the script runs."""
    killing.wait_until(lambda: killing.scripts(scene.home) and killing.drivers(scene.home))
    killing.kill(killing.drivers(scene.home))


def kill_driver_as_it_writes(scene: Scene) -> None:
    """With a part of the output written."""
    killing.wait_until(scene.has_written)
    killing.kill(killing.drivers(scene.home))


def kill_script(scene: Scene) -> None:
    """As soon as it runs."""
    killing.wait_until(lambda: killing.scripts(scene.home))
    killing.kill(killing.scripts(scene.home))


def kill_validator(scene: Scene) -> None:
    """Each process that would run it, until the run is over."""

    def keep_killing() -> None:
        while not scene.over.wait(0.005):
            killing.kill(killing.workers(scene.home, SETTINGS.validator.function_name))

    threading.Thread(target=keep_killing, daemon=True).start()


def end_session(scene: Scene) -> None:
    """As an administrator, or a network that drops connections."""
    with scene.postgres() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'prefect-aws-etl'"
        )
        assert cursor.fetchall()


def kill_postgres(scene: Scene) -> None:
    """The whole server."""
    server = killing.postmaster(scene.home)
    server.kill()
    killing.wait_until(lambda: killing.is_gone(server))


def _while_it_waits_for(scene: Scene, harm: Callable[[int], None]) -> None:
    """Let the load come as far as the table that it replaces rows in, and harm its session."""
    locked = threading.Event()

    def hold() -> None:
        with scene.postgres() as cursor, suppress(psycopg2.OperationalError):
            cursor.execute(f'LOCK TABLE "{scene.bench.schema}".orders IN ACCESS EXCLUSIVE MODE')
            locked.set()
            with scene.postgres() as other:
                other.connection.autocommit = True
                killing.wait_until(lambda: _waiting(other))
                harm(_waiting(other))

    threading.Thread(target=hold, daemon=True).start()
    assert locked.wait(60)


def _waiting(cursor: Any) -> int:
    cursor.execute("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    rows = cursor.fetchall()
    return int(rows[0][0]) if rows else 0


def end_session_of_statement(scene: Scene) -> None:
    """The Data API's session, while its statement runs."""

    def terminate(process_id: int) -> None:
        with scene.postgres() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", (process_id,))

    _while_it_waits_for(scene, terminate)


def kill_session_of_statement(scene: Scene) -> None:
    """By SIGKILL, which makes PostgreSQL end all sessions and recover."""

    def crash(process_id: int) -> None:
        psutil.Process(process_id).kill()

    _while_it_waits_for(scene, crash)


def kill_postgres_under_statement(scene: Scene) -> None:
    """The whole server, while the Data API's statement runs."""
    _while_it_waits_for(scene, lambda _: kill_postgres(scene))


@dataclass(frozen=True)
class Kill:
    """What is killed, and at which of the run's calls.

    Attributes:
        says: Words of the message that the run ends with, if it does not mend it by itself.
    """

    fault: str
    where: str
    act: Callable[[Scene], None]
    call: str
    is_after: bool = False
    loader: str = "copy"
    says: tuple[str, ...] = ()


START_JOB, INVOKE = "glue StartJobRun", "lambda Invoke"
BATCH = "redshift-data BatchExecuteStatement LOCK"
SAMPLED = [
    Kill(
        "Spark driver killed",
        "while Glue runs, output half written",
        kill_driver_as_it_writes,
        START_JOB,
        is_after=True,
        says=("FAILED",),
    ),
    Kill(
        "PostgreSQL killed",
        "warehouse, under the Data API's statement",
        kill_postgres_under_statement,
        BATCH,
        loader="data-api",
    ),
]
MORE = [
    Kill(
        "Spark driver killed",
        "while Glue runs, at its start",
        kill_driver_as_it_starts,
        START_JOB,
        is_after=True,
        says=("FAILED",),
    ),
    Kill(
        "Glue script killed",
        "while Glue runs",
        kill_script,
        START_JOB,
        is_after=True,
        says=("FAILED", "exit code"),
    ),
    Kill(
        "Lambda worker killed",
        "while it validates",
        kill_validator,
        INVOKE,
        says=("could not judge the run", "Runtime.ExitError"),
    ),
    Kill(
        "connection ended",
        "warehouse, between COPY and COMMIT",
        end_session,
        "warehouse COPY",
        is_after=True,
    ),
    Kill(
        "connection ended",
        "warehouse, under the Data API's statement",
        end_session_of_statement,
        BATCH,
        loader="data-api",
    ),
    Kill(
        "PostgreSQL killed",
        "warehouse, between COPY and COMMIT",
        kill_postgres,
        "warehouse COPY",
        is_after=True,
    ),
    Kill(
        "session killed",
        "warehouse, while rows are replaced",
        kill_session_of_statement,
        "warehouse BEGIN",
    ),
]


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> list[Kill]:
    """As many as were asked for."""
    return SAMPLED if request.config.getoption("--faults") == "sample" else [*SAMPLED, *MORE]


@pytest.mark.timeout(1800)
def test_run_whose_services_are_killed_leaves_what_a_clean_run_leaves(
    make_bench: Callable[[], Bench],
    cloud: dict[str, str],
    kills: list[Kill],
    request: pytest.FixtureRequest,
) -> None:
    home, clean = Path(cloud["LOCAL_CLOUD_HOME"]), make_bench()
    forget_day(clean, DAY)
    clean.run_json(DAY, environ=rows_url(100))
    expected = read_left(clean, DAY)
    assert all(expected.rows[kind] for kind in ("orders", "processed", "quarantine"))
    for kill in kills:
        scene = Scene(home, make_bench())
        row, left = harm_once(scene, kill, expected)
        record(request.node, row)
        assert (row.rows_lost, row.rows_twice) == (0, 0), describe_difference(expected, left)
        check_nothing_is_held(scene)


def harm_once(scene: Scene, kill: Kill, expected: Left) -> tuple[Row, Left]:
    """Kill under a fresh run, run again if it failed, and compare."""
    bench = scene.bench
    forget_day(bench, DAY)
    with killing.meanwhile(kill.call, lambda: kill.act(scene), is_after=kill.is_after):
        outcome = bench.run(DAY, "--json", "--loader", kill.loader, environ=rows_url(100))
        scene.over.set()
    if kill.says:
        outcome.fails(*kill.says)
        outcome = bench.run(DAY, "--json", "--loader", kill.loader, environ=rows_url(100))
    assert outcome.report["rows"]["extracted"] == 100
    left = read_left(bench, DAY)
    row = Row(
        fault=kill.fault,
        where=kill.where,
        rows_lost=expected.lost(left),
        rows_twice=expected.twice(left),
        recovered_by=AGAIN if kill.says else BY_ITSELF,
    )
    return row, left


def check_nothing_is_held(scene: Scene) -> None:
    """No script goes on for nobody, no session holds a lock."""
    killing.wait_until(lambda: not killing.scripts(scene.home))
    with scene.postgres() as cursor:
        cursor.execute(
            "SELECT query FROM pg_stat_activity"
            " WHERE state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchall() == []
