"""Fetch small objects side by side before their turn: alone, each would wait for S3's answer."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from etl.sources.files.source_file import S3File, SourceFile
from etl.sources.records import SourceObject

_SMALL_BYTES = 2 * 1024 * 1024
_AHEAD = 16
_AT_ONCE = 8


def fetch_ahead(files: Iterable[SourceFile | None]) -> Iterator[SourceFile | None]:
    """The same files, small ones on S3 in memory. At most `_AHEAD` of them wait there."""
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch")
    waiting: deque[SourceFile | None] = deque()
    try:
        for file in files:
            waiting.append(_begin(file, pool))
            if len(waiting) > _AHEAD:
                yield waiting.popleft()
        yield from waiting
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, kw_only=True)
class _Fetched:
    """An object in memory, or on its way there."""

    found: SourceObject
    relative: str
    body: Future[bytes]

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        yield io.BufferedReader(io.BytesIO(self.body.result()))

    @contextmanager
    def open_parts(self) -> Iterator[IO[bytes]]:
        yield io.BytesIO(self.body.result())


def _begin(file: SourceFile | None, pool: ThreadPoolExecutor) -> SourceFile | None:
    if not isinstance(file, S3File) or file.found.size > _SMALL_BYTES:
        return file
    return _Fetched(found=file.found, relative=file.relative, body=pool.submit(_fetch, file))


def _fetch(file: S3File) -> bytes:
    with file.open() as stream:
        return stream.read()
