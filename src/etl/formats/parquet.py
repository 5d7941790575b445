"""Parquet, typed by the contract, compressed inside by Snappy."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl.formats.encoder import DeadLetter, Encoded
from etl.formats.rows import Row, row_reader, split_records
from etl.model import Contract
from etl.received import Unfit
from etl.validation.arrow_schema import arrow_type

# A row group is written when it has so many rows, or was so long as JSON: that bounds the memory.
_GROUP_ROWS = 128 * 1024
_GROUP_BYTES = 32 * 1024 * 1024
# Python's rows are many times larger than Arrow's, so they become Arrow before they are many.
_BATCH_ROWS = 4 * 1024
_BATCH_BYTES = 1024 * 1024


def received_schema(contract: Contract) -> pa.Schema:
    """The schema of raw Parquet: the columns that a record brings."""
    return pa.schema([(each.name, arrow_type(each.type)) for each in contract.received_columns])


class ParquetEncoder:
    """Writes row groups whose limits depend on the records alone, not on how they are blocked."""

    suffix = ".parquet"
    content_type = "application/vnd.apache.parquet"

    def __init__(self, contract: Contract, run_date: date) -> None:
        self._read = row_reader(contract, run_date)
        self._schema = received_schema(contract)
        self._sink = _Sink()
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._sink, "w"), self._schema, compression="snappy"
        )
        self._rows: list[Row] = []
        self._rows_bytes = 0
        self._batches: list[pa.RecordBatch] = []
        self._group_rows = self._group_bytes = 0

    def encode(self, block: bytes, rows: int | None = None) -> Encoded:
        """Take records; bytes come with each row group that is full."""
        taken = 0
        dead = []
        for record in split_records(block):
            try:
                self._add(self._read(record), len(record))
                taken += 1
            except Unfit as error:
                dead.append(DeadLetter(record, str(error)))
        return Encoded(self._sink.drain(), taken, tuple(dead))

    def finish(self) -> bytes:
        """The last row group and the footer."""
        self._end_batch()
        self._end_group()
        self._writer.close()
        return self._sink.drain()

    def _add(self, row: Row, size: int) -> None:
        self._rows.append(row)
        self._rows_bytes += size
        self._group_rows += 1
        self._group_bytes += size
        is_full = self._group_rows >= _GROUP_ROWS or self._group_bytes >= _GROUP_BYTES
        if is_full or len(self._rows) >= _BATCH_ROWS or self._rows_bytes >= _BATCH_BYTES:
            self._end_batch()
        if is_full:
            self._end_group()

    def _end_batch(self) -> None:
        arrays = [
            pa.array([row[field.name] for row in self._rows], field.type) for field in self._schema
        ]
        self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._rows.clear()
        self._rows_bytes = 0

    def _end_group(self) -> None:
        if self._group_rows:
            self._writer.write_table(pa.Table.from_batches(self._batches))
        self._batches.clear()
        self._group_rows = self._group_bytes = 0


class _Sink:
    """A file that hands out what was written to it."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(self._written[-1])

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def drain(self) -> bytes:
        data = b"".join(self._written)
        self._written.clear()
        return data
