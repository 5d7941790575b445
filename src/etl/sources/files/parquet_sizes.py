"""How large a Parquet file's values are in memory, told before they are there.

A dictionary's text stands in the file once, however many rows have it; so does a repeated value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from etl.sources.files.expansion import Expansion

_PIECE_BYTES = 16 * 1024 * 1024
_VALUE_BYTES = 8
_BATCH_ROWS = 4096
_SMALLEST_BATCH_ROWS = 16
_BATCH_BYTES = 64 * 1024 * 1024
_PREFIXED = "DELTA_BYTE_ARRAY"
_DICTIONARIES = {"RLE_DICTIONARY", "PLAIN_DICTIONARY"}


def check_metadata(metadata: pq.FileMetaData, expansion: Expansion) -> None:
    """Refuse a file whose pages, or whose arrays' elements, are too many for its size.

    Raises:
        SourceError: They are.
    """
    for group in _groups(metadata):
        for chunk in _chunks(group):
            expansion.check(chunk.total_uncompressed_size)
            if chunk.num_values > group.num_rows:
                expansion.check(chunk.num_values * _VALUE_BYTES)


def dictionary_columns(metadata: pq.FileMetaData) -> list[str]:
    """The columns of text that are read as what they are in the file: dictionaries."""
    chunks = [chunk for group in _groups(metadata) for chunk in _chunks(group)]
    return sorted(
        {
            chunk.path_in_schema
            for chunk in chunks
            if chunk.physical_type == "BYTE_ARRAY" and _DICTIONARIES & set(chunk.encodings)
        }
    )


def batch_rows(metadata: pq.FileMetaData) -> int:
    """How many rows are read at a time: few of long texts that differ from each other's ends only,
    as these stand in the file once and in memory whole."""
    largest = max(
        (
            chunk.total_uncompressed_size
            for group in _groups(metadata)
            for chunk in _chunks(group)
            if _PREFIXED in chunk.encodings
        ),
        default=0,
    )
    fitting = _BATCH_BYTES // largest if largest else _BATCH_ROWS
    return max(_SMALLEST_BATCH_ROWS, min(_BATCH_ROWS, fitting))


def pieces(
    batch: pa.RecordBatch, *, record_bytes: int, expansion: Expansion
) -> Iterator[pa.RecordBatch]:
    """The batch in parts that are small when they are written out.

    Raises:
        RecordTooLongError: A row by itself is larger than `record_bytes`.
        SourceError: The file's values are too many for its size.
    """
    size = sum(_plain_bytes(each) for each in batch.columns)
    if size <= _PIECE_BYTES:
        expansion.add(size)
        yield batch
    elif batch.num_rows == 1:
        if size > record_bytes:
            raise RecordTooLongError(size)
        expansion.add(size)
        yield batch
    else:
        half = batch.num_rows // 2
        for part in (batch.slice(0, half), batch.slice(half)):
            yield from pieces(part, record_bytes=record_bytes, expansion=expansion)


class RecordTooLongError(Exception):
    """A row is larger than a record may be."""

    def __init__(self, size: int) -> None:
        super().__init__(f"a row has {size:,} bytes")


def _plain_bytes(column: pa.Array) -> int:
    """The size of a column without dictionaries."""
    kind = column.type
    if types.is_dictionary(kind):
        if not (types.is_string(kind.value_type) or types.is_large_string(kind.value_type)):
            return len(column) * _VALUE_BYTES
        lengths = pc.binary_length(column.dictionary).take(column.indices)
        return int(pc.sum(lengths.cast(pa.int64())).as_py() or 0)
    if types.is_list(kind) or types.is_large_list(kind):
        return _plain_bytes(column.flatten())
    if types.is_struct(kind):
        return sum(map(_plain_bytes, column.flatten()))
    return int(column.nbytes)


def _groups(metadata: pq.FileMetaData) -> Iterator[Any]:
    return (metadata.row_group(number) for number in range(metadata.num_row_groups))


def _chunks(group: Any) -> Iterator[Any]:
    return (group.column(number) for number in range(group.num_columns))
