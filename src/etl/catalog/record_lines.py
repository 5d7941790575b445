"""A table's rows as JSON lines, to be staged as records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from etl.catalog.lines import RECORD, json_text
from etl.errors import UsageError
from etl.model import Contract
from etl.received import Number
from etl.sources.records import Lines

_LINES_ROWS = 16 * 1024


def record_lines(contract: Contract, table: pa.Table) -> Iterator[Lines]:
    """The table's rows as JSON lines: its record column as it stands, else an object for each row.

    Raises:
        UsageError: A row cannot be a line.
    """
    for batch in table.to_batches(max_chunksize=_LINES_ROWS):
        if RECORD in table.column_names:
            lines = [_line(each) for each in batch.column(RECORD).to_pylist()]
        else:
            names = [name for name in table.column_names if name != contract.partition]
            lines = [json_text(_plain(row)).encode() for row in batch.select(names).to_pylist()]
        if lines:
            yield Lines(b"".join(line + b"\n" for line in lines), len(lines))


def _line(text: str | None) -> bytes:
    if not text or "\n" in text:
        raise UsageError(
            f"{RECORD} holds {text!r}, which is not one line", fix="leave such rows out"
        )
    return text.encode()


def _plain(value: Any) -> Any:
    """A value as JSON has it: numbers with every digit, moments as text."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        return Number(f"{value:f}")
    if isinstance(value, date):
        return value.isoformat()
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{value!r} is no JSON value", fix="make it text first") from error
    return value
