"""What a stream is fed by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from etl.sources.records import Lines


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Records that came together.

    Attributes:
        position: Up to where the source has been read with these, if it can be read again; such a
            chunk is not divided.
    """

    lines: Lines
    position: dict[str, Any] | None = None


class Feed(Protocol):
    """Brings records while they come."""

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing more to read, or a stop was requested."""
        ...

    def read(self, wait_seconds: float | None) -> Chunk | None:
        """The next records; None if there are none within the time, or at the end.

        Args:
            wait_seconds: The longest time to wait; None for as long as it takes.
        """
        ...
