"""Whether what a Parquet file says of its columns can be asked for at all."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq


def check_columns(metadata: pq.FileMetaData, *, size: int) -> None:
    """Ask for each column's metadata in a way that fails as Python does.

    pyarrow's own accessors let C++ exceptions through, which end the process. Reading a column asks
    for the same before it reads, and turns them into errors; the file here is as large as the one
    that is meant, and is not read.

    Args:
        size: Of the file.

    Raises:
        ValueError: The metadata contradict themselves, or the file.
    """
    unread = pa.PythonFile(_Unread(size), mode="r")
    reader = pq.ParquetFile(unread, metadata=metadata, pre_buffer=False).reader
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            try:
                reader.read_row_group(group, column_indices=[column], use_threads=False)
            except _Read:
                pass
            except OSError as error:
                raise ValueError(str(error)) from error
            path = metadata.schema.column(column).path
            if metadata.row_group(group).column(column).path_in_schema != path:
                raise ValueError(f"the values of {path} are said to be another column's")


class _Read(Exception):
    """The metadata are there: now the column would be read."""


class _Unread(io.RawIOBase):
    """A file of some size."""

    def __init__(self, size: int) -> None:
        self._size, self._position = size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        raise _Read
