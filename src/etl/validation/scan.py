"""One pass over the columns that footers could not decide, a batch at a time."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from etl.errors import ValidationError
from etl.expressions import columns_of
from etl.model import Rule
from etl.validation.arrow_expressions import count_false
from etl.validation.parquet_footers import Leaf, OpenFile, as_instant, leaf_path

BATCH_ROWS = 128 * 1024
ROWS_AT_ONCE = 500_000  # keys of so many rows are compared in one go: what fits caches is fast
_MOST_SHARES = 256  # a file each, and a function may open 1,024


class Measure(Protocol):
    """Something counted while batches pass by. `leaves` are what it needs of the files."""

    leaves: frozenset[Leaf]

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch into account."""


class Violations:
    """Rows for which a rule is false."""

    def __init__(self, rule: Rule, run_date: date) -> None:
        self.leaves = leaves(columns_of(rule.expression))
        self.count = 0
        self._rule = rule
        self._run_date = run_date

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the batch's violations."""
        self.count += count_false(self._rule.expression, batch, self._run_date)


class Nulls:
    """NULLs in a column or, with a field, in that field of the objects in an array column."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaves = frozenset({leaf})
        self.count = 0
        self._column, self._field = leaf

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the batch's NULLs."""
        values = batch.column(self._column)
        if self._field is not None:
            objects = pc.list_flatten(values)
            values = pc.struct_field(objects.filter(objects.is_valid()), self._field)
        self.count += values.null_count


class Latest:
    """The greatest value of a date or timestamp column."""

    def __init__(self, column: str) -> None:
        self.leaves = leaves([column])
        self.value: datetime | None = None
        self._column = column

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the batch's greatest value into account."""
        found = pc.max(batch.column(self._column)).as_py()
        if found is not None:
            self.value = max(as_instant(found), self.value or as_instant(found))


def leaves(columns: Iterable[str]) -> frozenset[Leaf]:
    """The leaves of whole columns."""
    return frozenset((column, None) for column in columns)


def scan(files: Sequence[OpenFile], measures: Sequence[Measure]) -> None:
    """Read what the measures need, once, row group by row group."""
    wanted = frozenset[Leaf]().union(*(measure.leaves for measure in measures))
    if measures:
        for batch in iter_batches(files, wanted):
            for measure in measures:
                measure.add(batch)


def iter_batches(files: Sequence[OpenFile], wanted: frozenset[Leaf]) -> Iterator[pa.RecordBatch]:
    """Batches of the columns; at most one row group of them is held, in its compressed form."""
    for file in files:
        paths = sorted({leaf_path(file, leaf) for leaf in wanted if leaf[0] not in file.constants})
        constants = sorted({column for column, _ in wanted if column in file.constants})
        for index in range(file.parquet.metadata.num_row_groups):
            # Given all row groups at once, pre_buffer would fetch them all before the first batch.
            for batch in file.parquet.iter_batches(
                batch_size=BATCH_ROWS, row_groups=[index], columns=paths
            ):
                for column in constants:
                    values = pa.repeat(file.constants[column], batch.num_rows)
                    batch = batch.append_column(column, values)
                yield batch


def count_duplicates(files: Sequence[OpenFile], columns: Sequence[str]) -> int:
    """Rows whose values in `columns` stand in an earlier row too; rows with a NULL do not count.

    The columns are read once. Of more rows than fit, keys go to a temporary folder first, each
    into the file of its share, so that time grows with the rows and memory does not.
    """
    rows, shares = sum(file.rows for file in files), 1
    while rows > shares * ROWS_AT_ONCE and shares < _MOST_SHARES:
        shares *= 2
    batches = (
        batch.select(list(columns)).drop_null() for batch in iter_batches(files, leaves(columns))
    )
    if shares == 1:
        return _duplicates(batches, columns)
    with TemporaryDirectory(prefix="etl-keys-") as folder, _room_explained():
        return sum(
            _duplicates(pa.ipc.open_stream(path), columns)
            for path in _spill(batches, Path(folder), shares)
        )


def _duplicates(batches: Iterable[pa.RecordBatch], columns: Sequence[str]) -> int:
    held = list(batches)
    if not held:
        return 0
    table = pa.Table.from_batches(held)
    if len(columns) == 1:
        distinct = pc.count_distinct(table.column(0)).as_py()
    else:
        distinct = table.group_by(list(columns)).aggregate([]).num_rows
    return int(table.num_rows - distinct)


def _spill(batches: Iterable[pa.RecordBatch], folder: Path, shares: int) -> list[Path]:
    """Write each row into its share's file; those that have rows."""
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    paths = [folder / str(share) for share in range(shares)]
    with ExitStack() as opened:
        writers: dict[int, pa.RecordBatchWriter] = {}
        for batch in batches:
            share_of = _share_of(batch, shares)
            order = pc.sort_indices(share_of)
            rows, start = batch.take(order), 0
            for share, count in sorted(_counts(share_of).items()):
                if share not in writers:
                    stream = pa.ipc.new_stream(paths[share], batch.schema, options=options)
                    writers[share] = opened.enter_context(stream)
                writers[share].write_batch(rows.slice(start, count))
                start += count
    return [paths[share] for share in sorted(writers)]


def _counts(values: pa.Array) -> dict[int, int]:
    return {each["values"]: each["counts"] for each in pc.value_counts(values).to_pylist()}


@contextmanager
def _room_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise ValidationError(
            f"the keys need more room than there is in {gettempdir()}",
            fix="raise validator.storage_mb",
        ) from error


def _share_of(keys: pa.RecordBatch, shares: int) -> pa.Array:
    """Each row's share, by a hash of the key's last four bytes as text."""
    texts = [pc.cast(column, pa.string()) for column in keys.columns]
    padded = pc.binary_join_element_wise("0000", *texts, "")
    ends = pc.binary_slice(pc.cast(padded, pa.binary()), -4, None)
    flat = pa.concat_arrays([ends]) if ends.offset else ends
    words = pa.Array.from_buffers(pa.uint32(), len(flat), [None, flat.buffers()[2]])
    mixed = pc.bit_wise_xor(words, pc.shift_right(words, pa.scalar(16, pa.uint32())))
    mixed = pc.bit_wise_xor(mixed, pc.shift_right(mixed, pa.scalar(8, pa.uint32())))
    return pc.bit_wise_and(mixed, pa.scalar(shares - 1, pa.uint32()))
