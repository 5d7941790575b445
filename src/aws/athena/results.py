"""An Athena result with values of their columns' types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class ResultColumn:
    """A column of a result. `type` is Athena's name, e.g. "varchar"."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0


@dataclass(frozen=True, kw_only=True)
class QueryResult:
    """A finished query.

    Attributes:
        rows: Python values by the columns' types; arrays, maps and rows stay Athena's text, and
            a timestamp without a zone stays without one (this project stores UTC).
        bytes_scanned: What Athena charges for.
        engine_seconds: How long the engine worked, without queueing.
    """

    query_execution_id: str
    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    bytes_scanned: int = 0
    engine_seconds: float = 0.0

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows by column name."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def to_arrow(self) -> pa.Table:
        """The rows as an Arrow table."""
        import pyarrow as pa  # 50 MB that a caller of `rows` need not load

        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.columns)
        arrays = [
            pa.array(values, _arrow_type(column))
            for column, values in zip(self.columns, columns, strict=True)
        ]
        return pa.Table.from_arrays(arrays, names=[column.name for column in self.columns])


def parse_row(columns: tuple[ResultColumn, ...], texts: list[str | None]) -> tuple[Any, ...]:
    """A result row's texts as Python values; None is NULL."""
    return tuple(
        None if text is None else _PARSERS.get(column.type, str)(text)
        for column, text in zip(columns, texts, strict=True)
    )


def _zoned(text: str) -> datetime:
    """A timestamp as Athena writes it: 2026-01-01 12:00:00.000 Europe/Stockholm, or UTC."""
    moment, _, zone = text.rpartition(" ")
    if zone[:1] in "+-":
        return datetime.fromisoformat(moment + zone)
    known = timezone.utc if zone == "UTC" else ZoneInfo(zone)
    return datetime.fromisoformat(moment).replace(tzinfo=known)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "boolean": lambda text: text == "true",
    "tinyint": int,
    "smallint": int,
    "integer": int,
    "bigint": int,
    "real": float,
    "float": float,
    "double": float,
    "decimal": Decimal,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamp with time zone": _zoned,
}


def _arrow_type(column: ResultColumn) -> pa.DataType:
    import pyarrow as pa

    if column.type == "decimal":
        return pa.decimal128(column.precision, column.scale)
    plain = {
        "boolean": pa.bool_(),
        "tinyint": pa.int8(),
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "real": pa.float32(),
        "float": pa.float32(),
        "double": pa.float64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
        "timestamp with time zone": pa.timestamp("us", "UTC"),
    }
    return plain.get(column.type, pa.string())
