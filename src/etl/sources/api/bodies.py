"""Bodies of answers: unpacked a small part at a time, up to a limit, whoever reads them.

httpx unpacks whatever came at once, of which a kilobyte can become a gigabyte.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

import httpx

ACCEPTED = "gzip"  # of what can be unpacked in part, all that is asked for
_PART_BYTES = 64 * 1024
_GZIP = zlib.MAX_WBITS | 16


class BodyError(Exception):
    """A body that is not read to its end; the message says what it is."""


class DamagedBodyError(Exception):
    """A body whose compression is damaged or cut off."""


def bound_bodies(limit_bytes: int) -> Callable[[httpx.Response], None]:
    """What to hook onto a client's responses: their bodies come unpacked then, up to the limit.

    Reading one may raise `BodyError` or `DamagedBodyError`.
    """

    def bound(response: httpx.Response) -> None:
        encoding = response.headers.pop("content-encoding", "identity").strip().lower()
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Plain(response.stream, encoding, limit_bytes)

    return bound


class _Plain(httpx.SyncByteStream):
    """A body as it was before it was packed."""

    def __init__(self, packed: httpx.SyncByteStream, encoding: str, limit_bytes: int) -> None:
        self._packed = packed
        self._encoding = encoding
        self._limit_bytes = limit_bytes

    def __iter__(self) -> Iterator[bytes]:
        return self._bounded(self._plain(self._bounded(self._packed)))

    def close(self) -> None:
        """Let go of the connection."""
        self._packed.close()

    def _bounded(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        size = 0
        for part in parts:
            size += len(part)
            if size > self._limit_bytes:
                raise BodyError(f"more than {self._limit_bytes / 1024**2:g} MiB")
            yield part

    def _plain(self, packed: Iterator[bytes]) -> Iterator[bytes]:
        match self._encoding:
            case "identity" | "":
                return packed
            case "gzip" | "x-gzip":
                return _unpack(packed)
        raise BodyError(f"a body compressed by {self._encoding!r}, which was not asked for")


def _unpack(packed: Iterator[bytes]) -> Iterator[bytes]:
    unpacking = zlib.decompressobj(_GZIP)
    has_begun = False
    try:
        for chunk in packed:
            has_begun = has_begun or bool(chunk)
            while chunk and not unpacking.eof:
                yield unpacking.decompress(chunk, _PART_BYTES)
                chunk = unpacking.unconsumed_tail
        yield unpacking.flush()
    except zlib.error as error:
        raise DamagedBodyError(str(error)) from error
    if has_begun and not unpacking.eof:
        raise DamagedBodyError("its end is missing")
