"""The statements that load one run, the same for both loaders.

They are one transaction. In replace mode it makes the run date's rows those of the run's files. In
merge mode it does so in the versions table, and then makes the table's row of every key that the
run had or has the latest of its versions: greatest `latest_by` (NULL lowest), then latest run date.
So either table is always a function of what each run date holds: loading a date again, with rows
gone or aged, or loading dates in another order, ends where one clean load of each date would.

A contract that detects deletes has versions that do not count, see `etl.warehouse.deletes_sql`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from etl.model import Contract
from etl.warehouse import deletes_sql, ledger
from etl.warehouse.sql import identifier, literal
from etl.warehouse.stage_sql import Stage, Step
from etl.warehouse.tables import LOADED_AT, target_table, versions_table


@dataclass(frozen=True, kw_only=True)
class Copied:
    """Files that a load copies.

    Attributes:
        manifest_uri: Where the COPY manifest lies; None if there are no files.
        rows: How many rows they hold.
    """

    manifest_uri: str | None
    rows: int


def load_steps(
    contract: Contract,
    load: ledger.Load,
    *,
    manifest_uri: str | None,
    copy_role_arn: str,
    keys: Copied | None = None,
) -> tuple[Step, ...]:
    """The load's transaction.

    Args:
        manifest_uri: Where the COPY manifest lies; None if the run has no files.
        keys: All primary keys of the source; None if the run did not look at them.
    """
    stage = _stage(contract)
    stages = [stage]
    fill = list(stage.fill(manifest_uri, rows=load.loaded, copy_role_arn=copy_role_arn))
    if keys is not None:
        stages.append(deletes_sql.keys_stage(contract))
        fill += stages[-1].fill(keys.manifest_uri, rows=keys.rows, copy_role_arn=copy_role_arn)
    merges = contract.load_mode == "merge"
    return (
        # First: a snapshot taken before the lock was granted would not see the load waited for.
        Step("lock the table against other loads", ledger.lock_sql(contract)),
        *fill,
        *(_merge_steps(contract, load, keys) if merges else _replace_steps(contract, load)),
        Step("forget the ledger's row", ledger.delete_sql(contract, load)),
        Step("write the ledger's row", ledger.insert_sql(contract, load)),
        *(each.drop() for each in stages),
    )


def row_counts_sql(contract: Contract, run_date: date) -> str:
    """How many rows the table has, and how many of the run date it shows, at one moment."""
    count = f"SELECT COUNT(*) FROM {target_table(contract).sql_name}"
    is_run_date = f"{identifier(contract.partition)} = {literal(run_date)}"
    return f"SELECT ({count}) AS table_rows, ({count} WHERE {is_run_date}) AS shown_rows"


def _replace_steps(contract: Contract, load: ledger.Load) -> tuple[Step, ...]:
    table = target_table(contract).sql_name
    return (
        Step("delete what the run date held", _delete_partition(contract, table, load)),
        Step("insert the run date's rows", _insert_stage(contract, table, load)),
    )


def _merge_steps(contract: Contract, load: ledger.Load, keys: Copied | None) -> tuple[Step, ...]:
    versions, target = versions_table(contract), target_table(contract)
    others = identifier(f"{target.name}__others")
    same_key = deletes_sql.same_key(contract.primary_key, identifier(target.name), others)
    return (
        # Most keys have one version, and only the others' need sorting.
        Step(
            "list the keys that other run dates have too",
            _list_others(contract, load, others, keys),
        ),
        Step(
            "delete the run date's versions",
            _delete_partition(contract, versions.sql_name, load),
        ),
        Step("insert the run date's versions", _insert_stage(contract, versions.sql_name, load)),
        *(deletes_sql.replace_keys(contract, load.run_date) if keys is not None else ()),
        Step("delete the rows of the run date", _delete_partition(contract, target.sql_name, load)),
        Step(
            "delete the rows of those keys",
            f"DELETE FROM {target.sql_name} USING {others} WHERE {same_key}",
        ),
        Step("insert the rows of the keys that none has", _insert_only(contract, load, others)),
        Step("insert the latest version of the others", _insert_latest(contract, others)),
        Step("drop the list of keys", f"DROP TABLE {others}"),
    )


def _list_others(contract: Contract, load: ledger.Load, others: str, keys: Copied | None) -> str:
    """The keys whose row may be another one after this load, and that other run dates have."""
    key, names = contract.primary_key, _names(contract.primary_key)
    queries = [
        f"SELECT {names} FROM {target_table(contract).sql_name}"
        f" WHERE {_is_run_date(contract, load)}",
        f"SELECT {names} FROM {_stage(contract).sql_name}",
    ]
    if keys is not None:
        queries += deletes_sql.changed_keys(contract, load.run_date)
    touched = "\nUNION ALL\n".join(queries)
    return (
        f"CREATE TEMP TABLE {others} AS\n"
        f"SELECT DISTINCT {', '.join(f'v.{identifier(each)}' for each in key)}\n"
        f"FROM {versions_table(contract).sql_name} AS v\n"
        f"JOIN ({touched}) AS t ON {deletes_sql.same_key(key, 'v', 't')}\n"
        f"WHERE NOT v.{_is_run_date(contract, load)}"
    )


def _insert_only(contract: Contract, load: ledger.Load, others: str) -> str:
    """The run date's versions of keys that are not among the others."""
    joins, counted = _counted(contract)
    names = (*(each.name for each in contract.columns), contract.partition, LOADED_AT)
    is_alone = f"o.{identifier(contract.primary_key[0])} IS NULL"
    same_key = deletes_sql.same_key(contract.primary_key, "v", "o")
    return (
        f"INSERT INTO {target_table(contract).sql_name} ({_names(names)})\n"
        f"SELECT {', '.join(f'v.{identifier(each)}' for each in names)}\n"
        f"FROM {versions_table(contract).sql_name} AS v\n"
        f"  LEFT JOIN {others} AS o ON {same_key}{joins}\n"
        f"WHERE {' AND '.join([f'v.{_is_run_date(contract, load)}', is_alone, *counted])}"
    )


