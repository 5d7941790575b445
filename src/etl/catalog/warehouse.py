"""The warehouse's rows as Arrow, in the contract's types, whichever way SQL reaches it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa
from botocore.exceptions import BotoCoreError, ClientError

from aws.redshift.errors import RedshiftError
from etl.catalog.layers import Dates
from etl.catalog.parquet import catalog_schema
from etl.errors import WarehouseError
from etl.model import Contract, Type
from etl.warehouse.executor import Executor
from etl.warehouse.key_sql import key_parts
from etl.warehouse.migrate import read_columns
from etl.warehouse.sql import identifier, literal
from etl.warehouse.tables import ledger_table, target_table

_BATCH_ROWS = 64 * 1024


def warehouse_batches(
    executor: Executor, contract: Contract, dates: Dates, columns: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    """The table's rows; one run date's are held at a time.

    Args:
        columns: Those to read; None for all.

    Raises:
        WarehouseError: The table does not exist, or the warehouse refuses.
    """
    schema = catalog_schema(contract)
    names = list(columns or schema.names)
    schema = pa.schema([schema.field(name) for name in names])
    read = [_reader(contract, name) for name in names]
    with _explained(contract):
        run_dates = executor.query(_run_dates_sql(contract, dates))
    for (run_date,) in run_dates:
        with _explained(contract):
            rows = executor.query(_rows_sql(contract, names, run_date))
        for start in range(0, len(rows), _BATCH_ROWS):
            values = zip(*rows[start : start + _BATCH_ROWS], strict=True)
            arrays = [
                pa.array([each if each is None else convert(each) for each in column], field.type)
                for column, convert, field in zip(values, read, schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


@dataclass(frozen=True)
class WarehouseFigures:
    """What the warehouse holds of a dataset."""

    rows: int
    run_dates: int
    latest: date | None


def warehouse_figures(executor: Executor, contract: Contract) -> WarehouseFigures:
    """Rows by the table's own count, run dates by the ledger; nothing where nothing was loaded.

    Raises:
        WarehouseError: The warehouse refuses.
    """
    table, ledger = target_table(contract), ledger_table(contract)
    with _explained(contract):
        if len(read_columns(executor, (table, ledger))) < 2:
            return WarehouseFigures(rows=0, run_dates=0, latest=None)
        [(rows, run_dates, latest)] = executor.query(
            f"SELECT (SELECT COUNT(*) FROM {table.sql_name}),"
            f" COUNT(*), MAX(run_date) FROM {ledger.sql_name}"
        )
    return WarehouseFigures(rows=rows, run_dates=run_dates, latest=latest)


@contextmanager
def _explained(contract: Contract) -> Iterator[None]:
    try:
        yield
    except (RedshiftError, ClientError, BotoCoreError) as error:
        place = target_table(contract).sql_name
        raise WarehouseError(
            f"cannot read {place} from the warehouse: {error}",
            fix=f"run {contract.dataset} first, and check warehouse in config/<environment>.yml",
        ) from error


def _run_dates_sql(contract: Contract, dates: Dates) -> str:
    run_date = identifier(contract.partition)
    bounds = [(">=", dates.first), ("<=", dates.last)]
    where = " AND ".join(f"{run_date} {sign} {literal(day)}" for sign, day in bounds if day)
    table = target_table(contract).sql_name
    condition = f" WHERE {where}" if where else ""
    return f"SELECT DISTINCT {run_date} FROM {table}{condition} ORDER BY {run_date}"


def _rows_sql(contract: Contract, names: Sequence[str], run_date: date) -> str:
    # Rows whose keys differ in trailing blanks alone would come in any order.
    order = key_parts(contract.key_columns, map(identifier, contract.primary_key))
    return (
        f"SELECT {', '.join(identifier(name) for name in names)}"
        f" FROM {target_table(contract).sql_name}"
        f" WHERE {identifier(contract.partition)} = {literal(run_date)}"
        + (f" ORDER BY {order}" if order else "")
    )


def _reader(contract: Contract, name: str) -> Callable[[Any], Any]:
    """What makes a driver's value the column's."""
    if name == contract.partition:
        return _as_it_is
    kind = contract.column(name).type
    return partial(_from_super, kind) if kind.kind == "array" else _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _from_super(kind: Type, text: str) -> Any:
    return _typed(kind, json.loads(text, parse_float=Decimal))


def _typed(kind: Type, value: Any) -> Any:
    """A value of SUPER, which is JSON, as the contract's type."""
    if value is None:
        return None
    match kind.kind:
        case "array":
            assert kind.element is not None, "the contract's loader gives arrays an element"
            return [_typed(kind.element, each) for each in value]
        case "object":
            return {each.name: _typed(each.type, value.get(each.name)) for each in kind.fields}
        case "decimal":
            return Decimal(value)
        case "double":
            return float(value)
        case "date":
            return date.fromisoformat(value)
        case "timestamp":
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return value
