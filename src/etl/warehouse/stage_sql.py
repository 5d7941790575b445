"""Temporary tables that a run's Parquet files are copied into."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from etl.model import Column
from etl.warehouse.ddl import column_definition
from etl.warehouse.key_sql import same_value
from etl.warehouse.sql import identifier, literal
from etl.warehouse.tables import TableColumn, redshift_type


@dataclass(frozen=True)
class Step:
    """A statement and what it is for, in words that follow "could not"."""

    name: str
    sql: str


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One such table.

    Attributes:
        columns: In the order of the files' columns, as COPY goes by it.
        words: What messages call it.
    """

    name: str
    columns: tuple[Column, ...]
    words: str = "stage table"

    @property
    def sql_name(self) -> str:
        """The quoted name; a temporary table has no schema."""
        return identifier(self.name)

    @property
    def column_names(self) -> str:
        """The columns, as SQL lists them."""
        return ", ".join(identifier(each.name) for each in self.columns)

    def fill(self, manifest_uri: str | None, *, rows: int, copy_role_arn: str) -> tuple[Step, ...]:
        """Make it, and copy the files into it.

        Args:
            manifest_uri: Where the COPY manifest lies; None if there are no files.
            rows: How many rows the files should hold; another number fails the transaction.
        """
        create = Step(f"create the {self.words}", self._create())
        if manifest_uri is None:
            return (create,)
        copy, guard = self._copy(manifest_uri, copy_role_arn), self._guard(rows)
        return (
            create,
            Step(f"copy the files into the {self.words}", copy),
            Step(f"find as many rows in the {self.words} as the files should hold", guard),
        )

    def drop(self) -> Step:
        """Let it go: a session may load more than once."""
        return Step(f"drop the {self.words}", f"DROP TABLE {self.sql_name}")

    def value(self, column: Column) -> str:
        """What the warehouse's tables take of a column."""
        name = identifier(self.name, column.name)
        return f"{name} AT TIME ZONE 'UTC'" if column.type.kind == "timestamp" else name

    def values(self, columns: Iterable[Column]) -> str:
        """The same of several columns, as SQL lists them."""
        return ", ".join(map(self.value, columns))

    def same_key(self, key: Iterable[Column], table: str) -> str:
        """A condition: a row of this and one of a table, named as the query does, have the same."""
        return " AND ".join(
            same_value(column, self.value(column), f"{table}.{identifier(column.name)}")
            for column in key
        )

    def _create(self) -> str:
        columns = ",\n  ".join(
            column_definition(TableColumn(name=column.name, type=_stage_type(column)))
            for column in self.columns
        )
        return f"CREATE TEMP TABLE {self.sql_name} (\n  {columns}\n)"

    def _copy(self, manifest_uri: str, copy_role_arn: str) -> str:
        arrays = any(column.type.kind == "array" for column in self.columns)
        return (
            f"COPY {self.sql_name} ({self.column_names})\n"
            f"FROM {literal(manifest_uri)}\n"
            f"IAM_ROLE {literal(copy_role_arn)}\n"
            "FORMAT AS PARQUET\nMANIFEST" + ("\nSERIALIZETOJSON" if arrays else "")
        )

    def _guard(self, rows: int) -> str:
        # A text that is no number fails the cast, and with it the transaction, and says why.
        return (
            f"SELECT CAST(CASE WHEN COUNT(*) = {rows} THEN '0'\n"
            f"  ELSE 'the stage holds ' || CAST(COUNT(*) AS VARCHAR) || ' rows, not {rows}'"
            f" END AS INTEGER)\nFROM {self.sql_name}"
        )


def _stage_type(column: Column) -> str:
    # COPY reads Parquet as Spectrum does, whose timestamps have no zone: these are UTC's.
    return "TIMESTAMP" if column.type.kind == "timestamp" else redshift_type(column.type)
