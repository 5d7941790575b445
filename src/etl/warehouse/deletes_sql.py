"""The statements that take rows out of a merged table when their key is gone from the source.

The keys table holds the keys that the source had when the latest run date that looked was
extracted. A row counts if its key is among them, or if a later run date brought it; see
docs/adr/0011. Keys of an earlier run date than the latest one change nothing.
"""

from __future__ import annotations

from datetime import date

from etl.model import Contract
from etl.warehouse.key_sql import distinct_keys, key_parts, same_key
from etl.warehouse.sql import identifier, literal
from etl.warehouse.stage_sql import Stage, Step
from etl.warehouse.tables import keys_table, target_table, versions_sql


def keys_stage(contract: Contract) -> Stage:
    """The temporary table that a run's key files are copied into."""
    columns = tuple(each for each in contract.columns if each.name in contract.primary_key)
    name = f"{contract.places.table}__keys_stage"
    return Stage(name=name, columns=columns, words="keys' stage table")


def changed_keys(contract: Contract, run_date: date) -> list[str]:
    """Queries for the keys whose row may be another one once `replace_keys` has run: those that the
    table shows and the source no longer has, and those that it has again."""
    stage, keys, target = keys_stage(contract), keys_table(contract), target_table(contract)
    first = identifier(contract.primary_key[0])
    gone = ", ".join(f"g.{identifier(each)}" for each in contract.primary_key)
    found = stage.values(contract.key_columns)
    return [
        f"SELECT {gone}\nFROM {target.sql_name} AS g\n"
        f"LEFT JOIN {stage.sql_name} ON {_is_staged(contract, 'g')}\n"
        f"WHERE {stage.sql_name}.{first} IS NULL AND g.{identifier(contract.partition)}"
        f" <= {literal(run_date)} AND {_is_latest(contract, run_date)}",
        f"SELECT {found}\nFROM {stage.sql_name}\n"
        f"LEFT JOIN {keys.sql_name} AS k ON {_is_staged(contract, 'k')}\n"
        f"WHERE k.{first} IS NULL AND {_is_latest(contract, run_date)}",
    ]


def replace_keys(contract: Contract, run_date: date) -> tuple[Step, ...]:
    """Make the keys table what the stage holds, unless a later run date has looked."""
    stage, keys = keys_stage(contract), keys_table(contract)
    names = ", ".join(identifier(each) for each in contract.primary_key)
    values = [stage.value(each) for each in contract.key_columns]
    partition, day = identifier(contract.partition), literal(run_date)
    come = (
        f"\nFROM {stage.sql_name}\n"
        f"LEFT JOIN {keys.sql_name} AS k ON {_is_staged(contract, 'k')}\n"
        f"WHERE k.{identifier(contract.primary_key[0])} IS NULL"
        f" AND {_is_latest(contract, run_date)}"
    )
    return (
        # The row that stands for the run date goes too: it has no key that could be staged.
        Step(
            "forget the keys that are gone",
            f"DELETE FROM {keys.sql_name}\nWHERE {_is_latest(contract, run_date)}\n"
            f"  AND NOT EXISTS (SELECT 1 FROM {stage.sql_name}"
            f" WHERE {_is_staged(contract, identifier(keys.name))})",
        ),
        Step(
            "keep the keys that have come",
            f"INSERT INTO {keys.sql_name} ({names}, {partition})\n"
            + distinct_keys(contract.key_columns, values, come, more=day),
        ),
        Step(
            "keep the run date that looked",
            f"INSERT INTO {keys.sql_name} ({partition})\nSELECT {day}\n"
            f"FROM (SELECT MAX({partition}) AS latest FROM {keys.sql_name}) AS seen\n"
            f"WHERE COALESCE(latest, {day}) <= {day}",
        ),
    )


def only_counted(contract: Contract, rows: str) -> tuple[str, str]:
    """What a query of rows joins, and its condition, to find those that count.

    Args:
        rows: What the query calls them.
    """
    partition = identifier(contract.partition)
    return (
        f"\n  {_join_keys(contract, rows)}",
        f"(seen.latest IS NULL OR {rows}.{partition} > seen.latest"
        f" OR k.{identifier(contract.primary_key[0])} IS NOT NULL)",
    )


def deleted_rows_sql(contract: Contract) -> str:
    """How many keys have rows, but none that counts."""
    names = [f"v.{identifier(each)}" for each in contract.primary_key]
    partition = identifier(contract.partition)
    rows = versions_sql(contract, (*contract.primary_key, contract.partition))
    return (
        "SELECT COUNT(*)\n"
        f"FROM (SELECT {', '.join(names)}\n  FROM ({rows}) AS v\n"
        f"  {_join_keys(contract, 'v')}\n"
        f"  WHERE k.{identifier(contract.primary_key[0])} IS NULL\n"
        f"  GROUP BY {key_parts(contract.key_columns, names)}\n"
        f"  HAVING MAX(v.{partition}) <= MAX(seen.latest)) AS gone"
    )


def _join_keys(contract: Contract, rows: str) -> str:
    keys = keys_table(contract).sql_name
    same = same_key(contract.key_columns, rows, "k")
    latest = f"SELECT MAX({identifier(contract.partition)}) AS latest FROM {keys}"
    return f"LEFT JOIN {keys} AS k ON {same}\n  CROSS JOIN ({latest}) AS seen"


def _is_latest(contract: Contract, run_date: date) -> str:
    latest = f"SELECT COALESCE(MAX({identifier(contract.partition)}), {literal(run_date)})"
    return f"({latest} FROM {keys_table(contract).sql_name}) <= {literal(run_date)}"


def _is_staged(contract: Contract, table: str) -> str:
    return keys_stage(contract).same_key(contract.key_columns, table)
