"""The ledger: what each loaded run date holds, written in the transaction that loaded it.

It is also the lock that loads of one table take turns by: readers of the table itself never wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from etl.model import Contract
from etl.warehouse.sql import identifier, literal
from etl.warehouse.tables import ledger_table, superseded_table


@dataclass(frozen=True, kw_only=True)
class Load:
    """One load of a run date.

    Attributes:
        extracted: All records that the source gave.
        rejected: Those of them that raw could not hold.
        loaded: Rows that the run's files hold and the warehouse took in.
        manifest_digest: Which extraction they come from.
    """

    run_date: date
    run_id: str
    extracted: int
    rejected: int = 0
    deduplicated: int
    quarantined: int
    filtered: int
    loaded: int
    manifest_digest: str
    loaded_at: datetime


def lock_sql(contract: Contract) -> str:
    """Wait until no other load of this table runs, and keep the others waiting."""
    return f"LOCK {ledger_table(contract).sql_name}"


def delete_sql(contract: Contract, load: Load) -> str:
    """Forget what the ledger says of the run date."""
    return (
        f"DELETE FROM {ledger_table(contract).sql_name} WHERE run_date = {literal(load.run_date)}"
    )


def insert_sql(contract: Contract, load: Load) -> str:
    """Write the run date's row; to be run when its rows are in the table.

    `superseded` counts the rows that do not show, because another run has a newer one of the key.
    """
    values = {
        "run_date": literal(load.run_date),
        "run_id": literal(load.run_id),
        "dataset": literal(contract.dataset),
        "load_mode": literal(contract.load_mode),
        "primary_key": literal(key_text(contract)),
        "contract_version": literal(contract.version),
        "contract_fingerprint": literal(contract.fingerprint),
        "extracted": literal(load.extracted),
        "deduplicated": literal(load.deduplicated),
        "quarantined": literal(load.quarantined),
        "filtered": literal(load.filtered),
        "rejected": literal(load.rejected),
        "loaded": literal(load.loaded),
        "superseded": f"({superseded_rows_sql(contract, load.run_date)})",
        "manifest_digest": literal(load.manifest_digest),
        "loaded_at": literal(load.loaded_at),
    }
    names = ", ".join(values)
    return (
        f"INSERT INTO {ledger_table(contract).sql_name} ({names})\n"
        f"SELECT {', '.join(values.values())}"
    )


def superseded_rows_sql(contract: Contract, run_date: date) -> str:
    """How many rows of the run date the table does not show."""
    if contract.load_mode != "merge":
        return "SELECT 0"
    return (
        f"SELECT COUNT(*) FROM {superseded_table(contract).sql_name}"
        f" WHERE {identifier(contract.partition)} = {literal(run_date)}"
    )


def last_load_sql(contract: Contract) -> str:
    """Load mode and key of the newest load."""
    ledger = ledger_table(contract).sql_name
    return f"SELECT load_mode, primary_key FROM {ledger} ORDER BY loaded_at DESC LIMIT 1"


def loaded_dates_sql(contract: Contract, first: date, last: date) -> str:
    """Run date and run id of each load within a range."""
    return (
        f"SELECT run_date, run_id FROM {ledger_table(contract).sql_name}"
        f" WHERE run_date BETWEEN {literal(first)} AND {literal(last)}"
    )


def key_text(contract: Contract) -> str:
    """The primary key as the ledger writes it."""
    return ",".join(contract.primary_key)
