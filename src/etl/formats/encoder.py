"""What an encoder of raw objects is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class DeadLetter:
    """A record that the object's format cannot hold, and why."""

    record: bytes
    reason: str


@dataclass(frozen=True)
class Encoded:
    """What became of a block of records.

    Attributes:
        data: The object's next bytes; formats and compressors hold some back for later.
        rows: How many of the records were taken.
        dead: The others.
    """

    data: bytes
    rows: int
    dead: tuple[DeadLetter, ...] = ()


class Encoder(Protocol):
    """Makes the bytes of one raw object. The same blocks give the same bytes.

    Attributes:
        suffix: What the object's name ends in, e.g. ".jsonl.gz".
        content_type: Of the object as it lies. A gzip file is "application/gzip" without a content
            encoding, or readers would get it unpacked under a name that says gzip.
    """

    @property
    def suffix(self) -> str: ...

    @property
    def content_type(self) -> str: ...

    def encode(self, block: bytes, rows: int | None = None) -> Encoded:
        """Take records: JSON lines, each ending in a newline, none of them empty.

        Args:
            rows: How many, where that is known.
        """
        ...

    def finish(self) -> bytes:
        """The object's last bytes. Nothing can be encoded after them."""
        ...
