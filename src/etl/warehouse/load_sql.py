"""The statements that load one run, the same for both loaders.

They are one transaction. In replace mode it makes the run date's rows those of the run's files. In
merge mode the table shows of every key the latest of the rows that all run dates hold: greatest
`latest_by` (NULL lowest), then latest run date; the others lie in the table of superseded rows. So
both are always a function of what each run date holds: loading a date again, with rows gone or
aged, or loading dates in another order, ends where one clean load of each date would.

A contract that detects deletes has rows that do not count, see `etl.warehouse.deletes_sql`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from etl.model import Contract
from etl.warehouse import deletes_sql, ledger
from etl.warehouse.key_sql import distinct_keys, key_parts, same_key
from etl.warehouse.sql import identifier, literal
from etl.warehouse.stage_sql import Stage, Step
from etl.warehouse.tables import LOADED_AT, Table, superseded_table, target_table, versions_sql


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
    """How many rows the table has, and how many of the run date it does not show, at one moment."""
    count = f"SELECT COUNT(*) FROM {target_table(contract).sql_name}"
    superseded = ledger.superseded_rows_sql(contract, run_date)
    return f"SELECT ({count}) AS table_rows, ({superseded}) AS superseded_rows"


def _replace_steps(contract: Contract, load: ledger.Load) -> tuple[Step, ...]:
    table = target_table(contract)
    return (
        Step("delete what the run date held", _delete_partition(contract, table, load)),
        Step(
            "insert the run date's rows",
            _insert(contract, table, f"FROM ({_staged(contract, load)}) AS v"),
        ),
    )


def _merge_steps(contract: Contract, load: ledger.Load, keys: Copied | None) -> tuple[Step, ...]:
    superseded, target = superseded_table(contract), target_table(contract)
    others = identifier(f"{target.name}__others")
    shows_other = same_key(contract.key_columns, identifier(target.name), others)
    joins, counts = _counted(contract)
    is_other = f"o.{identifier(contract.primary_key[0])} IS NOT NULL"
    staged = f"FROM ({_staged(contract, load)}) AS v"
    return (
        # Most keys are of one run date, and only the others' rows need sorting.
        Step(
            "list the keys that other run dates have too",
            _list_others(contract, load, others, keys),
        ),
        *(deletes_sql.replace_keys(contract, load.run_date) if keys is not None else ()),
        Step(
            "delete the run date's superseded rows",
            _delete_partition(contract, superseded, load),
        ),
        Step(
            "set apart what the table shows of those keys",
            _insert(
                contract,
                superseded,
                f"FROM {target.sql_name} AS v\n"
                f"JOIN {others} AS o ON {_same_key(contract)}\n"
                f"WHERE NOT v.{_is_run_date(contract, load)}",
            ),
        ),
        Step(
            "set apart the run date's rows of those keys",
            _insert(
                contract,
                superseded,
                f"{staged}\n"
                f"  LEFT JOIN {others} AS o ON {_same_key(contract)}{joins}\n"
                f"WHERE {is_other} OR NOT {counts}",
            ),
        ),
        Step("take them out of the stage", _delete_staged(contract, others)),
        Step("delete the rows of the run date", _delete_partition(contract, target, load)),
        Step(
            "delete the rows of those keys",
            f"DELETE FROM {target.sql_name} USING {others} WHERE {shows_other}",
        ),
        Step(
            "insert the rows of the keys that no other has",
            _insert(contract, target, f"{staged}{joins}\nWHERE {counts}"),
        ),
        Step("insert the latest row of the others", _insert_latest(contract, others)),
        Step("delete them from the superseded rows", _delete_shown(contract, others)),
        Step("drop the list of keys", f"DROP TABLE {others}"),
    )


def _list_others(contract: Contract, load: ledger.Load, others: str, keys: Copied | None) -> str:
    """The keys whose row may be another one after this load, and that other run dates have."""
    key, stage = contract.primary_key, _stage(contract)
    queries = [
        f"SELECT {_names(key)} FROM {target_table(contract).sql_name}"
        f" WHERE {_is_run_date(contract, load)}",
        f"SELECT {stage.values(contract.key_columns)} FROM {stage.sql_name}",
    ]
    if keys is not None:
        queries += deletes_sql.changed_keys(contract, load.run_date)
    touched = "\nUNION ALL\n".join(queries)
    versions = versions_sql(contract, key, where=f"NOT {_is_run_date(contract, load)}")
    same = same_key(contract.key_columns, "v", "t")
    rows = f"\nFROM ({versions}) AS v\nJOIN ({touched}) AS t ON {same}"
    different = distinct_keys(contract.key_columns, _key_names(contract), rows)
    return f"CREATE TEMP TABLE {others} AS\n{different}"


def _delete_staged(contract: Contract, others: str) -> str:
    stage = _stage(contract)
    is_other = stage.same_key(contract.key_columns, others)
    return f"DELETE FROM {stage.sql_name} USING {others} WHERE {is_other}"


def _insert_latest(contract: Contract, others: str) -> str:
    latest = f"v.{identifier(contract.partition)} DESC"
    if contract.latest_by:
        latest = f"v.{identifier(contract.latest_by)} DESC NULLS LAST, {latest}"
    joins, counts = _counted(contract)
    return _insert(
        contract,
        target_table(contract),
        "FROM (SELECT v.*, ROW_NUMBER() OVER (\n"
        f"    PARTITION BY {key_parts(contract.key_columns, _key_names(contract))}\n"
        f"    ORDER BY {latest}) AS etl_rank\n"
        f"  FROM {superseded_table(contract).sql_name} AS v\n"
        f"  JOIN {others} AS o ON {_same_key(contract)}{joins}\n"
        f"  WHERE {counts}) AS v\n"
        "WHERE v.etl_rank = 1",
    )


def _delete_shown(contract: Contract, others: str) -> str:
    """Of the others' rows, those that the table shows are not superseded."""
    superseded, target = superseded_table(contract), target_table(contract)
    name, shown = identifier(superseded.name), identifier(target.name)
    key, partition = contract.key_columns, identifier(contract.partition)
    return (
        f"DELETE FROM {superseded.sql_name} USING {others}, {target.sql_name}\n"
        f"WHERE {same_key(key, name, others)} AND {same_key(key, name, shown)}"
        f" AND {name}.{partition} = {shown}.{partition}"
    )


