"""Read what is compressed as a whole: gzip and zstd, of one member or of many."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

import pyarrow as pa
from isal import igzip

from etl.errors import SourceError
from etl.formats.compression import BROKEN_GZIP
from etl.sources.files.expansion import Expansion

SUFFIXES = {".gz": "gzip", ".zst": "zstd"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_FAILURES: tuple[type[Exception], ...] = (OSError, *BROKEN_GZIP)


@contextmanager
def decompressed(
    stream: io.BufferedReader, *, name: str, expansion: Expansion | None = None
) -> Iterator[IO[bytes]]:
    """The stream as it was before it was compressed, which its name or its first bytes tell.

    Args:
        expansion: Counts what is unpacked; None for what was packed here.

    Raises:
        SourceError: It is damaged, cut off or unpacks to too much; may come while reading.
    """
    method = _method(stream, name)
    if method is None:
        yield stream
        return
    try:
        with _reader(stream, method) as plain:
            yield expansion.counted(plain) if expansion else plain
    except _FAILURES as error:
        if getattr(error, "errno", None) is not None:  # the disk or the network, not the content
            raise
        raise SourceError(
            f"{name} is not a whole {method} file: {error}",
            fix="fetch the file again; an interrupted copy looks like this",
        ) from error


def _reader(stream: io.BufferedReader, method: str) -> IO[bytes]:
    if method == "gzip":
        return cast(IO[bytes], igzip.GzipFile(fileobj=stream))
    # Unlike zstandard's reader, Arrow's notices that the end is missing.
    return cast(IO[bytes], pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), method))


def _method(stream: io.BufferedReader, name: str) -> str | None:
    for suffix, method in SUFFIXES.items():
        if name.endswith(suffix):
            return method
    start = stream.peek(4)
    return next((method for magic, method in _MAGIC.items() if start.startswith(magic)), None)
