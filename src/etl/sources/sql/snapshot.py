"""A table in one state of its database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, false, or_, select

from etl.sources.records import Lines
from etl.sources.sql.marks import Mark, TextMarks, Window
from etl.sources.sql.options import SqlOptions
from etl.sources.sql.paging import Place, Rows, read_pages
from etl.sources.sql.tables import Field, SqlTable
from etl.sources.sql.values import RowEncoder


class Snapshot:
    """A table in one state of the database.

    Attributes:
        latest: The greatest watermark among the rows that were read; None for none.
    """

    def __init__(self, connection: Connection, table: SqlTable, options: SqlOptions) -> None:
        self.table = table
        self.latest: Mark | None = None
        self._connection = connection
        self._options = options
        self._fields = table.fields
        if table.watermark and table.watermark.name not in [each.name for each in table.fields]:
            self._fields = (*table.fields, table.watermark)

    def rows(self, window: Window) -> Iterator[Lines]:
        """The window's rows, and then those without a watermark or key.

        The latter have no place in the order, and whether they changed cannot be told: they are
        read every time, as one query whose rows are fetched in batches.
        """
        for _, lines in self.pages(window):
            yield lines
        encode = self._encoder(self.table.fields)
        query = select(*(each.selected for each in self.table.fields))
        query = query.select_from(self.table.source).where(self._is_unplaced(window))
        for rows in self._stream(query):
            yield _lines(encode, rows)

    def pages(self, window: Window, after: Place | None = None) -> Iterator[tuple[Place, Lines]]:
        """The window's rows in order, each page with the place of its last row.

        Args:
            after: The place to begin behind; None for the first row.
        """
        encode = self._encoder(self.table.fields)
        width = len(self.table.fields)
        order = [self._fetched(each) for each in self.table.order]
        for place, rows in self._read(self._fields, order, self._is_placed(window), after):
            kept = self._keep(rows, window)
            if kept:
                yield place, _lines(encode, [row[:width] for row in kept])

    def keys(self) -> Iterator[Lines]:
        """The primary key of every row that has one."""
        key = self.table.key
        encode = self._encoder(key)
        whole = [each.column.is_not(None) for each in key]
        for _, rows in self._read(key, key, whole, None):
            yield _lines(encode, rows)

    def has_unplaced(self) -> bool:
        """Whether there are rows without a watermark or key."""
        query = select(self.table.key[0].column).where(self._is_unplaced(Window())).limit(1)
        return self._connection.execute(query).first() is not None

    def has_overtaken(self, place: Place) -> bool:
        """Whether there are later rows than this place's that are ordered before it, as text is
        that was not written in one form."""
        watermark, marks = self.table.watermark, self.table.marks
        if not watermark or not isinstance(marks, TextMarks):
            return False
        query = select(watermark.selected).select_from(self.table.source)
        found = self._stream(query.where(marks.might_overtake(watermark.column, place[0])))
        return any(marks.is_later(value, place[0]) for rows in found for (value,) in rows)

    def _stream(self, query: Select[Any]) -> Iterator[Rows]:
        in_batches = {"yield_per": self._options.batch_rows}
        yield from self._connection.execute(query, execution_options=in_batches).partitions()

    def _read(
        self,
        fields: Sequence[Field],
        order: Sequence[Field],
        where: Sequence[ColumnElement[bool]],
        after: Place | None,
    ) -> Iterator[tuple[Place, Rows]]:
        return read_pages(
            self._connection,
            self.table.source,
            fields=fields,
            order=order,
            where=where,
            after=after,
            batch_rows=self._options.batch_rows,
        )

    def _fetched(self, field: Field) -> Field:
        return next(each for each in self._fields if each.name == field.name)

    def _encoder(self, fields: Sequence[Field]) -> RowEncoder:
        return RowEncoder([(each.name, each.kind) for each in fields], self._options.zone)

    def _within(self, window: Window) -> list[ColumnElement[bool]]:
        table = self.table
        if not table.watermark or not table.marks:
            return []
        return table.marks.within(table.watermark.column, window)

    def _is_placed(self, window: Window) -> list[ColumnElement[bool]]:
        nullable = [each.column.is_not(None) for each in self.table.order if each.nullable]
        return nullable + self._within(window)

    def _is_unplaced(self, window: Window) -> ColumnElement[bool]:
        table = self.table
        without_key = or_(false(), *(each.column.is_(None) for each in table.key if each.nullable))
        found = and_(without_key, *self._within(window))
        if table.watermark and table.marks:
            found = or_(found, table.marks.is_unplaced(table.watermark.column))
        return found

    def _keep(self, rows: Rows, window: Window) -> Rows:
        """The rows that lie in the window indeed; the latest of them is noted."""
        watermark, marks = self.table.watermark, self.table.marks
        if not watermark or not marks:
            return rows
        index = self._fields.index(self._fetched(watermark))
        kept = [row for row in rows if marks.keeps(row[index], window)]
        # Rows come in the watermark's order; only text may not sort as time does.
        looked_at = kept if isinstance(marks, TextMarks) else kept[-1:]
        found = [marks.read(row[index]) for row in looked_at] + [self.latest]
        self.latest = max((each for each in found if each is not None), default=None)
        return kept


def _lines(encode: RowEncoder, rows: Sequence[Sequence[Any]]) -> Lines:
    return Lines(b"".join([encode(row) + b"\n" for row in rows]), len(rows))
