"""What a writer has made."""

from __future__ import annotations

from dataclasses import dataclass

from etl.manifest import RawObject


@dataclass(frozen=True, kw_only=True)
class Staged:
    """Raw objects and dead letters, all of them sent.

    Attributes:
        rows: Records in all raw objects.
        bytes: Encoded size of all raw objects.
        rejected: Records that the raw format refused.
        dead_letters: The objects that hold those.
    """

    objects: tuple[RawObject, ...]
    rows: int
    bytes: int
    rejected: int
    dead_letters: tuple[str, ...]
