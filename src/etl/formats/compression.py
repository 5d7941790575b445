"""How a raw object is compressed as a whole."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import zstandard

_LEVEL = 3  # of either: beyond it, time grows faster than sizes shrink
_GZIP_WINDOW = zlib.MAX_WBITS | 16  # "| 16" asks zlib for gzip, with a time stamp of 0


class Compressor(Protocol):
    """Compresses one stream."""

    def compress(self, data: bytes, /) -> bytes:
        """The stream's next bytes, maybe none yet."""
        ...

    def flush(self) -> bytes:
        """The stream's last bytes."""
        ...


@dataclass(frozen=True)
class Compression:
    """A way to compress.

    Attributes:
        suffix: What it adds to a file's name.
        content_type: Of what it makes; None leaves the type of what is compressed.
    """

    suffix: str
    content_type: str | None
    open: Callable[[], Compressor]


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _gzip() -> Compressor:
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)


def _zstd() -> Compressor:
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()


COMPRESSIONS = {
    "gzip": Compression(".gz", "application/gzip", _gzip),
    "zstd": Compression(".zst", "application/zstd", _zstd),
    "none": Compression("", None, _Plain),
}
