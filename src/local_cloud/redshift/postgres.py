"""The embedded PostgreSQL: made at first use, started with the cloud, gone with it."""

from __future__ import annotations

import hashlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg2

from local_cloud.context import Child, Cloud
from local_cloud.errors import CloudError
from local_cloud.redshift.lexer import quote
from local_cloud.redshift.postgres_host import binary, end_orphan, prefix, socket_folder

ADMIN = "awsuser"
SUPERUSER = "postgres"
DEFAULT_DATABASE = "dev"

_SQL = Path(__file__).with_name("sql")
_PORT = 5432  # of the socket's name; PostgreSQL listens to no network
_START_SECONDS = 60
_RECOVERY_SECONDS = 20
_DISK_FULL = "No space left on device"
_DOWN = re.compile(
    r"refused|No such file|starting up|recovery|shutting down|not yet accepting"
    r"|server closed the connection"
)
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "max_wal_size": "2GB",
    "shared_buffers": "128MB",
    "work_mem": "32MB",
    "fsync": "off",  # what outlives a power cut is not promised, and recovery syncs every file
    "client_connection_check_interval": "1000",  # so that no query outlives the cloud
    "log_min_messages": "fatal",
    "createrole_self_grant": "set, inherit",  # the administrator may do what its roles may
    # Redshift's defaults
    "default_transaction_isolation": "repeatable read",  # its SNAPSHOT
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
    "extra_float_digits": "0",
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
}


class Postgres:
    """One database cluster in a folder of its own."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self._cloud = cloud
        self._folder = folder
        self._data = folder / "data"
        self._complete = folder / "complete"  # holds a digest of the SQL it was made with
        self._log = folder / "postgres.log"
        self._socket_folder = socket_folder(folder)
        self._child: Child | None = None
        self._starting = threading.Lock()
        self._stopped = False
        self._prefix = prefix()

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._socket_folder / f".s.PGSQL.{_PORT}"

    def start(self, password: str) -> None:
        """Bring it up; the first time, make it.

        Args:
            password: Of the administrator.
        """
        end_orphan(self._data)
        if not self._complete.exists():
            shutil.rmtree(self._data, ignore_errors=True)
            self._initialise()
        self._launch()
        if self._stopped:
            return
        digest = _sql_digest()
        if not self._complete.exists():
            self._bootstrap(password)
        elif self._complete.read_text() != digest:
            for database in self._databases():
                self._run_files(database, "functions", "catalog")
        self._complete.write_text(digest)

    def connect(self, database: str = DEFAULT_DATABASE) -> Any:
        """A connection of the superuser, in autocommit; a server that has ended is started again.

        Raises:
            CloudError: It cannot be started, or does not recover.
        """
        deadline = time.monotonic() + _RECOVERY_SECONDS
        while True:
            try:
                return self._connect(database)
            except psycopg2.OperationalError as error:
                if self._stopped or not _DOWN.search(str(error)):
                    raise
                if time.monotonic() > deadline:
                    raise CloudError(
                        f"the embedded Redshift's PostgreSQL does not answer: {_tail(self._log)}",
                        fix=f"read {self._log}; `make down`, `make up` start it anew",
                    ) from error
            self._revive()
            time.sleep(0.05)

    def _connect(self, database: str) -> Any:
        connection = psycopg2.connect(
            host=str(self._socket_folder),
            port=_PORT,
            user=SUPERUSER,
            dbname=database,
            options="-c standard_conforming_strings=on -c allow_system_table_mods=on"
            " -c client_min_messages=warning",
        )
        connection.autocommit = True
        return connection

    def _revive(self) -> None:
        """Start it again if it has ended, by whomever it was killed."""
        with self._starting:
            if self._child is not None and self._child.poll() is not None:
                code = self._child.returncode
                print(f"PostgreSQL has ended ({code}) and is started again", file=sys.stderr)
                end_orphan(self._data)
                self._launch()

    def cancel(self, process_id: int) -> None:
        """Stop what a session runs."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_cancel_backend(%s)", (process_id,))

    def ensure_database(self, name: str) -> None:
        """Create a database unless it exists."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            with suppress(psycopg2.errors.DuplicateDatabase):
                cursor.execute(f"CREATE DATABASE {quote(name)} OWNER {ADMIN}")

    def stop(self) -> None:
        """Disconnect everyone and shut down cleanly."""
        self._stopped = True
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=10)
        with suppress(OSError):  # not empty: the next start clears what a killed server left
            self._socket_folder.rmdir()

    def _initialise(self) -> None:
        command = [
            *self._prefix,
            binary("initdb"),
            *("--pgdata", str(self._data), "--username", SUPERUSER, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *("--no-sync", "--no-instructions"),
        ]
        with self._log.open("wb") as log:
            failed = self._cloud.spawn(command, stdout=log, stderr=log).wait()
        if failed:
            raise CloudError(
                f"the embedded Redshift's database cannot be made: {_tail(self._log)}",
                fix=f"see that {self._folder} can be written and has room",
            )

    def _launch(self) -> None:
        command = [*self._prefix, binary("postgres"), "-D", str(self._data)]
        settings = _SETTINGS | {
            "unix_socket_directories": str(self._socket_folder),
            "port": str(_PORT),
        }
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        deadline = time.monotonic() + _START_SECONDS
        while not self._stopped:
            with self._log.open("ab") as log:
                began = log.tell()
                self._child = self._cloud.spawn(command, stdout=log, stderr=log)
            if self._wait(deadline):
                return
            said = _tail(self._log, began)
            if time.monotonic() > deadline or _DISK_FULL in said:
                raise CloudError(
                    f"the embedded Redshift does not start: {said}",
                    fix=f"read {self._log}; see that {self._folder} has room",
                )
            time.sleep(0.2)  # sessions of one that was killed still hold its memory

    def _wait(self, deadline: float) -> bool:
        assert self._child is not None
        while self._child.poll() is None and time.monotonic() < deadline:
            try:
                self._connect("template1").close()
            except psycopg2.OperationalError:
                time.sleep(0.02)
            else:
                return True
        return False

    def _bootstrap(self, password: str) -> None:
        self._run_files("template1", "types", "functions", "catalog")
        with closing(self.connect("template1")) as connection, connection.cursor() as cursor:
            cursor.execute(
                f"CREATE ROLE {ADMIN} LOGIN CREATEDB CREATEROLE PASSWORD %s", (password,)
            )
            cursor.execute(
                "GRANT pg_read_all_data, pg_write_all_data, pg_maintain, pg_monitor,"
                f" pg_signal_backend TO {ADMIN}"
            )
        with closing(self.connect("template1")) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {DEFAULT_DATABASE} OWNER {ADMIN}")

    def _databases(self) -> list[str]:
        with closing(self.connect("template1")) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE datallowconn")
            return [name for (name,) in cursor.fetchall() if name not in ("postgres", "template0")]

    def _run_files(self, database: str, *names: str) -> None:
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            for name in names:
                cursor.execute((_SQL / f"{name}.sql").read_text())


def _sql_digest() -> str:
    texts = (path.read_bytes() for path in sorted(_SQL.glob("*.sql")))
    return hashlib.sha256(b"\0".join(texts)).hexdigest()


def _tail(path: Path, start: int = 0) -> str:
    """The last lines of a log, of what was written after so many bytes."""
    written = path.read_bytes()[start:].decode(errors="replace")
    return " | ".join(written.splitlines()[-3:])
