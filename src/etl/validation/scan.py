"""One pass over the columns that footers could not decide, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from etl.expressions import columns_of
from etl.model import Rule
from etl.validation.arrow_expressions import count_false
from etl.validation.parquet_footers import Leaf, OpenFile, as_instant, leaf_path

BATCH_ROWS = 128 * 1024


class Measure(Protocol):
    """Something counted while batches pass by.

    Attributes:
        leaves: What it needs of the files.
        takes_codes: Whether texts may come dictionary-encoded.
    """

    leaves: frozenset[Leaf]
    takes_codes: bool

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch into account."""


class Violations:
    """Rows for which a rule is false."""

    def __init__(self, rule: Rule, run_date: date) -> None:
        self.leaves = leaves(columns_of(rule.expression))
        self.takes_codes = len(self.leaves) == 1
        self.count = 0
        self._rule = rule
        self._run_date = run_date

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the batch's violations."""
        self.count += count_false(self._rule.expression, batch, self._run_date)


class Nulls:
    """NULLs in a column or, with a field, in that field of the objects in an array column."""

    takes_codes = False

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

    takes_codes = False

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
    wanted = _leaves_of(measures)
    coded = wanted - _leaves_of(each for each in measures if not each.takes_codes)
    if measures:
        batches = iter_batches(files, wanted, coded=[column for column, _ in coded])
        for batch in _read_ahead(batches):
            for measure in measures:
                measure.add(batch)


def _read_ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches; the next one is read while one is measured."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


def _leaves_of(measures: Iterable[Measure]) -> frozenset[Leaf]:
    return frozenset[Leaf]().union(*(measure.leaves for measure in measures))


def iter_batches(
    files: Sequence[OpenFile], wanted: frozenset[Leaf], *, coded: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Batches of the columns; at most one row group of them is held, in its compressed form.

    Args:
        coded: Columns that are left dictionary-encoded where they are stored so.
    """
    for file in files:
        paths = sorted({leaf_path(file, leaf) for leaf in wanted if leaf[0] not in file.constants})
        constants = sorted({column for column, _ in wanted if column in file.constants})
        parquet = file.with_codes(coded)
        for index in range(parquet.metadata.num_row_groups):
            # Given all row groups at once, pre_buffer would fetch them all before the first batch.
            for batch in parquet.iter_batches(
                batch_size=BATCH_ROWS, row_groups=[index], columns=paths
            ):
                for column in constants:
                    values = pa.repeat(file.constants[column], batch.num_rows)
                    batch = batch.append_column(column, values)
                yield batch
