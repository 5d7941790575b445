"""Read what is compressed as a whole: gzip and zstd, of one member or of many."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

import pyarrow as pa

from etl.errors import SourceError

SUFFIXES = {".gz": "gzip", ".zst": "zstd"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


@contextmanager
def decompressed(stream: io.BufferedReader, *, name: str) -> Iterator[IO[bytes]]:
    """The stream as it was before it was compressed, which its name or its first bytes tell.

    Raises:
        SourceError: It is damaged or cut off; may come while reading.
    """
    method = _method(stream, name)
    if method is None:
        yield stream
        return
    try:
        # Unlike zstandard's reader, Arrow's notices that the end is missing.
        with pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), method) as plain:
            yield cast(IO[bytes], plain)
    except OSError as error:
        if error.errno is not None:  # the disk or the network, not the content
            raise
        raise SourceError(
            f"{name} is not a whole {method} file: {error}",
            fix="fetch the file again; an interrupted copy looks like this",
        ) from error


def _method(stream: io.BufferedReader, name: str) -> str | None:
    for suffix, method in SUFFIXES.items():
        if name.endswith(suffix):
            return method
    start = stream.peek(4)
    return next((method for magic, method in _MAGIC.items() if start.startswith(magic)), None)
