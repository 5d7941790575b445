"""Which names the warehouse, the catalogue and the file system all take as they are."""

from __future__ import annotations

import re

from sqlglot.dialects.redshift import Redshift

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,126}")

# Redshift's list of reserved words, and the system columns that no table may define.
_RESERVED = frozenset(word.strip() for word in Redshift.Generator.RESERVED_KEYWORDS) | {
    *("cmax", "cmin", "ctid", "deletexid", "insertxid", "oid", "tableoid", "xmax", "xmin"),
}
# What expressions give a meaning of its own.
_RUN_DATE = "run_date"
# What DuckDB gives a meaning of its own, unless a table has such a column.
_ROW_NUMBER = "rowid"


def name_fault(name: str) -> str | None:
    """What keeps `name` from being a column's or table's name, or None."""
    if not IDENTIFIER.fullmatch(name):
        return f'"{name}" is not a plain identifier (lower-case letters, digits and _, up to 127)'
    if name in _RESERVED:
        return f'"{name}" is a reserved word in Redshift'
    if name == _RUN_DATE:
        return '"run_date" is what expressions call the date of the run'
    if name == _ROW_NUMBER:
        return '"rowid" is what DuckDB calls the number of a row'
    return None


def snake_case(name: str) -> str:
    """customerId as customer_id."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name)
    return words.strip("_").lower()
