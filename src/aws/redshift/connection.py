"""SQL over TLS by psycopg2: connect, run a transaction, run a statement, read rows."""

from __future__ import annotations

import math
import re
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import certifi
import psycopg2
from psycopg2 import extensions

from aws.libpq import KEEPALIVES
from aws.redshift.credentials import Credentials
from aws.redshift.errors import (
    ConnectError,
    ConnectionLostError,
    ConnectProblem,
    RedshiftError,
    StatementError,
)

Connection = extensions.connection

# libpq gives no code for a connection that failed, only its words.
_PROBLEMS: tuple[tuple[ConnectProblem, str], ...] = (
    ("unreachable", r"SSL SYSCALL|closed the connection"),
    ("certificate", r"certificate|SSL|TLS"),
    ("password", r"authentication failed|password"),
    ("database", r'database ".*" does not exist'),
    ("unreachable", r"translate host name|refused|timeout|timed out|unreachable|No route|resolve"),
)


def connect(
    *,
    host: str,
    port: int,
    database: str,
    credentials: Credentials,
    sslrootcert: Path | None = None,
    application_name: str = "prefect-aws-etl",
    connect_timeout_seconds: int = 30,
    statement_timeout_seconds: int = 3600,
) -> Connection:
    """Open a connection whose certificate and host name are verified, in autocommit.

    It is psycopg2's asynchronous kind: `execute`, `query` and `run_transaction` wait for it.

    Args:
        sslrootcert: CA file; None for certifi's bundle, which holds Amazon's.

    Raises:
        ConnectError: The warehouse cannot be reached or does not let us in.
    """
    try:
        connection: Connection = psycopg2.connect(
            host=host,
            port=port,
            dbname=database,
            user=credentials.user,
            password=credentials.password,
            sslmode="verify-full",
            sslrootcert=str(sslrootcert or certifi.where()),
            application_name=application_name,
            **KEEPALIVES,
            async_=True,  # waiting in C lets no signal through, and waiting by callback no thread
        )
        _wait(connection, seconds=connect_timeout_seconds)
    except psycopg2.OperationalError as error:
        text = " ".join(str(error).split())
        raise ConnectError(text, problem=_problem(text)) from error
    execute(connection, statement=f"SET statement_timeout TO {statement_timeout_seconds * 1000}")
    return connection


def run_transaction(connection: Connection, *, statements: Sequence[str]) -> None:
    """Run the statements in order in one transaction: all of them, or none.

    Raises:
        StatementError: Redshift refused one; `index` says which.
        ConnectionLostError: The connection ended; whether the COMMIT was done is unknown.
    """
    execute(connection, statement="BEGIN")
    try:
        for index, statement in enumerate(statements):
            with _translated(connection, index):
                _send(connection, statement)
        with _translated(connection, -1):
            _send(connection, "COMMIT")
    except RedshiftError:
        with suppress(psycopg2.Error):
            _send(connection, "ROLLBACK")
        raise


def execute(connection: Connection, *, statement: str) -> None:
    """Run one statement on its own, outside a transaction block."""
    with _translated(connection, 0):
        _send(connection, statement)


def query(connection: Connection, *, sql: str) -> list[tuple[Any, ...]]:
    """All rows of a query, in memory."""
    with _translated(connection, 0), connection.cursor() as cursor:
        cursor.execute(sql)
        _wait(connection)
        return cursor.fetchall()


def _send(connection: Connection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        _wait(connection)


@contextmanager
def _translated(connection: Connection, index: int) -> Iterator[None]:
    try:
        yield
    except psycopg2.Error as error:
        if connection.closed or (
            error.pgcode is None
            and isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError))
        ):
            raise ConnectionLostError(" ".join(str(error).split())) from error
        message = (error.pgerror or str(error)).strip()
        raise StatementError(message, index=index, sqlstate=error.pgcode or "") from error


def _wait(connection: Connection, *, seconds: float = math.inf) -> None:
    """Until the connection, or what it was sent, is done; what interrupts this ends both."""
    deadline = time.monotonic() + seconds
    try:
        while (state := connection.poll()) != extensions.POLL_OK:
            if time.monotonic() > deadline:
                raise psycopg2.OperationalError("timeout expired")
            reading = [connection] if state == extensions.POLL_READ else []
            writing = [connection] if state == extensions.POLL_WRITE else []
            select.select(reading, writing, [], 1)
    except psycopg2.Error:
        raise
    except BaseException:
        with suppress(psycopg2.Error):
            connection.cancel()
        connection.close()  # as it cannot be used before the answer is read
        raise


def _problem(text: str) -> ConnectProblem:
    for problem, pattern in _PROBLEMS:
        if re.search(pattern, text, re.IGNORECASE):
            return problem
    return "other"
