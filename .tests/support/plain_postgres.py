"""A PostgreSQL server as anybody has one, from the binaries that the embedded cloud brings."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg2

from local_cloud.redshift.postgres_host import binary, prefix

USER, PASSWORD = "shopkeeper", "correct horse"
_START_SECONDS = 60
_FAST = {"fsync": "off", "shared_buffers": "16MB", "timezone": "Asia/Tokyo", "datestyle": "German"}


@contextmanager
def run_postgres(folder: Path) -> Iterator[int]:
    """The port of a server on 127.0.0.1 that asks for the password; gone when the block ends."""
    data, password = folder / "data", folder / "password"
    password.write_text(PASSWORD)
    made = subprocess.run(
        [
            *prefix(),
            binary("initdb"),
            *("--pgdata", str(data), "--username", USER, "--pwfile", str(password)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        ],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    port = _free_port()
    command = [*prefix(), binary("postgres"), "-D", str(data), "-p", str(port)]
    settings = _FAST | {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(port, server)
        yield port
    finally:
        server.send_signal(signal.SIGINT)  # whoever is still connected is sent away
        server.wait(timeout=30)


def execute(port: int, *statements: str, database: str = "postgres") -> None:
    """Run statements, each in a transaction of its own."""
    with closing(_connect(port, database)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for each in statements:
            cursor.execute(each)


def _connect(port: int, database: str) -> psycopg2.extensions.connection:
    return psycopg2.connect(
        host="127.0.0.1",
        port=port,
        user=USER,
        password=PASSWORD,
        dbname=database,
        sslmode="disable",  # whatever leads to a warehouse's server by TLS
    )


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(psycopg2.OperationalError):
            _connect(port, "postgres").close()
            return
        time.sleep(0.05)
    raise RuntimeError("PostgreSQL does not start")


def _free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
