"""Encoders whose objects are one record after the other, compressed as a whole."""

from __future__ import annotations

from typing import Protocol

from etl.formats.compression import Compression
from etl.formats.encoder import Encoded


class Layout(Protocol):
    """How records follow each other before they are compressed."""

    @property
    def suffix(self) -> str: ...

    @property
    def content_type(self) -> str: ...

    @property
    def header(self) -> bytes:
        """What stands before the first record."""
        ...

    def lay_out(self, block: bytes, rows: int | None = None) -> Encoded:
        """The records of the block; how many may be known."""
        ...


class JsonLines:
    """The records as they came: nothing is parsed, so nothing is refused."""

    suffix = ".jsonl"
    content_type = "application/x-ndjson"
    header = b""

    def lay_out(self, block: bytes, rows: int | None = None) -> Encoded:
        """The block."""
        return Encoded(block, block.count(b"\n") if rows is None else rows)


class StreamEncoder:
    """A layout, compressed."""

    def __init__(self, layout: Layout, compression: Compression) -> None:
        self.suffix = layout.suffix + compression.suffix
        self.content_type = compression.content_type or layout.content_type
        self._layout = layout
        self._compressor = compression.open()
        self._header = layout.header

    def encode(self, block: bytes, rows: int | None = None) -> Encoded:
        """Lay out and compress the records."""
        laid_out = self._layout.lay_out(block, rows)
        return Encoded(self._compress(laid_out.data), laid_out.rows, laid_out.dead)

    def finish(self) -> bytes:
        """What the compressor held back."""
        return self._compress(b"") + self._compressor.flush()

    def _compress(self, data: bytes) -> bytes:
        header, self._header = self._header, b""
        return self._compressor.compress(header + data if header else data)
