"""Bring the warehouse's tables to what the contract says, or say why that cannot be done."""

from __future__ import annotations

from collections import defaultdict

from aws.redshift.errors import StatementError
from etl.errors import WarehouseError
from etl.model import Contract
from etl.warehouse import ledger
from etl.warehouse.ddl import plan_changes
from etl.warehouse.executor import Executor
from etl.warehouse.sharing import grants
from etl.warehouse.sql import literal
from etl.warehouse.tables import (
    Table,
    TableColumn,
    ledger_table,
    target_table,
    warehouse_tables,
)

# What svv_columns calls the types that need no length or digits.
_TYPE_NAMES = {
    "timestamp with time zone": "TIMESTAMPTZ",
    "timestamp without time zone": "TIMESTAMP",
}


def migrate(executor: Executor, contract: Contract, *, role: str | None = None) -> list[str]:
    """Create the contract's tables, or change them to fit.

    Args:
        role: The database role that may use what is created; see `etl.warehouse.sharing`.

    Returns:
        The statements that were run; none if the tables fitted.

    Raises:
        WarehouseError: The tables differ in a way that Redshift or good sense forbids to mend.
    """
    done: list[str] = []
    shared = grants(warehouse_tables(contract), role)
    pending = _plan(executor, contract)
    while pending:
        try:
            executor.execute(*filter(None, [pending[0], shared.get(pending[0])]))
        except StatementError:
            # Another run may have done the same at the same time: then there is less left to do.
            remaining = _plan(executor, contract)
            if remaining == pending:
                raise
            pending = remaining
        else:
            done.append(pending.pop(0))
    return done


def read_columns(
    executor: Executor, tables: tuple[Table, ...]
) -> dict[str, tuple[TableColumn, ...]]:
    """The columns of those of the tables that exist, by table name."""
    names = ", ".join(literal(table.name) for table in tables)
    rows = executor.query(
        "SELECT table_name, column_name, is_nullable, data_type, character_maximum_length,"
        " numeric_precision, numeric_scale FROM svv_columns"
        f" WHERE table_schema = {literal(tables[0].schema)} AND table_name IN ({names})"
        " ORDER BY table_name, ordinal_position"
    )
    found: dict[str, list[TableColumn]] = defaultdict(list)
    for table, name, is_nullable, *type_ in rows:
        column = TableColumn(name=name, type=_type(*type_), nullable=is_nullable.upper() == "YES")
        found[table].append(column)
    return {table: tuple(columns) for table, columns in found.items()}


def _plan(executor: Executor, contract: Contract) -> list[str]:
    tables = warehouse_tables(contract)
    existing = read_columns(executor, tables)
    if ledger_table(contract).name in existing:
        _refuse_another_identity(executor, contract)
    schema_exists = bool(existing) or _schema_exists(executor, contract.places.schema)
    return plan_changes(tables, existing, schema_exists=schema_exists)


def _schema_exists(executor: Executor, schema: str) -> bool:
    return bool(
        executor.query(f"SELECT nspname FROM pg_namespace WHERE nspname = {literal(schema)}")
    )


def _refuse_another_identity(executor: Executor, contract: Contract) -> None:
    """Rows that were put under another key or load mode cannot be merged or replaced rightly."""
    for load_mode, key in executor.query(ledger.last_load_sql(contract)):
        if (load_mode, key) != (contract.load_mode, ledger.key_text(contract)):
            table = target_table(contract)
            raise WarehouseError(
                f"{table.schema}.{table.name} was loaded in {load_mode} mode by key ({key}); the"
                f" contract says {contract.load_mode} by ({ledger.key_text(contract)})",
                fix="change the contract back, or name another table in it and load its run dates",
            )


def _type(data_type: str, length: int | None, precision: int | None, scale: int | None) -> str:
    if data_type == "character varying":
        return f"VARCHAR({length})"
    if data_type == "numeric":
        return f"DECIMAL({precision},{scale})"
    return _TYPE_NAMES.get(data_type, data_type.upper())
