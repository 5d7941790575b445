"""Rows that repeat an earlier row's values.

A hash of every row's values is taken while the one scan passes by. Where all hashes differ, so do
the values, and nothing more is read; only where two are equal are the values themselves compared.
Both go by shares to files of a temporary folder, so that time grows with the rows and memory does
not.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import pyarrow as pa
import pyarrow.compute as pc

from etl.errors import ValidationError
from etl.validation.parquet_footers import OpenFile
from etl.validation.scan import iter_batches, leaves

ROWS_AT_ONCE = 250_000  # rows that are compared in one go: what fits caches is fast
_MOST_SHARES = 256  # a file each, and a function may open 1,024
_FACTOR = 0x9E3779B97F4A7C15  # odd, so that it has an inverse
_BYTES_AT_ONCE = 256 * 1024  # that are hashed


class Repeats:
    """Hashes of the rows that pass by, by shares; rows with a NULL do not count.

    Args:
        folder: Where they go when they are more than fit.
    """

    takes_codes = False

    def __init__(self, columns: Sequence[str], *, rows: int, folder: Path) -> None:
        self.leaves = leaves(columns)
        self._columns = list(columns)
        self._shares = _shares(rows)
        self._folder = folder
        self._held: list[pa.Array] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the batch's rows into account."""
        hashes = hash_rows(batch.select(self._columns).drop_null())
        if self._shares == 1:
            self._held.append(hashes)
            return
        for share, order in _by_share(hashes, self._shares):
            with (self._folder / str(share)).open("ab") as file:
                file.write(hashes.take(order).buffers()[1][: 8 * len(order)])

    def found(self) -> bool:
        """Whether two rows have the same hash, so that their values may be the same."""
        return any(len(pc.unique(each)) < len(each) for each in self._parts())

    def _parts(self) -> Iterator[pa.ChunkedArray | pa.Array]:
        if self._shares == 1:
            yield pa.chunked_array(self._held, pa.uint64())
        for path in self._folder.iterdir():
            content = path.read_bytes()
            yield pa.Array.from_buffers(
                pa.uint64(), len(content) // 8, [None, pa.py_buffer(content)]
            )


def count_duplicates(files: Sequence[OpenFile], columns: Sequence[str]) -> int:
    """Rows whose values in `columns` stand in an earlier row too, by reading the values once."""
    shares = _shares(sum(file.rows for file in files))
    batches = (
        batch.select(list(columns)).drop_null() for batch in iter_batches(files, leaves(columns))
    )
    if shares == 1:
        return _duplicates(batches, columns)
    with keys_folder() as folder:
        return sum(
            _duplicates(pa.ipc.open_stream(path), columns)
            for path in _spill(batches, folder, shares)
        )


@contextmanager
def keys_folder() -> Iterator[Path]:
    """A temporary folder for what does not fit into memory.

    Raises:
        ValidationError: There is no room for it.
    """
    try:
        with TemporaryDirectory(prefix="etl-keys-") as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise ValidationError(
            f"the keys need more room than there is in {gettempdir()}",
            fix="raise validator.storage_mb",
        ) from error


def hash_rows(keys: pa.RecordBatch) -> pa.Array:
    """A uint64 for each row: equal rows have the same.

    The values as texts are polynomials of their bytes modulo 2**64, each taken out of the running
    sum over the bytes of all. What differs may have the same hash, by chance or a very long text.
    """
    total = None
    for column in keys.columns:
        if pa.types.is_floating(column.type):
            column = pc.add(column, 0.0)  # -0.0 equals 0.0
        hashes = _hash_texts(pc.cast(column, pa.string()))
        total = hashes if total is None else pc.add(pc.multiply(total, _uint64(_FACTOR)), hashes)
    return total


def _hash_texts(texts: pa.Array) -> pa.Array:
    count = len(texts)
    if not count:
        return pa.array([], pa.uint64())
    ends = pa.Array.from_buffers(
        pa.int32(), count + 1, [None, texts.buffers()[1]], offset=texts.offset
    )
    first, last = ends[0].as_py(), ends[count].as_py()
    if last - first > _BYTES_AT_ONCE:
        if count == 1:
            return pa.array([0], pa.uint64())
        half = count // 2
        return pa.concat_arrays([_hash_texts(texts[:half]), _hash_texts(texts[half:])])
    powers, inverses = _powers()
    content = pa.Array.from_buffers(
        pa.uint8(), last - first, [None, texts.buffers()[2]], offset=first
    )
    terms = pc.multiply(pc.cast(content, pa.uint64()), powers[1 : last - first + 1])
    sums = pa.concat_arrays([pa.array([0], pa.uint64()), pc.cumulative_sum(terms)])
    places = pc.subtract(ends, pa.scalar(first, pa.int32()))
    found, starts = sums.take(places), places[:count]
    return pc.multiply(pc.subtract(found[1:], found[:count]), inverses.take(starts))


@cache
def _powers() -> tuple[pa.Array, pa.Array]:
    """The factor's powers by their exponent, and their inverses."""
    return _powers_of(_FACTOR), _powers_of(pow(_FACTOR, -1, 1 << 64))


def _powers_of(factor: int) -> pa.Array:
    found = pa.array([1], pa.uint64())
    while len(found) <= _BYTES_AT_ONCE:
        step = _uint64(pow(factor, len(found), 1 << 64))
        found = pa.concat_arrays([found, pc.multiply(found, step)])
    return found


def _uint64(value: int) -> pa.Scalar:
    return pa.scalar(value, pa.uint64())


def _shares(rows: int) -> int:
    """How many shares so many rows are compared in: a power of 2."""
    shares = 1
    while rows > shares * ROWS_AT_ONCE and shares < _MOST_SHARES:
        shares *= 2
    return shares


def _by_share(hashes: pa.Array, shares: int) -> Iterator[tuple[int, pa.Array]]:
    """The shares that have rows, and which rows: by the hash's highest bits, as they mix best."""
    share_of = pc.cast(pc.shift_right(hashes, _uint64(64 - (shares.bit_length() - 1))), pa.uint16())
    order, start = pc.sort_indices(share_of), 0
    counts = pc.value_counts(share_of)
    for share, count in sorted(zip(*(each.to_pylist() for each in counts.flatten()), strict=True)):
        yield share, order[start : start + count]
        start += count


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
            for share, order in _by_share(hash_rows(batch), shares):
                if share not in writers:
                    stream = pa.ipc.new_stream(paths[share], batch.schema, options=options)
                    writers[share] = opened.enter_context(stream)
                writers[share].write_batch(batch.take(order))
    return [paths[share] for share in sorted(writers)]
