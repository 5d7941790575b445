"""What Parquet footers tell without reading a row: counts, schema, nulls, latest values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl.validation.limits import Limits

# A column, and a field of the objects in it if it is an array; None for any one of its fields.
Leaf = tuple[str, str | None]

_LIMITED = (int, Decimal, date, datetime)
_LENGTH_BYTES = 4  # of a text's length, which stands before it

UNREADABLE = (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError)


@dataclass(frozen=True)
class OpenFile:
    """A Parquet file whose footer has been read.

    Attributes:
        source: Where it is read from.
        constants: The values of columns that stand in its key instead of in itself.
    """

    uri: str
    bytes: int
    source: pa.NativeFile
    parquet: pq.ParquetFile
    constants: Mapping[str, pa.Scalar] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return int(self.parquet.metadata.num_rows)

    @property
    def row_groups(self) -> Iterator[pq.RowGroupMetaData]:
        """The metadata of each row group."""
        metadata = self.parquet.metadata
        return (metadata.row_group(index) for index in range(metadata.num_row_groups))

    def with_codes(self, columns: Iterable[str]) -> pq.ParquetFile:
        """Opened to read those of the columns dictionary-encoded that are stored so."""
        coded = [each for each in columns if self._is_coded(each)]
        if not coded:
            return self.parquet
        return _open(self.source, metadata=self.parquet.metadata, read_dictionary=coded)

    def _is_coded(self, column: str) -> bool:
        chunks = list(_chunks([self], (column, None)))
        return bool(chunks) and all(
            chunk.path_in_schema == column and _holds_codes(chunk) for chunk in chunks
        )


def open_parquet(
    uri: str, file: IO[bytes], *, size: int, constants: Mapping[str, pa.Scalar] | None = None
) -> OpenFile:
    """Read the footer of an open file of `size` bytes.

    Raises:
        ArrowInvalid: It is no Parquet file, or its footer is damaged.
    """
    source = pa.PythonFile(file, mode="r")
    return OpenFile(
        uri=uri, bytes=size, source=source, parquet=_open(source), constants=constants or {}
    )


def _open(source: pa.NativeFile, **options: Any) -> pq.ParquetFile:
    # pre_buffer asks for a row group's wanted columns in few large ranges, and for nothing else.
    return pq.ParquetFile(source, pre_buffer=True, **options)


def _holds_codes(chunk: pq.ColumnChunkMetaData) -> bool:
    """Whether it holds texts as codes: its values take less room than any text's length does."""
    size = chunk.total_uncompressed_size
    return bool(chunk.physical_type == "BYTE_ARRAY" and size < chunk.num_values * _LENGTH_BYTES)


def leaf_path(file: OpenFile, leaf: Leaf) -> str:
    """The leaf's path in this file, e.g. items.list.element.sku: engines name lists differently."""
    return str(file.parquet.schema.column(_place(file, leaf)).path)


def _place(file: OpenFile, leaf: Leaf) -> int:
    """Which of a row group's columns it is."""
    column, field = leaf
    schema = file.parquet.schema
    paths: Iterator[str] = (schema.column(index).path for index in range(len(schema)))
    return next(
        index
        for index, path in enumerate(paths)
        if path.partition(".")[0] == column and field in (None, path.rpartition(".")[2])
    )


def null_count(files: Sequence[OpenFile], leaf: Leaf) -> int | None:
    """How many NULLs the leaf has by the footers; None if a footer does not say.

    For a leaf inside arrays, NULL and empty arrays count too: only 0 is a definite answer.
    """
    total = sum(file.rows for file, value in _constants(files, leaf[0]) if not value.is_valid)
    for chunk in _chunks(files, leaf):
        statistics = chunk.statistics
        if statistics is None or not statistics.has_null_count:
            return None
        total += statistics.null_count
    return total


def latest(files: Sequence[OpenFile], column: str) -> tuple[bool, datetime | None]:
    """The greatest value of a date or timestamp column by the footers.

    Returns:
        Whether every footer says, and the value; None if there is no value at all.
    """
    constants = [value for file, value in _constants(files, column) if file.rows]
    found = [as_instant(value.as_py()) for value in constants if value.is_valid]
    for chunk in _chunks(files, (column, None)):
        statistics = chunk.statistics
        if statistics is not None and statistics.has_min_max:
            found.append(as_instant(statistics.max))
        elif statistics is None or statistics.null_count != chunk.num_values:
            return False, None
    return True, max(found, default=None)


def row_group_limits(
    files: Sequence[OpenFile], columns: Collection[str]
) -> Iterator[dict[str, Limits]]:
    """Of each row group, the least and greatest values of those columns whose footer tells them.

    Footers may shorten texts, and leave NaN out: only other types' limits are told.
    """
    for file in files:
        fixed = {
            each: (value.as_py(), value.as_py())
            for each in columns
            if (value := file.constants.get(each)) is not None and value.is_valid
        }
        stored = [each for each in columns if each not in file.constants]
        places = {each: _place(file, (each, None)) for each in stored}
        for group in file.row_groups:
            yield fixed | {
                each: (statistics.min, statistics.max)
                for each, place in places.items()
                if (chunk := group.column(place)).path_in_schema == each
                and (statistics := chunk.statistics) is not None
                and statistics.has_min_max
                and type(statistics.min) in _LIMITED
            }


def as_instant(value: Any) -> datetime:
    """A date as its first moment in UTC; a timestamp in UTC."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    assert isinstance(value, date)
    return datetime.combine(value, time(), timezone.utc)


def _constants(files: Sequence[OpenFile], column: str) -> Iterator[tuple[OpenFile, pa.Scalar]]:
    return ((file, file.constants[column]) for file in files if column in file.constants)


def _chunks(files: Sequence[OpenFile], leaf: Leaf) -> Iterator[pq.ColumnChunkMetaData]:
    for file in files:
        if leaf[0] in file.constants:
            continue
        place = _place(file, leaf)
        yield from (group.column(place) for group in file.row_groups)
