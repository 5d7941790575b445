"""The account by the warehouse: what its ledger says of each run date, and what its tables hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from etl.catalog.layers import Dates
from etl.errors import WarehouseError
from etl.ledger.account import Counts, sum_difference
from etl.model import Contract
from etl.warehouse.deletes_sql import deleted_rows_sql
from etl.warehouse.executor import Executor
from etl.warehouse.key_sql import distinct_keys
from etl.warehouse.migrate import read_columns
from etl.warehouse.sql import identifier, literal
from etl.warehouse.table_hash import table_hash_sql
from etl.warehouse.tables import (
    Table,
    TableColumn,
    ledger_table,
    superseded_table,
    target_table,
    versions_sql,
)


@dataclass(frozen=True)
class _Row:
    run_id: str
    digest: str  # of a load's manifest, or of the table's content
    numbers: list[int]


# What was found, by what it counts and run date; None stands for all of them.
_Found = Mapping[str, Mapping[date | None, _Row]]
_COUNTED = ("extracted", "rejected", "filtered", "deduplicated", "quarantined", "loaded")


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What the warehouse says of a run date.

    Attributes:
        manifest_digest: Which extraction it holds; "" if no load of it is known.
    """

    run_date: date
    run_id: str
    manifest_digest: str
    counts: Counts
    differences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """What the warehouse says of a dataset; `rows` are those of its table.

    Attributes:
        table_hash: Of the table's whole content, see `table_hash_sql`; None if nobody asked.
    """

    loads: tuple[Loaded, ...]
    rows: int
    differences: tuple[str, ...]
    table_hash: str | None = None


def read_holdings(
    executor: Executor, contract: Contract, dates: Dates, *, hashed: bool = False
) -> Holdings:
    """Everything at one moment, whatever is loaded meanwhile; nothing where nothing was loaded.

    Args:
        hashed: Whether to hash the table's content, which reads all of it.

    Raises:
        WarehouseError: The table cannot be hashed, as it lacks columns of the contract.
    """
    table, ledger = target_table(contract), ledger_table(contract)
    existing = read_columns(executor, (table, ledger))
    if len(existing) < 2:
        return Holdings(loads=(), rows=0, differences=())
    if hashed:
        _check_columns(contract, existing[table.name])
    columns = {each.name for each in existing[ledger.name]}
    found: dict[str, dict[date | None, _Row]] = defaultdict(dict)
    for kind, run_date, run_id, digest, *numbers in executor.query(
        holdings_sql(contract, dates, columns, hashed=hashed)
    ):
        found[kind][run_date] = _Row(run_id, digest, [int(each) for each in numbers])
    return Holdings(
        loads=tuple(_loads(contract, found)),
        rows=_count(found, "rows"),
        differences=tuple(_keys_difference(contract, found)),
        table_hash=found["hash"][None].digest if hashed else None,
    )


def _check_columns(contract: Contract, existing: Iterable[TableColumn]) -> None:
    there = {each.name for each in existing}
    missing = [each.name for each in contract.data_columns if each.name not in there]
    if missing:
        raise WarehouseError(
            f"the content of {target_table(contract).sql_name} cannot be hashed: it has no column"
            f" {', '.join(missing)}, which the contract has",
            fix=f"run {contract.dataset} once, which adds it, or leave out --hash",
        )


def holdings_sql(
    contract: Contract, dates: Dates, columns: set[str], *, hashed: bool = False
) -> str:
    """One statement, and so one moment: ledger rows, rows of each run date, all rows, all keys.

    Args:
        columns: Those of the ledger that exist; loads of earlier releases made fewer.
        hashed: Whether to ask for the hash of the table's content, too.
    """
    table, ledger = target_table(contract), ledger_table(contract)
    partition = identifier(contract.partition)
    counts = ", ".join(
        f"COALESCE({identifier(each)}, 0)" if each in columns else "0" for each in _COUNTED
    )
    queries = [
        f"SELECT 'ledger' AS kind, run_date, run_id, manifest_digest, {counts}\n"
        f"FROM {ledger.sql_name}{_where('run_date', dates)}",
        _by_date("present", table, partition, dates),
        _one("rows", f"SELECT COUNT(*) FROM {table.sql_name}{_where(partition, dates)}"),
    ]
    if hashed:
        content = table_hash_sql(contract)
        queries.append(f"SELECT 'hash', CAST(NULL AS DATE), '', ({content}), 0, 0, 0, 0, 0, 0")
    if contract.load_mode == "merge":
        superseded = superseded_table(contract)
        queries.append(_by_date("superseded", superseded, partition, dates))
        if dates == Dates():
            names = [identifier(each) for each in contract.primary_key]
            versions = versions_sql(contract, contract.primary_key)
            rows = f" FROM ({versions}) AS versions"
            distinct = distinct_keys(contract.key_columns, names, rows)
            queries.append(_one("keys", f"SELECT COUNT(*) FROM ({distinct}) AS known"))
            if contract.detect_deletes:
                queries.append(_one("deleted", deleted_rows_sql(contract)))
    return "\nUNION ALL\n".join(queries)


def _by_date(kind: str, table: Table, partition: str, dates: Dates) -> str:
    return (
        f"SELECT '{kind}', {partition}, '', '', COUNT(*), 0, 0, 0, 0, 0\n"
        f"FROM {table.sql_name}{_where(partition, dates)}\nGROUP BY {partition}"
    )


def _one(kind: str, count: str) -> str:
    return f"SELECT '{kind}', CAST(NULL AS DATE), '', '', ({count}), 0, 0, 0, 0, 0"


def _where(column: str, dates: Dates) -> str:
    bounds = [(">=", dates.first), ("<=", dates.last)]
    where = " AND ".join(f"{column} {sign} {literal(day)}" for sign, day in bounds if day)
    return f"\nWHERE {where}" if where else ""


def _loads(contract: Contract, found: _Found) -> Iterator[Loaded]:
    days = {day for kind in ("ledger", "present", "superseded") for day in found.get(kind, ())}
    for day in sorted(each for each in days if each is not None):
        row = found["ledger"].get(day) or _Row("", "", [0] * len(_COUNTED))
        numbers = dict(zip(_COUNTED, row.numbers, strict=True))
        counts = Counts(**numbers, present=_count(found, "present", day))
        held = counts.present + _count(found, "superseded", day)
        yield Loaded(
            run_date=day,
            run_id=row.run_id,
            manifest_digest=row.digest,
            counts=counts,
            differences=(
                *sum_difference(counts),
                *_held_difference(row, counts.loaded, held),
            ),
        )


def _held_difference(row: _Row, loaded: int, held: int) -> list[str]:
    if not row.digest:
        return [f"the warehouse holds {held:,} rows that no load has left"]
    if held != loaded:
        return [f"{loaded:,} rows were loaded, the warehouse holds {held:,}"]
    return []


def _keys_difference(contract: Contract, found: _Found) -> list[str]:
    """A merged table has one row of each key that some run brought, but for those deleted."""
    if "keys" not in found:
        return []
    rows, keys = _count(found, "rows"), _count(found, "keys")
    deleted = _count(found, "deleted") if contract.detect_deletes else 0
    if rows == keys - deleted:
        return []
    gone = f", {deleted:,} of them gone from the source" if deleted else ""
    return [f"{keys:,} keys were loaded{gone}; the table has {rows:,} rows"]


def _count(found: _Found, kind: str, day: date | None = None) -> int:
    row = found.get(kind, {}).get(day)
    return row.numbers[0] if row else 0
