"""One pass over the columns that footers could not decide, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from etl.expressions import columns_of
from etl.model import Rule
from etl.validation.arrow_expressions import count_false
from etl.validation.parquet_footers import Leaf, OpenFile, as_instant, leaf_path

BATCH_ROWS = 128 * 1024
ROWS_AT_ONCE = 2_000_000  # keys of so many rows are compared in one go: about 350 MB


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

    More rows than fit are taken in several passes, each over one share of the keys.
    """
    rows = sum(file.rows for file in files)
    passes = 1
    while rows > passes * ROWS_AT_ONCE:
        passes *= 2
    return sum(_duplicates(files, columns, share, passes) for share in range(passes))


def _duplicates(files: Sequence[OpenFile], columns: Sequence[str], share: int, passes: int) -> int:
    batches = []
    for batch in iter_batches(files, leaves(columns)):
        keys = batch.select(list(columns)).drop_null()
        batches.append(keys if passes == 1 else keys.filter(_in_share(keys, share, passes)))
    if not batches:
        return 0
    table = pa.Table.from_batches(batches)
    if len(columns) == 1:
        distinct = pc.count_distinct(table.column(0)).as_py()
    else:
        distinct = table.group_by(list(columns)).aggregate([]).num_rows
    return int(table.num_rows - distinct)


def _in_share(keys: pa.RecordBatch, share: int, passes: int) -> pa.Array:
    """Which rows belong to the share, by a hash of the key's last four bytes as text."""
    texts = [pc.cast(column, pa.string()) for column in keys.columns]
    padded = pc.binary_join_element_wise("0000", *texts, "")
    ends = pc.binary_slice(pc.cast(padded, pa.binary()), -4, None)
    flat = pa.concat_arrays([ends]) if ends.offset else ends
    words = pa.Array.from_buffers(pa.uint32(), len(flat), [None, flat.buffers()[2]])
    mixed = pc.bit_wise_xor(words, pc.shift_right(words, pa.scalar(16, pa.uint32())))
    mixed = pc.bit_wise_xor(mixed, pc.shift_right(mixed, pa.scalar(8, pa.uint32())))
    masked = pc.bit_wise_and(mixed, pa.scalar(passes - 1, pa.uint32()))
    return pc.equal(masked, pa.scalar(share, pa.uint32()))
