"""How the raw objects of a run are laid out: strategies that a contract names.

One of your own is a subclass of `Strategy` in `STRATEGIES`:

    class ByMonth(Strategy):
        def prefix(self, run_date: date) -> str:
            return f"month={run_date:%Y-%m}/date={run_date}/"

    STRATEGIES["month"] = ByMonth
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from urllib.parse import quote

from etl.model import Contract

# What Hive, Spark and Athena call the partition of rows without a value.
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_NAME_LIMIT = 255  # a key is at most 1,024 bytes long
_HOUR = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}")


class Strategy:
    """By date: raw/shop/orders/2026/01/31/.

    Attributes:
        needs_column: Whether the contract has to name a column.
    """

    needs_column = False

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    @property
    def by_record(self) -> bool:
        """Whether `folder` depends on the record, which then has to be parsed."""
        return False

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

    @property
    def by_record(self) -> bool:
        """Whether the contract names a column."""
        return self.contract.raw.column is not None

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
            return f"hour={moment.astimezone(UTC) if moment.tzinfo else moment:%H}/"
        except (ValueError, OverflowError):
            return f"hour={NO_VALUE}/"


class ByEntity(Strategy):
    """orders/date=2026-01-31/: as business users look for it."""

    def prefix(self, run_date: date) -> str:
        """The entity, then the date."""
        return f"{self.contract.dataset}/date={run_date}/"


class ByColumn(Strategy):
    """2026/01/31/level=ERROR/: one folder for each value of a column."""

    needs_column = True

    @property
    def by_record(self) -> bool:
        """True."""
        return True

    def folder(self, value: object, arrived_at: datetime) -> str:
        """The value, escaped as Hive does; what is no name for a folder counts as no value."""
        text = value if isinstance(value, str) else json.dumps(value)
        name = quote(text, safe=" ,@+", errors="replace")
        if value in (None, "") or isinstance(value, (dict, list)) or len(name) > _NAME_LIMIT:
            name = NO_VALUE
        return f"{self.contract.raw.column}={name}/"


STRATEGIES: dict[str, type[Strategy]] = {
    "date": Strategy,
    "date_hour": ByDateHour,
    "entity": ByEntity,
    "column": ByColumn,
}


def strategy_of(contract: Contract) -> Strategy:
    """The strategy that the contract names."""
    return STRATEGIES[contract.raw.strategy](contract)


def keeps_source_objects(contract: Contract) -> bool:
    """Whether each of the source's objects gets raw objects of its own.

    A contract says so, or asks for what cannot be had otherwise: the name of a record's file, or
    files that are read once and then found on S3 only.
    """
    options = contract.source.options
    return (
        contract.raw.per_source_object
        or options.get("only_new") is True
        or options.get("after_load", "keep") != "keep"
        or any(each.lineage and each.name == "_source_file" for each in contract.columns)
    )
