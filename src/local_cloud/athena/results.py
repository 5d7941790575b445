"""Values as Athena writes them, and the files it leaves in the output location."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = list[str | None]


@dataclass(frozen=True)
class Result:
    """What a statement gives back.

    Attributes:
        rows: Values as text; None is NULL.
        is_query: Whether it has a header row and a CSV file, or is the text of DDL.
        update_count: Rows written, for statements that write.
        manifest: URIs of the files written, for statements that write.
    """

    columns: list[dict[str, Any]] = field(default_factory=list)
    rows: Iterable[Row] = ()
    is_query: bool = False
    update_count: int | None = None
    manifest: list[str] | None = None


def as_text(value: Any) -> str | None:
    """A value as GetQueryResults and the CSV file show it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, datetime):
        text = value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"
        return f"{text} UTC" if value.tzinfo else text
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (bytes, bytearray)):
        return value.hex(" ")
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_nested(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = (f"{_nested(key)}={_nested(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    return str(value)


def _nested(value: Any) -> str:
    text = as_text(value)
    return "null" if text is None else text


def _double(value: float) -> str:
    """As Java's Double.toString, which Athena uses."""
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return format(Decimal(repr(value)), "f") if "e" in repr(value) else repr(value)
    digits, _, exponent = f"{Decimal(repr(value)):E}".partition("E")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"{digits if '.' in digits else digits + '.0'}E{int(exponent)}"


def csv_line(row: Row) -> str:
    """Every value in quotes; NULL is nothing at all."""
    quoted = ("" if text is None else '"' + text.replace('"', '""') + '"' for text in row)
    return ",".join(quoted) + "\n"


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Keep rows for GetQueryResults, one JSON list a line."""
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def read_rows(path: Path, *, offset: int, limit: int) -> tuple[list[Row], int | None]:
    """Rows from a byte offset, and the offset after them or None at the end."""
    rows: list[Row] = []
    with path.open("rb") as file:
        file.seek(offset)
        while len(rows) < limit and (line := file.readline()):
            rows.append(json.loads(line))
        position = file.tell()
        return rows, position if file.read(1) else None


def each_row(path: Path) -> Iterator[Row]:
    """All kept rows."""
    with path.open() as file:
        for line in file:
            yield json.loads(line)
