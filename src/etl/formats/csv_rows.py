"""CSV: a header row, fields quoted as in RFC 4180, lines that end in a newline.

NULL is an empty field, an empty text is "": Redshift's and PostgreSQL's COPY tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from etl.formats.rows import Row, RowLayout, row_reader
from etl.formats.text import as_text
from etl.model import Contract

_QUOTED = re.compile(r'[",\r\n]|\A\Z')


def csv_layout(contract: Contract, run_date: date) -> RowLayout:
    """The received columns as CSV."""
    names = [column.name for column in contract.received_columns]
    return RowLayout(
        suffix=".csv",
        content_type="text/csv; charset=utf-8; header=present",
        read=row_reader(contract, run_date),
        write=_row_writer(names),
        header=_line(names),
    )


def _row_writer(names: list[str]) -> Callable[[Row], bytes]:
    return lambda row: _line([row[name] for name in names])


def _line(values: list[Any]) -> bytes:
    return (",".join(map(_field, values)) + "\n").encode()


def _field(value: Any) -> str:
    if value is None:
        return ""
    text = as_text(value)
    if _QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text
