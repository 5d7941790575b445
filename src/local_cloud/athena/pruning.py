"""What a query asks of a table's partitions, and which of its columns it uses."""

from __future__ import annotations

from sqlglot import exp

from local_cloud.athena.catalog import Table
from local_cloud.athena.errors import QueryFailure
from local_cloud.athena.partitions import injected_keys


def partition_condition(typed: exp.Expr | None, table: Table) -> str | None:
    """The part of the WHERE clause that concerns only partition columns, for DuckDB."""
    conjuncts = _partition_conjuncts(typed, table)
    _check_injected(table, conjuncts)
    if not conjuncts:
        return None
    condition = exp.and_(*(conjunct.copy() for conjunct in conjuncts))
    for column in condition.find_all(exp.Column):
        column.set("table", None)
        column.set("db", None)
    return condition.sql(dialect="duckdb")


def used_columns(typed: exp.Expr | None, table: Table) -> set[str] | None:
    """The table's columns that a query names; None where that is not known."""
    uses = _uses(typed, table)
    if typed is None or len(uses) != 1 or any(typed.find_all(exp.Star)) and _selects_star(typed):
        return None
    alias = uses[0].alias_or_name
    return {column.name for column in typed.find_all(exp.Column) if column.table == alias}


def _selects_star(typed: exp.Expr) -> bool:
    return any(
        isinstance(star.parent, (exp.Select, exp.Column)) for star in typed.find_all(exp.Star)
    )


def _uses(typed: exp.Expr | None, table: Table) -> list[exp.Table]:
    if typed is None:
        return []
    return [
        use
        for use in typed.find_all(exp.Table)
        if (use.db, use.name) == (table.name.database, table.name.table)
    ]


def _partition_conjuncts(typed: exp.Expr | None, table: Table) -> list[exp.Expr]:
    uses = _uses(typed, table)
    if len(uses) != 1:
        return []
    select = uses[0].find_ancestor(exp.Select)
    if select is None or any(join.side for join in select.args.get("joins") or []):
        return []
    where = select.args.get("where")
    if where is None:
        return []
    alias = uses[0].alias_or_name
    return [
        conjunct
        for conjunct in _conjuncts(where.this)
        if not conjunct.find(exp.Query) and _concerns_only(conjunct, alias, table)
    ]


def _conjuncts(node: exp.Expr) -> list[exp.Expr]:
    node = node.unnest()
    if isinstance(node, exp.And):
        return [*_conjuncts(node.this), *_conjuncts(node.expression)]
    return [node]


def _concerns_only(conjunct: exp.Expr, alias: str, table: Table) -> bool:
    columns = list(conjunct.find_all(exp.Column))
    return bool(columns) and all(
        column.table == alias and column.name in table.keys for column in columns
    )


def _check_injected(table: Table, conjuncts: list[exp.Expr]) -> None:
    """A query has to say which values of an injected column it wants."""
    named = {
        conjunct.this.name
        for conjunct in conjuncts
        if isinstance(conjunct, (exp.EQ, exp.In)) and isinstance(conjunct.this, exp.Column)
    }
    for key in injected_keys(table):
        if key not in named:
            raise QueryFailure(
                "CONSTRAINT_VIOLATION",
                f"For the injected projected partition column {key}, the WHERE clause must contain"
                " only static equality conditions, and at least one such condition must be"
                " present.",
            )
