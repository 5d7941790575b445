"""Runs the Data API's statements on threads, through the same endpoint as everybody's SQL."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import extensions

from local_cloud.redshift.data_fields import column, field, take_text
from local_cloud.redshift.data_statements import Part, Results, Statement
from local_cloud.redshift.identity import DatabaseUser
from local_cloud.redshift.lexer import Token, split_statements, text_of, tokenize

if TYPE_CHECKING:
    from local_cloud.redshift.service import Redshift

_WORKERS = 32
_LOGIN_SECONDS = 900
_CANCELLED = "57014"


class Runner:
    """The threads of one cloud.

    Args:
        save: Makes the records of statements durable.
    """

    def __init__(self, redshift: Redshift, results: Results, save: Callable[[], None]) -> None:
        self._redshift = redshift
        self._results = results
        self._save = save
        self._pool = ThreadPoolExecutor(_WORKERS, "redshift-data")
        self._running: set[str] = set()
        self._changed = threading.Condition()

    def submit(self, statement: Statement) -> None:
        """Run it as soon as a thread is free."""
        self._pool.submit(self._run, statement)

    def wait(self, statement: Statement, seconds: float) -> None:
        """Wait until it is finished, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: statement.is_finished, timeout=seconds)

    def cancel(self, statement: Statement) -> None:
        """Stop it, running or not."""
        with self._changed:
            statement.is_cancelled = True
            is_running = statement.id in self._running
        if is_running:
            self._redshift.postgres.cancel(statement.process_id)

    def query(
        self, target: dict[str, str], user: DatabaseUser, sql: str, values: tuple[Any, ...]
    ) -> list[Any]:
        """Rows of a query on behalf of a call that answers at once."""
        connection = self._connect(target, user)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                rows: list[Any] = cursor.fetchall()
                return rows
        finally:
            connection.close()

    def _run(self, statement: Statement) -> None:
        whole = statement.whole
        whole.set_status("PICKED")
        started = time.monotonic_ns()
        connection = None
        try:
            connection = self._connect(statement.target, statement.user)
            with self._changed:
                statement.process_id = connection.get_backend_pid()
                self._running.add(statement.id)
            whole.set_status("STARTED")
            self._run_parts(statement, connection)
            outcome, error = "FINISHED", ""
        except psycopg2.Error as failure:
            outcome, error = _outcome(statement, failure)
        except Exception as failure:  # a fault of ours must not leave it running for ever
            outcome, error = "FAILED", f"ERROR: {failure!r}"
        finally:
            with self._changed:
                self._running.discard(statement.id)
            if connection:
                connection.close()
        for part in statement.parts:
            if part.status not in ("FINISHED", "FAILED") and part is not whole:
                part.set_status("ABORTED")
        whole.duration_nanoseconds = time.monotonic_ns() - started
        whole.set_status(outcome, error)
        self._save()
        with self._changed:
            self._changed.notify_all()

    def _run_parts(self, statement: Statement, connection: Any) -> None:
        is_transaction = statement.is_batch and statement.is_transaction
        with connection.cursor() as cursor:
            if is_transaction:
                cursor.execute("BEGIN")
            failure = None
            for part in statement.parts:
                if statement.is_cancelled:
                    raise extensions.QueryCanceledError("canceled")
                try:
                    self._run_part(statement, part, cursor)
                except psycopg2.Error as error:
                    if part is not statement.whole:
                        part.set_status(*_outcome(statement, error))
                    if is_transaction or not statement.is_batch or statement.is_cancelled:
                        raise
                    failure = failure or error
            if failure:
                raise failure
            if is_transaction:
                cursor.execute("COMMIT")

    def _run_part(self, statement: Statement, part: Part, cursor: Any) -> None:
        tokens = tokenize(part.sql)
        if len(split_statements(tokens)) > 1:
            raise psycopg2.ProgrammingError(
                "cannot insert multiple commands into a prepared statement"
            )
        is_whole = part is statement.whole
        if not is_whole:
            part.set_status("STARTED")
        started = time.monotonic_ns()
        cursor.execute(text_of(_with_parameters(tokens, statement.parameters)))
        part.duration_nanoseconds = time.monotonic_ns() - started
        part.result_rows, part.result_size = max(cursor.rowcount, 0), 0
        if cursor.description:
            part.has_result = True
            part.columns = [column(each) for each in cursor.description]
            oids = [each.type_code for each in cursor.description]
            part.result_rows, part.result_size = self._results.write(
                part.id, _records(cursor, oids)
            )
        if not is_whole:
            part.set_status("FINISHED")

    def _connect(self, target: dict[str, str], caller: DatabaseUser) -> Any:
        user, password = self._login(target, caller)
        connection = psycopg2.connect(
            host=self._redshift.host,
            port=self._redshift.port,
            dbname=target["Database"],
            user=user,
            password=password,
            sslmode="verify-full",
            sslrootcert=str(self._redshift.certificates.authority),
            application_name="redshift-data",
        )
        connection.autocommit = True
        take_text(connection)
        return connection

    def _login(self, target: dict[str, str], caller: DatabaseUser) -> tuple[str, str]:
        if arn := target.get("SecretArn"):
            client = self._redshift.cloud.client("secretsmanager")
            secret = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
            return secret["username"], secret["password"]
        credentials = self._redshift.credentials
        if role := target.get("DbUser"):
            issued = credentials.issue(f"IAM:{role}", role=role, seconds=_LOGIN_SECONDS)
        else:
            issued = credentials.issue_to(caller, seconds=_LOGIN_SECONDS)
        return issued.user, issued.password


def _records(cursor: Any, oids: list[int]) -> Iterator[list[dict[str, Any]]]:
    for row in cursor:
        yield [field(oid, value) for oid, value in zip(oids, row, strict=True)]


def _outcome(statement: Statement, error: psycopg2.Error) -> tuple[str, str]:
    if statement.is_cancelled and error.pgcode in (_CANCELLED, None):
        return "ABORTED", "Query cancelled on user's request"
    diagnosis = error.diag
    message = diagnosis.message_primary or str(error).strip()
    detail = f"\n  Detail: {diagnosis.message_detail.strip()}" if diagnosis.message_detail else ""
    return "FAILED", f"{diagnosis.severity or 'ERROR'}: {message}{detail}"


def _with_parameters(tokens: list[Token], parameters: list[dict[str, str]]) -> list[Token]:
    """The statement with :name replaced by the value, a text that takes the type it needs."""
    values = {each["name"]: each["value"] for each in parameters}
    done: list[Token] = []
    place = 0
    while place < len(tokens):
        name = tokens[place + 1].text if place + 1 < len(tokens) else ""
        if tokens[place].text == ":" and name in values:
            quoted = values[name].replace("\\", "\\\\").replace("'", "''")
            done.append(Token("string", f"'{quoted}'"))
            place += 2
        else:
            done.append(tokens[place])
            place += 1
    return done