def _insert_latest(contract: Contract, others: str) -> str:
    columns = f"{_column_names(contract)}, {_names((contract.partition, LOADED_AT))}"
    latest = f"v.{identifier(contract.partition)} DESC"
    if contract.latest_by:
        latest = f"v.{identifier(contract.latest_by)} DESC NULLS LAST, {latest}"
    joins, counted = _counted(contract)
    where = f"\n  WHERE {' AND '.join(counted)}" if counted else ""
    return (
        f"INSERT INTO {target_table(contract).sql_name} ({columns})\n"
        f"SELECT {columns}\nFROM (SELECT v.*, ROW_NUMBER() OVER (\n"
        f"    PARTITION BY {', '.join(f'v.{identifier(key)}' for key in contract.primary_key)}\n"
        f"    ORDER BY {latest}) AS etl_rank\n"
        f"  FROM {versions_table(contract).sql_name} AS v\n"
        f"  JOIN {others} AS o ON {deletes_sql.same_key(contract.primary_key, 'v', 'o')}{joins}"
        f"{where}) AS ranked\n"
        "WHERE etl_rank = 1"
    )


def _counted(contract: Contract) -> tuple[str, list[str]]:
    """What finds the versions that count: joins and conditions."""
    if not contract.detect_deletes:
        return "", []
    joins, condition = deletes_sql.only_counted(contract, "v")
    return joins, [condition]


def _insert_stage(contract: Contract, table: str, load: ledger.Load) -> str:
    stage = _stage(contract)
    values = ", ".join(stage.value(column) for column in contract.columns)
    return (
        f"INSERT INTO {table} ({_column_names(contract)},"
        f" {_names((contract.partition, LOADED_AT))})\n"
        f"SELECT {values}, {literal(load.run_date)}, {literal(load.loaded_at)}\n"
        f"FROM {stage.sql_name}"
    )


def _delete_partition(contract: Contract, table: str, load: ledger.Load) -> str:
    return f"DELETE FROM {table} WHERE {_is_run_date(contract, load)}"


def _is_run_date(contract: Contract, load: ledger.Load) -> str:
    return f"{identifier(contract.partition)} = {literal(load.run_date)}"


def _stage(contract: Contract) -> Stage:
    return Stage(name=f"{contract.places.table}__stage", columns=contract.columns)


def _column_names(contract: Contract) -> str:
    return _names(tuple(column.name for column in contract.columns))


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(identifier(name) for name in columns)
