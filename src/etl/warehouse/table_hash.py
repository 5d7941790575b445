"""One number for a table's content, the same however and whenever its rows were loaded."""

from __future__ import annotations

from etl.model import Column, Contract
from etl.warehouse.sql import identifier
from etl.warehouse.tables import target_table

_DIGITS = 15  # hex digits that STRTOL's BIGINT surely holds


def table_hash_sql(contract: Contract) -> str:
    """A query with one value: 32 hex digits of the content of all the table's rows.

    Each row gives the MD5 of its values: of text and SUPER their MD5, of the others their text
    and a bar, of NULL a hyphen, so that no two rows write the same. Its first 60 bits are summed
    over all rows, so that their order does not count, and repeated rows do. When a row was loaded
    and where it came from are left out. The text of a value does not depend on the session's time
    zone; that of a DOUBLE PRECISION has the digits that Redshift shows, 15 by default.
    """
    partition = _ended(f"TO_CHAR({identifier(contract.partition)}, 'YYYY-MM-DD')")
    values = [_value_text(column) for column in contract.data_columns] + [partition]
    row = " ||\n    ".join(values)
    number = f"STRTOL(LEFT(MD5(\n    {row}\n  ), {_DIGITS}), 16)"
    return (
        "SELECT MD5(CAST(table_rows AS VARCHAR) || ':' || CAST(row_sum AS VARCHAR)) AS table_hash\n"
        "FROM (SELECT COUNT(*) AS table_rows,\n"
        f"  COALESCE(SUM(CAST({number} AS DECIMAL(38,0))), 0) AS row_sum\n"
        f"  FROM {target_table(contract).sql_name}) AS summed"
    )


def _value_text(column: Column) -> str:
    name = identifier(column.name)
    match column.type.kind:
        case "string":
            return f"COALESCE(MD5({name}), '-')"
        case "array":
            # JSON_SERIALIZE writes a missing value as text, so it cannot tell it from JSON's null.
            return f"CASE WHEN {name} IS NULL THEN '-' ELSE MD5(JSON_SERIALIZE({name})) END"
        case "boolean":
            return _ended(f"CASE WHEN {name} THEN 't' WHEN NOT {name} THEN 'f' END")
        case "date":
            return _ended(f"TO_CHAR({name}, 'YYYY-MM-DD')")
        case "timestamp":
            return _ended(f"TO_CHAR({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')")
        case _:
            return _ended(f"CAST({name} AS VARCHAR)")


def _ended(text: str) -> str:
    return f"COALESCE({text}, '-') || '|'"
