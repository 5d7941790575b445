"""What a contract may say of a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from etl.errors import ContractError
from etl.model import Contract
from etl.sources.options import read_options


@dataclass(frozen=True, kw_only=True)
class SqlOptions:
    """A table's options in the contract.

    Attributes:
        table: A table or view, `schema.table` if it is not in the user's own schema.
        watermark: A column that grows with every insert and update: a timestamp, date or whole
            number. None reads all of the table in every run.
        lookback_minutes: So much earlier than the last run's end a run begins, for rows whose
            transaction committed late.
        batch_rows: Rows of one page, which is what memory holds.
        secret: The Secrets Manager secret with username and password, or with a whole URL.
        time_zone: What timestamps without a zone are in.
    """

    table: str = ""
    watermark: str | None = None
    lookback_minutes: float = 0
    batch_rows: int = 5_000
    secret: str | None = None
    time_zone: str = "UTC"
    connect_seconds: int = 10

    @property
    def schema_and_name(self) -> tuple[str | None, str]:
        """The table's schema, None for the user's own, and its name."""
        schema, _, name = self.table.rpartition(".")
        return schema or None, name

    @property
    def lookback(self) -> timedelta:
        """How far before the last run's end a run begins."""
        return timedelta(minutes=self.lookback_minutes)

    @property
    def zone(self) -> tzinfo:
        """The time zone."""
        return UTC if self.time_zone == "UTC" else ZoneInfo(self.time_zone)


def read_sql_options(contract: Contract) -> SqlOptions:
    """The contract's options.

    Raises:
        ContractError: One is unknown, missing or makes no sense.
    """
    where = f"of contract {contract.dataset}"
    options = read_options(SqlOptions, contract.source.options, where=where)
    if not options.table:
        raise ContractError(
            f"the source {where} names no table", fix="add - property: table with its name"
        )
    try:
        options.zone
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ContractError(
            f"the source {where} names the time zone {options.time_zone!r}, which is unknown",
            fix="write it as the IANA database does, such as Europe/Berlin",
        ) from error
    return options
