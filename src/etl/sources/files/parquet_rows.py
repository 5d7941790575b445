"""Read Parquet: each row a JSON object, its values written exactly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from json.encoder import encode_basestring
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from etl.errors import SourceError
from etl.model import Contract
from etl.sources.files.blocks import pack
from etl.sources.files.expansion import Expansion
from etl.sources.files.options import FileOptions
from etl.sources.files.parquet_footer import check_columns
from etl.sources.files.parquet_schema import readable_columns
from etl.sources.files.parquet_sizes import (
    RecordTooLongError,
    batch_rows,
    check_metadata,
    dictionary_columns,
    pieces,
)
from etl.sources.records import Lines

_BUFFER_BYTES = 1024 * 1024  # of each column; a row group may be larger than memory
_WHOLE_SECONDS = "%Y-%m-%dT%H:%M:%S"


def read_parquet(
    stream: IO[bytes],
    *,
    name: str,
    contract: Contract,
    options: FileOptions,
    expansion: Expansion,
) -> Iterator[Lines]:
    """The rows, a batch at a time.

    Decimals are text of their digits, dates and timestamps ISO 8601 text, the latter in UTC.

    Args:
        stream: Seekable.
        name: The file's name, for messages.
        expansion: Counts what the file's values are in memory.

    Raises:
        SourceError: The file is damaged, its schema is not the contract's, or it holds too much.
    """
    try:
        source = pa.PythonFile(stream, mode="r")
        described = pq.ParquetFile(source)
        metadata = described.metadata
        check_columns(metadata, size=source.size())
        check_metadata(metadata, expansion)
        columns = readable_columns(
            described.schema_arrow, name=name, contract=contract, options=options
        )
        with pq.ParquetFile(
            source,
            metadata=metadata,
            read_dictionary=dictionary_columns(metadata),
            buffer_size=_BUFFER_BYTES,
            pre_buffer=False,
        ) as parquet:
            batches = parquet.iter_batches(batch_rows(metadata), columns=columns, use_threads=False)
            for batch in batches:
                for piece in pieces(
                    batch.select(columns), record_bytes=options.limit_bytes, expansion=expansion
                ):
                    yield pack(_rows(piece, options.timestamp_zone))
    except RecordTooLongError as error:
        raise SourceError(
            f"{name}: {error}, more than {options.record_limit_mib} MiB",
            fix="see whether the file is right, and raise recordLimitMib if it is",
        ) from error
    except (pa.ArrowException, ValueError) as error:
        raise SourceError(
            f"{name} is not a whole Parquet file: {error}",
            fix="fetch the file again, or have it written again",
        ) from error


def _rows(batch: pa.RecordBatch, zone: str | None) -> list[str]:
    names = [encode_basestring(each).replace("%", "%%") for each in batch.schema.names]
    template = "{" + ", ".join(f"{name}: %s" for name in names) + "}"
    columns = [_texts(column, zone) for column in batch.columns]
    return [template % row for row in zip(*columns)]


def _texts(column: pa.Array, zone: str | None) -> list[str]:
    """Each value as JSON."""
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_timestamp(column.type):
        column = _as_text(column, zone)
    elif types.is_decimal(column.type) or types.is_date(column.type):
        column = column.cast(pa.string())
    write = _writer(column.type)
    return ["null" if value is None else write(value) for value in column.to_pylist()]


def _as_text(column: pa.Array, zone: str | None) -> pa.Array:
    """Timestamps as 2026-01-31T09:15:27.123456Z."""
    if column.type.tz is None:
        column = pc.assume_timezone(column, timezone=zone)
    if column.type.unit == "ns":
        try:
            column = column.cast(pa.timestamp("us", tz=column.type.tz))
        except pa.ArrowInvalid:  # nine decimals, for whoever reads them
            pass
    column = column.cast(pa.timestamp(column.type.unit, tz="UTC"))
    return pc.binary_join_element_wise(pc.strftime(column, format=_WHOLE_SECONDS), "Z", "")


def _writer(kind: pa.DataType) -> Callable[[Any], str]:
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return encode_basestring
    if types.is_integer(kind):
        return str
    if types.is_nested(kind):
        return _write_nested
    return _write_scalar


def _write_scalar(value: Any) -> str:
    """A boolean or a float; what JSON has no number for becomes text, which no number accepts."""
    if value != value or value in (float("inf"), float("-inf")):
        return json.dumps(str(value))
    return json.dumps(value)


def _write_nested(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_exact)


def _exact(value: Any) -> str:
    """What JSON has no value for, inside arrays and objects."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    raise TypeError(f"JSON has no {type(value).__name__}")
