"""Whether a table is what the contract says; nothing is cast."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from etl.errors import UsageError
from etl.model import Contract
from etl.validation.arrow_schema import arrow_schema, schema_differences


def checked_table(contract: Contract, table: pa.Table, run_date: date) -> pa.Table:
    """The contract's columns of the table, which must be all of them, in its types, in any order.

    The run date's column may be there too.

    Raises:
        UsageError: The message lists every difference. Nothing is cast.
    """
    schema = arrow_schema(contract)
    rows = table
    if contract.partition in table.column_names:
        others = pc.sum(pc.not_equal(table.column(contract.partition), pa.scalar(run_date))).as_py()
        nulls = table.column(contract.partition).null_count
        if others or nulls:
            raise UsageError(
                f"{(others or 0) + nulls} rows are not of {contract.partition} {run_date}",
                fix="save each run date's rows by themselves, or leave that column out",
            )
        rows = table.drop_columns([contract.partition])
    if set(rows.column_names) == set(schema.names):
        rows = rows.select(schema.names)
    differences = schema_differences(rows.schema, schema)
    if differences:
        raise UsageError(
            f"the table is not what the contract {contract.dataset} says:\n"
            + "\n".join(f"  - {each}" for each in differences),
            fix=f'cast it yourself: table.cast(catalog.schema("{contract.dataset}"))',
        )
    _check_values(contract, rows)
    return rows.cast(schema)  # engines differ in what they call an array's element


def _check_values(contract: Contract, rows: pa.Table) -> None:
    required = [each.name for each in contract.columns if contract.requires(each)]
    missing = [name for name in required if rows.column(name).null_count]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} must not be NULL, says the contract {contract.dataset}",
            fix="fill them in, or leave those rows out",
        )
    for name in contract.partition_columns:
        column = rows.column(name)
        if pa.types.is_string(column.type) and pc.any(pc.equal(column, "")).as_py():
            raise UsageError(
                f"{name} holds empty text, which a partition's key cannot say",
                fix="make it NULL, or another text",
            )
