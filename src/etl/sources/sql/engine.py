"""Connections to a SQL database: read-only, one snapshot each, and errors that say what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from aws.libpq import KEEPALIVES
from etl.errors import ContractError, SecretError, SourceError
from etl.model import Contract
from etl.secrets import read_secret
from etl.sources.records import ClientMaker
from etl.sources.sql.options import SqlOptions

_SNAPSHOTS: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    "mysql": {"isolation_level": "REPEATABLE READ"},
    "mariadb": {"isolation_level": "REPEATABLE READ"},
}
# Texts of timestamps, numbers and the like do not depend on how the server is set up.
_POSTGRESQL_SETTINGS = "SET LOCAL TIME ZONE 'UTC'; SET LOCAL datestyle TO ISO, YMD"
_LONGEST_MESSAGE = 300


class Database:
    """A database that can be connected to.

    Attributes:
        name: Its URL without a password, for messages.
    """

    def __init__(self, contract: Contract, client: ClientMaker, options: SqlOptions) -> None:
        """Nothing is connected yet, but the secret is read.

        Raises:
            ContractError: The location is no URL of a database that can be read.
            SecretError: The secret is missing or does not hold what is needed.
            SourceError: The database is a file that does not exist.
        """
        url = _parse_url(contract)
        if options.secret:
            url = _with_secret(url, client("secretsmanager"), options.secret)
        self.name = url.render_as_string(hide_password=True)
        self._password = str(url.password or "")
        self._secret = options.secret
        self._engine = _create_engine(url, contract, options)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection whose queries all see the same state of the database.

        Raises:
            SourceError: The database cannot be reached, or refuses a query in the block.
        """
        dialect = self._engine.dialect.name
        engine = self._engine.execution_options(**_SNAPSHOTS.get(dialect, {}))
        try:
            connection = engine.connect()
        except DBAPIError as error:
            raise self._explain(error, "cannot be connected to", self._fix()) from error
        try:
            with connection, connection.begin():
                if dialect == "postgresql":
                    connection.execute(text(_POSTGRESQL_SETTINGS))
                yield connection
        except DBAPIError as error:
            fix = "grant the user SELECT on the table, or see whether the database is well"
            raise self._explain(error, "did not answer a query", fix) from error

    def _fix(self) -> str:
        login = f"the secret {self._secret}" if self._secret else "the source's option secret"
        return f"see that the database is up and can be reached from here, and check {login}"

    def _explain(self, error: DBAPIError, what: str, fix: str) -> SourceError:
        words = " ".join(str(error.orig).split())[:_LONGEST_MESSAGE]
        if self._password:
            words = words.replace(self._password, "***")
        return SourceError(f"{self.name} {what}: {words}", fix=fix)


def _parse_url(contract: Contract) -> URL:
    try:
        url = make_url(contract.source.location)
    except ArgumentError as error:
        raise ContractError(
            f"contract {contract.dataset}: the source's location is not an SQLAlchemy URL",
            fix="write for example postgresql://host:5432/database or sqlite:////path/to/file",
        ) from error
    if url.password or any("password" in name.lower() for name in url.query):
        raise ContractError(
            f"contract {contract.dataset}: a password stands in the source's location",
            fix="take it out, and name a Secrets Manager secret by the source's option secret",
        )
    return url


def _with_secret(url: URL, client: Any, name: str) -> URL:
    """The URL, with the user and password of the secret, or the URL that the secret is."""
    secret = read_secret(client, name, expected=("username", "password"))
    if secret.text.lstrip().startswith("{"):
        user, password = secret.fields("username", "password")
        return url.set(username=user, password=password)
    try:
        return make_url(secret.text.strip())
    except ArgumentError:
        raise SecretError(
            f"secret {name} is neither a JSON object nor an SQLAlchemy URL",
            fix="store username and password as JSON, or a URL such as postgresql://user:…@host/db",
        ) from None


def _create_engine(url: URL, contract: Contract, options: SqlOptions) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg2")
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and not Path(url.database or "").is_file():
        raise SourceError(
            f"the source's database file {url.database or '(none named)'} does not exist",
            fix="correct the location in the contract or places: in config/",
        )
    try:
        arguments = _connect_arguments(url, options)
        engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ContractError(
            f"contract {contract.dataset}: {url.drivername} cannot be read here: {error}",
            fix="install the database's driver, or correct the URL",
        ) from error
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _connect_arguments(url: URL, options: SqlOptions) -> dict[str, Any]:
    if url.get_driver_name() not in ("psycopg2", "psycopg"):
        return {}
    # libpq's defaults, said aloud: the PG variables around a run are the warehouse's.
    chosen: dict[str, Any] = {"sslmode": url.query.get("sslmode", "prefer")}
    chosen |= {each: url.query.get(each, value) for each, value in KEEPALIVES.items()}
    if url.host:
        chosen["port"] = str(url.port or 5432)
    return chosen | {"connect_timeout": options.connect_seconds}


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy begins them
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    connection.execute("PRAGMA query_only = ON")
