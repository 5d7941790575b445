"""How the raw objects of a run are laid out: strategies that a contract names.

A strategy of your own is a subclass of `Strategy` in `STRATEGIES`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from urllib.parse import quote

from etl.model import Contract

# What Hive, Spark and Athena call the partition of rows without a value.
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_HOUR = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}")


class Strategy:
    """By date: raw/shop/orders/2026/01/31/.

    Attributes:
        by_record: Whether `folder` depends on the record.
        needs_column: Whether the contract has to name a column.
    """

    by_record = False
    needs_column = False

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    def prefix(self, run_date: date) -> str:
        """Everything of a run date, and nothing else, lies below this."""
        year, month, day = run_date.isoformat().split("-")  # strftime does not pad a year
        return f"{year}/{month}/{day}/"

    def folder(self, value: object, arrived_at: datetime) -> str:
        """Where a record lies below the prefix.

        Args:
            value: What the record holds for the contract's partition column; None for nothing.
        """
        return ""


class ByDateHour(Strategy):
    """year=2026/month=01/day=31/hour=09/: by the column's hour (UTC), else by that of arrival."""

    by_record = True

    def prefix(self, run_date: date) -> str:
        """The run date, as Hive writes partitions."""
        year, month, day = run_date.isoformat().split("-")
        return f"year={year}/month={month}/day={day}/"

    def folder(self, value: object, arrived_at: datetime) -> str:
        """The hour."""
        if self.contract.raw.column is None:
            return f"hour={arrived_at:%H}/"
        if not isinstance(value, str) or not _HOUR.match(value):
            return f"hour={NO_VALUE}/"
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return f"hour={NO_VALUE}/"
        return f"hour={moment.astimezone(UTC) if moment.tzinfo else moment:%H}/"


class ByEntity(Strategy):
    """orders/date=2026-01-31/: as business users look for it."""

    def prefix(self, run_date: date) -> str:
        """The entity, then the date."""
        return f"{self.contract.dataset}/date={run_date}/"


class ByColumn(Strategy):
    """2026/01/31/level=ERROR/: one folder for each value of a column."""

    by_record = True
    needs_column = True

    def folder(self, value: object, arrived_at: datetime) -> str:
        """The value, escaped as Hive does."""
        text = NO_VALUE if value in (None, "") else quote(str(value), safe=" ,@+")
        return f"{self.contract.raw.column}={text}/"


STRATEGIES: dict[str, type[Strategy]] = {
    "date": Strategy,
    "date_hour": ByDateHour,
    "entity": ByEntity,
    "column": ByColumn,
}


def strategy_of(contract: Contract) -> Strategy:
    """The strategy that the contract names."""
    return STRATEGIES[contract.raw.strategy](contract)
