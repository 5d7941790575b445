"""Reads the table that a contract names, once or again and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from etl.errors import SourceError
from etl.model import Contract
from etl.sources.records import Lines, SourceContext
from etl.sources.sql.engine import Database
from etl.sources.sql.marks import Window
from etl.sources.sql.options import read_sql_options
from etl.sources.sql.paging import Place
from etl.sources.sql.snapshot import Snapshot
from etl.sources.sql.tables import describe_table


@dataclass(frozen=True, kw_only=True)
class SqlBatch:
    """Some rows of a table.

    Attributes:
        position: Where the next batch begins, ready for JSON.
    """

    lines: Lines
    position: dict[str, Any]


class SqlReader:
    """Reads a contract's table; each reading is of one snapshot."""

    def __init__(self, contract: Contract, context: SourceContext) -> None:
        self.options = read_sql_options(contract)
        self._contract = contract
        self._database = Database(contract, context.client, self.options)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The table as it is now, until the block ends.

        Raises:
            SourceError: The database cannot be reached, or the table cannot be read.
        """
        with self._database.snapshot() as connection:
            table = describe_table(connection, self._contract, self.options)
            yield Snapshot(connection, table, self.options)

    def batches(
        self, *, after: dict[str, Any] | None, until: datetime | None = None
    ) -> Iterator[SqlBatch]:
        """What the table holds behind a position, in batches, until there is no more.

        The order is that of the watermark and the primary key, or of the key alone. All batches
        are of one snapshot.

        Args:
            after: An earlier batch's position; None for the beginning.
            until: Only rows whose watermark is earlier.

        Raises:
            SourceError: The table cannot be read, or has rows without a place in the order, or
                with a wrong one: they would never be seen.
        """
        begin = self._place(after)
        with self.snapshot() as snapshot:
            if snapshot.has_unplaced():
                raise self._out_of_order("there are rows without one")
            if begin and snapshot.has_overtaken(begin):
                raise self._out_of_order("its texts do not sort as time does")
            for place, lines in snapshot.pages(Window(upper=until), begin):
                yield SqlBatch(lines=lines, position=self._position(place))

    def _position(self, place: Place) -> dict[str, Any]:
        values = [_for_json(each) for each in place]
        if self.options.watermark is None:
            return {"key": values}
        return {"watermark": values[0], "key": values[1:]}

    def _place(self, position: dict[str, Any] | None) -> Place | None:
        if position is None:
            return None
        has_watermark = self.options.watermark is not None
        key = position.get("key", ())
        if ("watermark" in position) != has_watermark or len(key) != len(
            self._contract.primary_key
        ):
            raise SourceError(
                f"the position {position} is none of table {self.options.table}",
                fix="begin anew, or change the contract's watermark and primary key back",
            )
        return (position["watermark"], *key) if has_watermark else tuple(key)

    def _out_of_order(self, what: str) -> SourceError:
        order = ", ".join(filter(None, [self.options.watermark, *self._contract.primary_key]))
        return SourceError(
            f"{self.options.table} cannot be followed by {order}: {what}",
            fix="mend such rows, or read a view that does or leaves them out",
        )


def open_reader(contract: Contract, context: SourceContext) -> SqlReader:
    """A reader of the contract's table.

    Raises:
        ContractError: The location or options make no sense.
        SecretError: The secret is missing or does not hold what is needed.
        SourceError: The database is a file that does not exist.
    """
    return SqlReader(contract, context)


def _for_json(value: Any) -> Any:
    if isinstance(value, (datetime, date, Decimal, UUID)):
        return str(value)
    return value
