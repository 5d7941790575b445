"""Which folder below a run date's prefix a record goes to."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from etl.model import Contract
from etl.partitioning import strategy_of
from etl.tidying import normalise_names


class FolderChooser:
    """A contract's way of laying records out, at one time of arrival.

    Attributes:
        by_record: Whether the folder depends on the record; all have the same otherwise.
    """

    def __init__(self, contract: Contract, arrived_at: datetime) -> None:
        self._contract = contract
        self._arrived_at = arrived_at
        self._strategy = strategy_of(contract)
        self.by_record = self._strategy.by_record

    def __call__(self, line: bytes) -> str:
        """The folder of a record, which is one JSON line."""
        value = self._value(line) if self.by_record else None
        return self._strategy.folder(value, self._arrived_at)

    def _value(self, line: bytes) -> Any:
        try:
            record = json.loads(line)
            if self._contract.normalise_names:
                record = normalise_names(record)
        except (ValueError, RecursionError):
            return None
        return record.get(self._contract.raw.column) if isinstance(record, dict) else None
