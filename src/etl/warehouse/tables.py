"""Which tables a contract has in the warehouse, and their columns.

Beside the table that people query stand its ledger, with one row for each loaded run date, and, if
the contract merges, its superseded rows: those that runs put and that the table does not show, as
another row of the key does. If the contract detects deletes, there are also the keys that the
source had, and rows of deleted keys are superseded, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from etl.model import Contract, Type
from etl.warehouse.sql import identifier

LOADED_AT = "_loaded_at"

_SIMPLE_TYPES = {
    "double": "DOUBLE PRECISION",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "array": "SUPER",
}


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """One column; `type` is written as Redshift's DDL writes it."""

    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table.

    Attributes:
        primary_key: Told to the planner; Redshift does not enforce it.
        dist_key: The column whose value says on which slice a row lies; None lets Redshift choose.
        sort_key: The columns that rows are kept sorted by.
    """

    schema: str
    name: str
    columns: tuple[TableColumn, ...]
    primary_key: tuple[str, ...] = ()
    dist_key: str | None = None
    sort_key: tuple[str, ...] = ()

    @property
    def sql_name(self) -> str:
        """The quoted name with its schema."""
        return identifier(self.schema, self.name)


def redshift_type(type_: Type) -> str:
    """The Redshift type of a contract's type."""
    if type_.kind == "string":
        return f"VARCHAR({type_.max_bytes})"
    if type_.kind == "integer":
        return "INTEGER" if type_.bits == 32 else "BIGINT"
    if type_.kind == "decimal":
        return f"DECIMAL({type_.precision},{type_.scale})"
    return _SIMPLE_TYPES[type_.kind]


def target_table(contract: Contract) -> Table:
    """The table that people query."""
    merges = contract.load_mode == "merge"
    key = contract.primary_key
    return Table(
        schema=contract.places.schema,
        name=contract.places.table,
        columns=_row_columns(contract),
        # In replace mode a key is one row of each run date, in merge mode one of all.
        primary_key=key if merges else _dated(contract),
        dist_key=key[0] if merges else None,
        sort_key=key if merges else (contract.partition,),
    )


def superseded_table(contract: Contract) -> Table:
    """The rows that runs put and that the table does not show, of a contract that merges."""
    return Table(
        schema=contract.places.schema,
        name=f"{contract.places.table}__superseded",
        columns=_row_columns(contract),
        primary_key=_dated(contract),
        dist_key=contract.primary_key[0],
        sort_key=(contract.partition,),
    )


def keys_table(contract: Contract) -> Table:
    """The keys that the source had when the latest run date that looked was extracted.

    Each stands beside the run date that saw it first. A row without a key stands for the latest run
    date itself, as the source may have had no key at all.
    """
    definitions = {each.name: each for each in _row_columns(contract)}
    keys = (replace(definitions[name], nullable=True) for name in contract.primary_key)
    return Table(
        schema=contract.places.schema,
        name=f"{contract.places.table}__keys",
        columns=(*keys, definitions[contract.partition]),
        dist_key=contract.primary_key[0],
        sort_key=contract.primary_key,
    )


def ledger_table(contract: Contract) -> Table:
    """What each run date holds and who loaded it."""
    counts = ("extracted", "deduplicated", "quarantined", "loaded", "superseded")
    return Table(
        schema=contract.places.schema,
        name=f"{contract.places.table}__ledger",
        columns=(
            TableColumn(name="run_date", type="DATE", nullable=False),
            TableColumn(name="run_id", type="VARCHAR(256)", nullable=False),
            TableColumn(name="dataset", type="VARCHAR(256)", nullable=False),
            TableColumn(name="load_mode", type="VARCHAR(16)", nullable=False),
            TableColumn(name="primary_key", type="VARCHAR(8192)", nullable=False),
            TableColumn(name="contract_version", type="VARCHAR(256)", nullable=False),
            TableColumn(name="contract_fingerprint", type="VARCHAR(64)", nullable=False),
            *(TableColumn(name=name, type="BIGINT", nullable=False) for name in counts),
            TableColumn(name="manifest_digest", type="VARCHAR(64)", nullable=False),
            TableColumn(name="loaded_at", type="TIMESTAMPTZ", nullable=False),
            # Loads of earlier releases did not count these.
            TableColumn(name="filtered", type="BIGINT"),
            TableColumn(name="rejected", type="BIGINT"),
        ),
        primary_key=("run_date",),
        sort_key=("run_date",),
    )


def warehouse_tables(contract: Contract) -> tuple[Table, ...]:
    """All tables of a contract."""
    tables = [ledger_table(contract), target_table(contract)]
    if contract.load_mode == "merge":
        tables.insert(1, superseded_table(contract))
    if contract.detect_deletes:
        tables.append(keys_table(contract))
    return tuple(tables)


def versions_sql(contract: Contract, columns: Sequence[str], *, where: str = "true") -> str:
    """A query of every row that any run put, of a contract that merges.

    Args:
        where: Which of them.
    """
    names = ", ".join(map(identifier, columns))
    tables = (target_table(contract), superseded_table(contract))
    return "\nUNION ALL\n".join(
        f"SELECT {names} FROM {each.sql_name} WHERE {where}" for each in tables
    )


def _dated(contract: Contract) -> tuple[str, ...]:
    return (contract.partition, *contract.primary_key) if contract.primary_key else ()


def _row_columns(contract: Contract) -> tuple[TableColumn, ...]:
    return (
        *(
            TableColumn(
                name=column.name, type=redshift_type(column.type), nullable=not column.required
            )
            for column in contract.columns
        ),
        TableColumn(name=contract.partition, type="DATE", nullable=False),
        TableColumn(name=LOADED_AT, type="TIMESTAMPTZ", nullable=False),
    )
