"""Which folder each record of a block goes to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from etl.folders import FolderChooser
from etl.model import Contract
from etl.sources.records import Lines


class Folders:
    """A contract's way of laying records out, at one time of arrival."""

    def __init__(self, contract: Contract, arrived_at: datetime) -> None:
        self._choose = FolderChooser(contract, arrived_at)
        self.by_record = self._choose.by_record

    def split(self, block: Lines) -> Iterator[tuple[str, Lines]]:
        """Folders in the order of their first records, each with its lines of the block."""
        if not self.by_record:
            yield self._choose(b""), block
            return
        found: dict[str, list[bytes]] = {}
        for line in block.data.split(b"\n")[:-1]:
            found.setdefault(self._choose(line), []).append(line)
        for folder, lines in found.items():
            yield folder, Lines(b"\n".join(lines) + b"\n", len(lines))
