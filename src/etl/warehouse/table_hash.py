"""One number for a table's content, the same however and whenever its rows were loaded."""

from __future__ import annotations

from etl.model import Column, Contract
from etl.warehouse.sql import identifier
from etl.warehouse.tables import target_table

_PIECE_DIGITS = 15  # hex digits that STRTOL's BIGINT surely holds


def table_hash_sql(contract: Contract) -> str:
    """A query with one row: how many rows the table has, and 32 hex digits of their content.

    Each row gives the MD5 of its values' MD5s, NULL apart from any text. Two numbers cut from it
    are summed over all rows, so that their order does not count, and repeated rows do. When a row
    was loaded is left out. The text of a value does not depend on the session's time zone; that
    of a DOUBLE PRECISION has the digits that Redshift shows, 15 by default.
    """
    partition = f"TO_CHAR({identifier(contract.partition)}, 'YYYY-MM-DD')"
    values = [_value_text(column) for column in contract.columns] + [_digest(partition)]
    row = " ||\n    ".join(values)
    sums = " || ':' || ".join(
        f"CAST(COALESCE(SUM(CAST(STRTOL(SUBSTRING(row_md5, {start}, {_PIECE_DIGITS}), 16)"
        " AS DECIMAL(38,0))), 0) AS VARCHAR)"
        for start in (1, 1 + _PIECE_DIGITS)
    )
    return (
        "SELECT COUNT(*) AS table_rows,\n"
        f"  MD5(CAST(COUNT(*) AS VARCHAR) || ':' || {sums}) AS table_hash\n"
        f"FROM (SELECT MD5(\n    {row}\n  ) AS row_md5\n"
        f"  FROM {target_table(contract).sql_name}) AS hashed"
    )


def _value_text(column: Column) -> str:
    name = identifier(column.name)
    match column.type.kind:
        case "string":
            return _digest(name)
        case "boolean":
            return f"CASE WHEN {name} THEN 't' WHEN NOT {name} THEN 'f' ELSE '-' END"
        case "date":
            return _digest(f"TO_CHAR({name}, 'YYYY-MM-DD')")
        case "timestamp":
            return _digest(f"TO_CHAR({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')")
        case "array":
            # JSON_SERIALIZE writes a missing value as text, so it cannot tell it from JSON's null.
            return f"CASE WHEN {name} IS NULL THEN '-' ELSE MD5(JSON_SERIALIZE({name})) END"
        case _:
            return _digest(f"CAST({name} AS VARCHAR)")


def _digest(text: str) -> str:
    return f"COALESCE(MD5({text}), '-')"
