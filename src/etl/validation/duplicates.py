"""Rows that repeat an earlier row's values.

A hash of every row's values is taken while the one scan passes by. Where all hashes differ, so do
the values, and nothing more is read; only where two are equal are the values themselves compared.
Both go by shares to files of a temporary folder, so that time grows with the rows and memory does
not.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import pyarrow as pa
import pyarrow.compute as pc

from etl.errors import ValidationError
from etl.validation.parquet_footers import OpenFile
from etl.validation.scan import iter_batches, leaves

ROWS_AT_ONCE = 250_000  # rows that are compared in one go: what fits caches is fast
_MOST_SHARES = 256  # a file each, and a function may open 1,024
_FACTOR = 0x9E3779B97F4A7C15  # odd: no two words become one
_WORD_BYTES = 8
_HASHED_BYTES = 256  # of a text


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
        if self._shares == 1:
            return _repeats(pa.chunked_array(self._held, pa.uint64()))
        with ThreadPoolExecutor(2) as pool:  # a function's CPUs are few
            return any(pool.map(_repeats_in, self._folder.iterdir()))


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


def _repeats_in(path: Path) -> bool:
    content = path.read_bytes()
    return _repeats(
        pa.Array.from_buffers(pa.uint64(), len(content) // 8, [None, pa.py_buffer(content)])
    )


def _repeats(hashes: pa.Array | pa.ChunkedArray) -> bool:
    return len(pc.unique(hashes)) < len(hashes)


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

    It is of each value's text: of its length and its first `_HASHED_BYTES`. What differs may have
    the same hash, by chance or beyond those.
    """
    total = None
    for column in keys.columns:
        if pa.types.is_floating(column.type):
            column = pc.add(column, 0.0)  # -0.0 equals 0.0
        hashes = _hash_texts(pc.cast(column, pa.string()))
        total = hashes if total is None else pc.add(pc.multiply(total, _uint64(_FACTOR)), hashes)
    return total


def _hash_texts(texts: pa.Array) -> pa.Array:
    lengths = pc.binary_length(texts)
    longest = min(pc.max(lengths).as_py() or 0, _HASHED_BYTES)
    # Words that padding makes are 0 and add nothing: a text's hash is the same beside longer ones.
    words = range(-(-longest // _WORD_BYTES))
    padded = pc.ascii_rpad(texts, len(words) * _WORD_BYTES, "\0").view(pa.binary())
    total = pc.cast(lengths, pa.uint64())
    for index in words:
        start = index * _WORD_BYTES
        content = pc.binary_slice(padded, start, start + _WORD_BYTES).buffers()[2]
        word = pa.Array.from_buffers(pa.uint64(), len(texts), [None, content])
        total = pc.add(total, _mix(word, pow(_FACTOR, index + 1, 1 << 64)))
    return total


def _mix(word: pa.Array, factor: int) -> pa.Array:
    """Spread each bit of a word over all; 0 stays 0."""
    for each in (factor, _FACTOR):
        word = pc.bit_wise_xor(word, pc.shift_right(word, _uint64(32)))
        word = pc.multiply(word, _uint64(each))
    return word


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