def _same_key(contract: Contract) -> str:
    return same_key(contract.key_columns, "v", "o")


def _key_names(contract: Contract) -> list[str]:
    return [f"v.{identifier(each)}" for each in contract.primary_key]


def _counted(contract: Contract) -> tuple[str, str]:
    """What finds the rows that count: joins and a condition."""
    if not contract.detect_deletes:
        return "", "true"
    return deletes_sql.only_counted(contract, "v")


def _insert(contract: Contract, table: Table, rows: str) -> str:
    """SQL that puts rows into a table; `rows` is where a query finds them as `v`."""
    names = _row_names(contract)
    return (
        f"INSERT INTO {table.sql_name} ({_names(names)})\n"
        f"SELECT {', '.join(f'v.{identifier(each)}' for each in names)}\n{rows}"
    )


def _staged(contract: Contract, load: ledger.Load) -> str:
    """A query of the run's rows as the table has them."""
    stage = _stage(contract)
    values = [f"{stage.value(column)} AS {identifier(column.name)}" for column in contract.columns]
    values.append(f"{literal(load.run_date)} AS {identifier(contract.partition)}")
    values.append(f"{literal(load.loaded_at)} AS {identifier(LOADED_AT)}")
    return f"SELECT {', '.join(values)}\nFROM {stage.sql_name}"


def _delete_partition(contract: Contract, table: Table, load: ledger.Load) -> str:
    return f"DELETE FROM {table.sql_name} WHERE {_is_run_date(contract, load)}"


def _is_run_date(contract: Contract, load: ledger.Load) -> str:
    return f"{identifier(contract.partition)} = {literal(load.run_date)}"


def _stage(contract: Contract) -> Stage:
    return Stage(name=f"{contract.places.table}__stage", columns=contract.columns)


def _row_names(contract: Contract) -> tuple[str, ...]:
    return (*(column.name for column in contract.columns), contract.partition, LOADED_AT)


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(identifier(name) for name in columns)
