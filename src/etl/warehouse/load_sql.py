"""The statements that load one run, the same for both loaders.

They are one transaction. In replace mode it makes the run date's rows those of the run's files. In
merge mode it does so in the versions table, and then makes the table's row of every key that the
run had or has the latest of its versions: greatest `latest_by` (NULL lowest), then latest run date.
So either table is always a function of what each run date holds: loading a date again, with rows
gone or aged, or loading dates in another order, ends where one clean load of each date would.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from etl.model import Column, Contract
from etl.warehouse import ledger
from etl.warehouse.ddl import column_definition
from etl.warehouse.sql import identifier, literal
from etl.warehouse.tables import (
    LOADED_AT,
    TableColumn,
    redshift_type,
    target_table,
    versions_table,
)


@dataclass(frozen=True)
class Step:
    """A statement and what it is for, in words that follow "could not"."""

    name: str
    sql: str


def load_steps(
    contract: Contract, load: ledger.Load, *, manifest_uri: str | None, copy_role_arn: str
) -> tuple[Step, ...]:
    """The load's transaction.

    Args:
        manifest_uri: Where the COPY manifest lies; None if the run has no files.
    """
    fill = _merge_steps if contract.load_mode == "merge" else _replace_steps
    return (
        # First: a snapshot taken before the lock was granted would not see the load waited for.
        Step("lock the table against other loads", ledger.lock_sql(contract)),
        Step("create the stage table", _create_stage(contract)),
        *(_copy_steps(contract, load, manifest_uri, copy_role_arn) if manifest_uri else ()),
        *fill(contract, load),
        Step("forget the ledger's row", ledger.delete_sql(contract, load)),
        Step("write the ledger's row", ledger.insert_sql(contract, load)),
        Step("drop the stage table", f"DROP TABLE {_stage(contract)}"),
    )


def run_date_rows_sql(contract: Contract, run_date: date) -> str:
    """How many rows of the run date the table shows."""
    return (
        f"SELECT COUNT(*) FROM {target_table(contract).sql_name}"
        f" WHERE {identifier(contract.partition)} = {literal(run_date)}"
    )


def _copy_steps(
    contract: Contract, load: ledger.Load, manifest_uri: str, copy_role_arn: str
) -> tuple[Step, ...]:
    arrays = any(column.type.kind == "array" for column in contract.columns)
    copy = (
        f"COPY {_stage(contract)} ({_column_names(contract)})\n"
        f"FROM {literal(manifest_uri)}\n"
        f"IAM_ROLE {literal(copy_role_arn)}\n"
        "FORMAT AS PARQUET\nMANIFEST" + ("\nSERIALIZETOJSON" if arrays else "")
    )
    # A text that is no number fails the cast, and with it the transaction, and says why.
    guard = (
        f"SELECT CAST(CASE WHEN COUNT(*) = {load.loaded} THEN '0'\n"
        f"  ELSE 'the stage holds ' || CAST(COUNT(*) AS VARCHAR) || ' rows, not {load.loaded}'"
        f" END AS INTEGER)\nFROM {_stage(contract)}"
    )
    return (
        Step("copy the files into the stage table", copy),
        Step("find as many rows in the stage table as the files should hold", guard),
    )


def _replace_steps(contract: Contract, load: ledger.Load) -> tuple[Step, ...]:
    table = target_table(contract).sql_name
    return (
        Step("delete what the run date held", _delete_partition(contract, table, load)),
        Step("insert the run date's rows", _insert_stage(contract, table, load)),
    )


def _merge_steps(contract: Contract, load: ledger.Load) -> tuple[Step, ...]:
    versions, target = versions_table(contract), target_table(contract)
    touched = identifier(f"{target.name}__touched")
    keys = _names(contract.primary_key)
    touch = (
        f"CREATE TEMP TABLE {touched} AS\n"
        f"SELECT {keys} FROM {versions.sql_name} WHERE {_is_run_date(contract, load)}\n"
        f"UNION\nSELECT {keys} FROM {_stage(contract)}"
    )
    same_key = " AND ".join(
        f"{identifier(target.name, key)} = {touched}.{identifier(key)}"
        for key in contract.primary_key
    )
    return (
        Step("list the keys that the run had or has", touch),
        Step(
            "delete the run date's versions",
            _delete_partition(contract, versions.sql_name, load),
        ),
        Step("insert the run date's versions", _insert_stage(contract, versions.sql_name, load)),
        Step(
            "delete the rows of those keys",
            f"DELETE FROM {target.sql_name} USING {touched} WHERE {same_key}",
        ),
        Step("insert the latest version of those keys", _insert_latest(contract, touched)),
        Step("drop the list of keys", f"DROP TABLE {touched}"),
    )


def _insert_latest(contract: Contract, touched: str) -> str:
    columns = f"{_column_names(contract)}, {_names((contract.partition, LOADED_AT))}"
    keys = contract.primary_key
    join = " AND ".join(f"v.{identifier(key)} = t.{identifier(key)}" for key in keys)
    latest = f"v.{identifier(contract.partition)} DESC"
    if contract.latest_by:
        latest = f"v.{identifier(contract.latest_by)} DESC NULLS LAST, {latest}"
    return (
        f"INSERT INTO {target_table(contract).sql_name} ({columns})\n"
        f"SELECT {columns}\nFROM (SELECT v.*, ROW_NUMBER() OVER (\n"
        f"    PARTITION BY {', '.join(f'v.{identifier(key)}' for key in keys)}\n"
        f"    ORDER BY {latest}) AS etl_rank\n"
        f"  FROM {versions_table(contract).sql_name} AS v\n"
        f"  JOIN {touched} AS t ON {join}) AS ranked\n"
        "WHERE etl_rank = 1"
    )


def _create_stage(contract: Contract) -> str:
    columns = ",\n  ".join(
        column_definition(TableColumn(name=column.name, type=_stage_type(column)))
        for column in contract.columns
    )
    return f"CREATE TEMP TABLE {_stage(contract)} (\n  {columns}\n)"


def _stage_type(column: Column) -> str:
    # COPY reads Parquet as Spectrum does, whose timestamps have no zone: these are UTC's.
    return "TIMESTAMP" if column.type.kind == "timestamp" else redshift_type(column.type)


def _insert_stage(contract: Contract, table: str, load: ledger.Load) -> str:
    values = ", ".join(
        identifier(column.name) + (" AT TIME ZONE 'UTC'" if column.type.kind == "timestamp" else "")
        for column in contract.columns
    )
    return (
        f"INSERT INTO {table} ({_column_names(contract)},"
        f" {_names((contract.partition, LOADED_AT))})\n"
        f"SELECT {values}, {literal(load.run_date)}, {literal(load.loaded_at)}\n"
        f"FROM {_stage(contract)}"
    )


def _delete_partition(contract: Contract, table: str, load: ledger.Load) -> str:
    return f"DELETE FROM {table} WHERE {_is_run_date(contract, load)}"


def _is_run_date(contract: Contract, load: ledger.Load) -> str:
    return f"{identifier(contract.partition)} = {literal(load.run_date)}"


def _stage(contract: Contract) -> str:
    return identifier(f"{contract.places.table}__stage")


def _column_names(contract: Contract) -> str:
    return _names(tuple(column.name for column in contract.columns))


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(identifier(name) for name in columns)
