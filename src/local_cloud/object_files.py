"""The files that hold objects' bytes: written once, read through the page cache, removed late."""

from __future__ import annotations

import mmap
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

CHUNK_BYTES = 1024 * 1024
_GRACE_SECONDS = 300.0  # a job may have listed an object that has been replaced since


class StoredBytes(mmap.mmap):
    """An object's bytes, read from its file when asked for; sent in chunks, sliced for a range."""

    path: Path
    is_unnamed = False  # no object has this file yet

    @classmethod
    def open(cls, path: Path) -> StoredBytes | bytes:
        """Map a file; an empty one cannot be mapped."""
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return b""
            mapped = cls(file.fileno(), 0, access=mmap.ACCESS_READ)
        mapped.path = path
        return mapped

    def __iter__(self) -> Iterator[bytes]:  # type: ignore[override]  # WSGI sends what it yields
        for start in range(0, len(self), CHUNK_BYTES):
            yield self[start : start + CHUNK_BYTES]


class ObjectFiles:
    """The folder of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trash: list[tuple[float, Path]] = []

    def new(self) -> Path:
        """Where to write the next one."""
        path = self.path(uuid.uuid4().hex)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, chunks: Iterable[bytes]) -> Path:
        """Write the next one: all of it, or nothing is left."""
        path = self.new()
        try:
            with path.open("wb") as file:
                file.writelines(chunks)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def path(self, name: str) -> Path:
        """Where one is that state knows by its name."""
        return self._folder / name[:2] / name

    def discard(self, path: Path) -> None:
        """Remove one that nothing names any more, once nobody can be reading it."""
        self._trash.append((time.monotonic() + _GRACE_SECONDS, path))

    def empty_trash(self) -> None:
        """Remove what was discarded long enough ago."""
        while self._trash and self._trash[0][0] <= time.monotonic():
            self._trash.pop(0)[1].unlink(missing_ok=True)

    def keep_only(self, names: set[str]) -> None:
        """Remove what a process that is gone has left behind."""
        for path in self._folder.glob("*/*"):
            if path.name not in names:
                path.unlink()
