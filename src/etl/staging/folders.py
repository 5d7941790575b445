"""Which folder each record of a block goes to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from etl.model import Contract
from etl.partitioning import strategy_of
from etl.sources.records import Lines
from etl.tidying import normalise_names


class Folders:
    """A contract's way of laying records out, at one time of arrival."""

    def __init__(self, contract: Contract, arrived_at: datetime) -> None:
        self._contract = contract
        self._arrived_at = arrived_at
        self._strategy = strategy_of(contract)
        self.by_record = self._strategy.by_record

    def split(self, block: Lines) -> Iterator[tuple[str, Lines]]:
        """Folders in the order of their first records, each with its lines of the block."""
        if not self.by_record:
            yield self._strategy.folder(None, self._arrived_at), block
            return
        found: dict[str, list[bytes]] = {}
        for line in block.data.split(b"\n")[:-1]:
            folder = self._strategy.folder(self._value(line), self._arrived_at)
            found.setdefault(folder, []).append(line)
        for folder, lines in found.items():
            yield folder, Lines(b"\n".join(lines) + b"\n", len(lines))

    def _value(self, line: bytes) -> Any:
        try:
            record = json.loads(line)
            if self._contract.normalise_names:
                record = normalise_names(record)
        except (ValueError, RecursionError):
            return None
        return record.get(self._contract.raw.column) if isinstance(record, dict) else None
