"""What a database says of a table, held against what the contract wants of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Text
from sqlalchemy import cast as sql_cast
from sqlalchemy import column as sql_column
from sqlalchemy import func, inspect, literal
from sqlalchemy import table as sql_table
from sqlalchemy import type_coerce
from sqlalchemy import types as sqltypes
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import TypeEngine

from etl.contracts.problems import did_you_mean
from etl.errors import ContractError, SourceError
from etl.model import Contract, Type
from etl.sources.sql.marks import Marks, choose_marks
from etl.sources.sql.options import SqlOptions
from etl.tidying import normalise_name

# PostgreSQL's types whose values reach Python as they are; those of others could be changed on the
# way, or not exist in Python (the year 10000, infinity), and are fetched as PostgreSQL's text.
_EXACT = (
    sqltypes.Integer,
    sqltypes.Boolean,
    sqltypes.Numeric,
    sqltypes.Float,
    sqltypes.String,
    sqltypes.LargeBinary,
)


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column of the table.

    Attributes:
        name: Its name in records.
        kind: What kind of type the contract takes it for.
        column: The column in conditions and orders.
        selected: What is fetched of it.
        is_text: Whether that is the value's text.
        nullable: Whether it may hold NULL, as far as the database says.
    """

    name: str
    kind: str
    column: ColumnElement[Any]
    selected: ColumnElement[Any]
    is_text: bool
    nullable: bool

    def bind(self, value: Any) -> ColumnElement[Any]:
        """A fetched value, to be compared with the column."""
        if isinstance(value, str) and not _is_utf8(value):
            return sql_cast(literal(value.encode("utf-8", "surrogateescape")), Text)
        if self.is_text and not isinstance(self.column.type, sqltypes.NullType):
            return sql_cast(literal(value, Text), self.column.type)
        return literal(value, sqltypes.NullType())


@dataclass(frozen=True, kw_only=True)
class SqlTable:
    """A table that can be read for a contract.

    Attributes:
        fields: What a record is made of.
        key: The contract's primary key; some of the fields.
        watermark: The watermark's column, if the contract names one.
        marks: How the watermark is compared.
    """

    name: str
    source: FromClause
    fields: tuple[Field, ...]
    key: tuple[Field, ...]
    watermark: Field | None
    marks: Marks | None

    @property
    def order(self) -> tuple[Field, ...]:
        """What rows are ordered by."""
        return (self.watermark, *self.key) if self.watermark else self.key


def describe_table(connection: Connection, contract: Contract, options: SqlOptions) -> SqlTable:
    """Look at the table.

    Raises:
        ContractError: The contract's key is not made of the table's columns.
        SourceError: The table or one of its columns does not exist, or is of no use.
    """
    found = _Found(connection, contract, options)
    fields = {name: found.field(name, kind) for name, kind in _wanted(contract).items()}
    key = [fields[name] for name in _key_names(contract)]
    watermark = found.field(options.watermark, "", "watermark") if options.watermark else None
    marks = found.marks(watermark, options) if watermark else None
    if found.problems:
        raise SourceError(
            f"{options.table} cannot be read for contract {contract.dataset}: "
            + "; ".join(found.problems),
            fix="correct the contract, or read a view that has these columns",
        )
    return SqlTable(
        name=options.table,
        source=found.source,
        fields=tuple(each for each in fields.values() if each),
        key=tuple(each for each in key if each),
        watermark=watermark,
        marks=marks,
    )


class _Found:
    """The table as the database describes it, and what is wrong with it."""

    def __init__(self, connection: Connection, contract: Contract, options: SqlOptions) -> None:
        self.problems: list[str] = []
        self._dialect = connection.dialect.name
        self._columns = {each["name"]: each for each in _read_columns(connection, options)}
        self._names = {name: name for name in self._columns}
        if contract.normalise_names:
            self._names = {normalise_name(name): name for name in self._columns} | self._names
        schema, name = options.schema_and_name
        columns = [sql_column(name, self._type(name)) for name in self._columns]
        self.source = sql_table(name, *columns, schema=schema)

    def field(self, name: str, kind: str, role: str = "column") -> Field | None:
        """The column that a record's field comes from; None, and a problem, if there is none."""
        if name not in self._names:
            self.problems.append(f'it has no {role} "{name}"{did_you_mean(name, self._names)}')
            return None
        column = self.source.c[self._names[name]]
        selected, is_text = self._selected(column)
        return Field(
            name=name,
            kind=kind,
            column=column,
            selected=selected,
            is_text=is_text,
            nullable=bool(self._columns[self._names[name]].get("nullable", True)),
        )

    def marks(self, watermark: Field, options: SqlOptions) -> Marks | None:
        """How the watermark is compared; None, and a problem, if it cannot be."""
        type_ = self.reflected(watermark.name)
        marks = choose_marks(type_, self._dialect, options.zone)
        if marks is None:
            what = (
                f'its watermark "{watermark.name}" is {type_}, no timestamp, date or whole number'
            )
            self.problems.append(what)
        return marks

    def reflected(self, name: str) -> TypeEngine[Any]:
        """The type that the database gives a column; a domain's is the one it is made of."""
        type_: TypeEngine[Any] = self._columns[self._names[name]]["type"]
        return getattr(type_, "data_type", None) or type_

    def _type(self, name: str) -> TypeEngine[Any]:
        # SQLite keeps what it is given, whatever the column is called.
        return sqltypes.NullType() if self._dialect == "sqlite" else self.reflected(name)

    def _selected(self, column: ColumnElement[Any]) -> tuple[ColumnElement[Any], bool]:
        if self._dialect != "postgresql":
            return type_coerce(column, sqltypes.NullType()), False
        if isinstance(column.type, sqltypes.ARRAY):
            return sql_cast(func.to_json(column), Text), True
        if isinstance(column.type, _EXACT):
            return column, False
        return sql_cast(column, Text), True


def _read_columns(connection: Connection, options: SqlOptions) -> Sequence[Any]:
    schema, name = options.schema_and_name
    inspector = inspect(connection)
    try:
        return inspector.get_columns(name, schema=schema)
    except NoSuchTableError as error:
        known = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        raise SourceError(
            f"there is no table or view {options.table}{did_you_mean(name, known)}",
            fix="correct the source's option table in the contract, as schema.table if need be",
        ) from error


def _wanted(contract: Contract) -> dict[str, str]:
    """The columns that a contract reads, and what kind of type it takes each for."""
    return {
        each.path[0]: _kind(each.type) if len(each.path) == 1 else "object"
        for each in contract.received_columns
    }


def _kind(type_: Type) -> str:
    return "string" if type_.format else type_.kind  # a text in a format of its own stays so


def _key_names(contract: Contract) -> list[str]:
    """The columns of the table that make the contract's key."""
    names = []
    for name in contract.primary_key:
        column = contract.column(name)
        if len(column.path) != 1 or (column.value_map and contract.detect_deletes):
            raise ContractError(
                f"contract {contract.dataset}: its key {name} is not a column of the source as it"
                " is, so the table cannot be read in the key's order",
                fix="make columns of the table the primary key, neither derived nor mapped",
            )
        names.append(column.path[0])
    return names


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
