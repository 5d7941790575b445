"""Pages of a query: each begins behind the last row of the one before it, never at an offset.

The order's columns may have the same values in several rows, as nobody can be sure of a view. Such
rows are never parted: a page ends where the values change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, and_, or_, select, tuple_

from etl.errors import SourceError
from etl.sources.sql.tables import Field

Place = tuple[Any, ...]
Rows = Sequence[Row[Any]]

_COMPARES_TUPLES = ("postgresql", "sqlite")


def read_pages(
    connection: Connection,
    source: FromClause,
    *,
    fields: Sequence[Field],
    order: Sequence[Field],
    where: Sequence[ColumnElement[bool]],
    after: Place | None,
    batch_rows: int,
) -> Iterator[tuple[Place, Rows]]:
    """Pages of at most so many rows, each with its last row's values of the order's columns.

    Args:
        order: Some of the fields, none of them NULL in the rows that `where` lets through.
        after: The values to begin behind; None for the first row.

    Raises:
        SourceError: More rows than a page takes have the same values in the order's columns.
    """
    positions = [fields.index(each) for each in order]
    query = select(*(each.selected.label(f"c{i}") for i, each in enumerate(fields)))
    query = query.select_from(source).where(*where).order_by(*(each.column for each in order))
    query = query.limit(batch_rows + 1)
    use_tuples = connection.dialect.name in _COMPARES_TUPLES
    while True:
        bounded = query.where(_is_after(order, after, use_tuples)) if after else query
        rows = connection.execute(bounded).all()
        places = [tuple(row[each] for each in positions) for row in rows]
        end = _end_of_page(places, batch_rows)
        if end == 0 and rows:
            names = ", ".join(each.name for each in order)
            raise SourceError(
                f"more than {batch_rows} rows have the same {names}: {places[0]}",
                fix="make the columns that identify a row the contract's primary key",
            )
        if rows:
            yield places[end - 1], rows[:end]
        if end == len(rows):
            return
        after = places[end - 1]


def _end_of_page(places: Sequence[Place], batch_rows: int) -> int:
    """How many rows are surely whole groups of the same place."""
    if len(places) <= batch_rows:
        return len(places)
    end = batch_rows
    while end and places[end - 1] == places[batch_rows]:
        end -= 1
    return end


def _is_after(order: Sequence[Field], after: Place, use_tuples: bool) -> ColumnElement[bool]:
    columns = [each.column for each in order]
    values = [each.bind(value) for each, value in zip(order, after, strict=True)]
    if use_tuples and len(columns) > 1:
        return tuple_(*columns) > tuple_(*values)
    beyond = [
        and_(*(c == v for c, v in zip(columns[:i], values[:i], strict=True)), column > values[i])
        for i, column in enumerate(columns)
    ]
    # The first condition says nothing more, but an index can be searched by it.
    return and_(columns[0] >= values[0], or_(*beyond))
