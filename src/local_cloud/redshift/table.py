"""A table as COPY sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

from local_cloud.redshift.backend import Backend, BackendError
from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.lexer import quote, tokenize, unquote
from local_cloud.redshift.plans import Copy
from local_cloud.redshift.postgres import Postgres

_UNDEFINED_TABLE, _UNDEFINED_SCHEMA = "42P01", "3F000"
_TYPE = re.compile(r"([a-z ]+?)(?:\((\d+)(?:,(\d+))?\))?( with(?:out)? time zone)?")


@dataclass(frozen=True)
class Column:
    """A column of the target.

    Attributes:
        kind: PostgreSQL's name of the type, without its length.
        size: Bytes of a text, digits of a number.
    """

    name: str
    type: str
    kind: str
    size: int | None
    scale: int | None
    is_identity: bool = False

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return self.kind in ("character varying", "character", "text")


@dataclass(frozen=True)
class Table:
    """The target of a COPY; `columns` are those it fills, in the order of the data."""

    sql_name: str
    oid: int
    columns: tuple[Column, ...]

    @property
    def sql_columns(self) -> str:
        """The columns for a COPY of PostgreSQL's."""
        return ", ".join(quote(column.name) for column in self.columns)


@dataclass(frozen=True)
class LoadError:
    """A row of stl_load_errors."""

    uri: str
    line: int
    code: int
    reason: str
    column: Column | None = None
    value: str = ""
    raw_line: str = ""


class Rows(Protocol):
    """Encodes data as what PostgreSQL's COPY takes.

    Attributes:
        options: Of that COPY, in parentheses.
        errors: Rows left out, as MAXERROR allows.
    """

    options: str
    errors: list[LoadError]

    def chunks(self) -> Iterator[bytes]:
        """The data, piece by piece.

        Raises:
            SqlError: It cannot be loaded.
        """

    def explain(self, error: BackendError) -> tuple[SqlError, LoadError | None]:
        """What PostgreSQL's refusal means."""

    def note_skipped(self, notices: Sequence[dict[str, str]]) -> None:
        """Take down the rows that PostgreSQL left out."""


@dataclass(eq=False)
class Failure(Exception):
    """A COPY fails for its data."""

    error: SqlError
    load_error: LoadError = field(kw_only=True)


def literal(text: str) -> str:
    """A text as an SQL literal, whatever the session says of backslashes."""
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace("\0", "")
    return f"E'{escaped}'"


async def read_table(backend: Backend, plan: Copy) -> Table:
    """The table that a COPY loads and the columns it fills.

    Raises:
        SqlError: There is no such table or column.
    """
    try:
        answer = await backend.query(
            "SELECT attrelid::oid, attname, format_type(atttypid, atttypmod),"
            " attidentity <> '' FROM pg_attribute"
            f" WHERE attrelid = {literal(plan.table)}::regclass AND attnum > 0"
            " AND NOT attisdropped ORDER BY attnum"
        )
    except BackendError as error:
        if error.code in (_UNDEFINED_TABLE, _UNDEFINED_SCHEMA):
            raise SqlError(f"Cannot COPY into nonexistent table {plan.table}", "42P01") from None
        raise
    columns = {str(row[1]): _column(*map(str, row[1:])) for row in answer.rows}
    chosen = [column for column in columns.values() if not column.is_identity]
    if "explicit_ids" in plan.options:
        chosen = list(columns.values())
    if plan.columns:
        chosen = [_named(columns, name, plan.table) for name in plan.columns]
    return Table(plan.table, int(answer.rows[0][0] or 0), tuple(chosen))


def _named(columns: dict[str, Column], name: str, table: str) -> Column:
    wanted = unquote(tokenize(name)[0])
    if wanted not in columns:
        raise SqlError(f'column "{wanted}" of relation "{table}" does not exist', "42703")
    return columns[wanted]


def _column(name: str, type_: str, is_identity: str) -> Column:
    found = _TYPE.fullmatch(type_)
    base, size, scale, zone = found.groups() if found else (type_, None, None, None)
    return Column(
        name,
        type_,
        base + (zone or ""),
        int(size) if size else None,
        int(scale) if scale else None,
        is_identity == "t",
    )


def load_errors_sql(table: Table, session: int, errors: Sequence[LoadError]) -> str:
    """The INSERT that puts errors into stl_load_errors."""
    rows = ", ".join(_load_error_values(error) for error in errors)
    return (
        "INSERT INTO redshift.load_errors (userid, tbl, session, query, filename, line_number,"
        " colname, type, col_length, raw_line, raw_field_value, err_code, err_reason)"
        f" SELECT 100, {table.oid}, {session}, numbered.query, found.*"
        " FROM (SELECT nextval('redshift.query_id') AS query) AS numbered,"
        f" (VALUES {rows}) AS found"
    )


def _load_error_values(error: LoadError) -> str:
    column = error.column
    texts = (
        *((column.name[:127], column.kind[:10], str(column.size or "")) if column else ("",) * 3),
        error.raw_line[:1024],
        error.value[:1024],
    )
    values = [literal(error.uri[:256]), str(error.line), *map(literal, texts)]
    return f"({', '.join(values)}, {error.code}, {literal(error.reason[:256])})"


def keep_load_errors(postgres: Postgres, database: str, statement: str) -> None:
    """Write stl_load_errors in a transaction of its own, so that they outlive a rollback."""
    with closing(postgres.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
