"""DDL from a contract: the tables as they should be, and the way there from what exists.

Redshift's rules (Developer Guide, ALTER TABLE): a column can be added if it may be NULL; a VARCHAR
can grow, outside a transaction block and unless a key constraint names it; nothing else changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from etl.errors import WarehouseError
from etl.warehouse.sql import identifier
from etl.warehouse.tables import Table, TableColumn

_VARCHAR = re.compile(r"VARCHAR\((\d+)\)")

Existing = Mapping[str, Sequence[TableColumn]]  # columns by table name


@dataclass(frozen=True)
class _Problem:
    what: str
    fix: str


def create_schema(schema: str) -> str:
    """CREATE SCHEMA, unless it exists."""
    return f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}"


def create_table(table: Table) -> str:
    """CREATE TABLE, unless it exists."""
    lines = [column_definition(column) for column in table.columns]
    if table.primary_key:
        name = identifier(_constraint(table))
        lines.append(f"CONSTRAINT {name} PRIMARY KEY ({_names(table.primary_key)})")
    body = ",\n  ".join(lines)
    text = f"CREATE TABLE IF NOT EXISTS {table.sql_name} (\n  {body}\n)"
    if table.dist_key:
        text += f"\nDISTSTYLE KEY DISTKEY ({identifier(table.dist_key)})"
    if table.sort_key:
        text += f"\nSORTKEY ({_names(table.sort_key)})"
    return text


def column_definition(column: TableColumn) -> str:
    """A column as CREATE TABLE takes it."""
    return f"{identifier(column.name)} {column.type}" + ("" if column.nullable else " NOT NULL")


def plan_changes(
    tables: Sequence[Table], existing: Existing, *, schema_exists: bool = True
) -> list[str]:
    """The statements that make the warehouse's tables what `tables` says; none if they are.

    Each is to be run on its own, not in a transaction.

    Raises:
        WarehouseError: A table differs in a way that cannot be mended without a person's choice;
            the message lists every difference, the fix the SQL for each.
    """
    statements = [] if schema_exists else [create_schema(tables[0].schema)]
    problems: list[str] = []
    fixes: list[str] = []
    for table in tables:
        columns = existing.get(table.name)
        if columns is None:
            statements.append(create_table(table))
            continue
        for step in _differences(table, columns):
            if isinstance(step, str):
                statements.append(step)
            else:
                problems.append(f"  - {table.schema}.{table.name}: {step.what}")
                fixes.append(f"    {step.fix}")
    if problems:
        raise WarehouseError(
            "the contract does not fit the table that exists:\n" + "\n".join(problems),
            fix="change the contract back, name another table in it, or run\n" + "\n".join(fixes),
        )
    return statements


def _differences(table: Table, existing: Sequence[TableColumn]) -> Iterator[str | _Problem]:
    found = {column.name: column for column in existing}
    wanted = {column.name: column for column in table.columns}
    for name in sorted(found.keys() - wanted.keys()):
        yield _Problem(
            f"column {name} {found[name].type} is not in the contract",
            f"ALTER TABLE {table.sql_name} DROP COLUMN {identifier(name)};",
        )
    for name, column in wanted.items():
        if name in found:
            yield from _column_differences(table, found[name], column)
        elif column.nullable:
            yield f"ALTER TABLE {table.sql_name} ADD COLUMN {column_definition(column)}"
        else:
            yield _Problem(
                f"column {name} {column.type} is new and required, which no older row can meet",
                f"ALTER TABLE {table.sql_name} ADD COLUMN {identifier(name)} {column.type}"
                " DEFAULT <value of the older rows> NOT NULL;",
            )


def _column_differences(
    table: Table, found: TableColumn, wanted: TableColumn
) -> Iterator[str | _Problem]:
    name = identifier(wanted.name)
    if not found.nullable and wanted.nullable:
        yield _Problem(
            f"column {wanted.name} is NOT NULL in the table and optional in the contract",
            _copy_column(table, wanted),
        )
    elif found.type == wanted.type or _is_wider(found.type, wanted.type):
        return
    elif not _is_wider(wanted.type, found.type):
        yield _Problem(
            f"column {wanted.name} is {found.type} in the table and {wanted.type} in the contract",
            _copy_column(table, wanted),
        )
    elif wanted.name in table.primary_key:
        yield _Problem(
            f"column {wanted.name} is to grow from {found.type} to {wanted.type}, which Redshift"
            " does not do while the primary key names it",
            f"ALTER TABLE {table.sql_name} DROP CONSTRAINT {identifier(_constraint(table))};"
            f" ALTER TABLE {table.sql_name} ALTER COLUMN {name} TYPE {wanted.type};"
            f" ALTER TABLE {table.sql_name} ADD CONSTRAINT {identifier(_constraint(table))}"
            f" PRIMARY KEY ({_names(table.primary_key)});",
        )
    else:
        yield f"ALTER TABLE {table.sql_name} ALTER COLUMN {name} TYPE {wanted.type}"


def _copy_column(table: Table, column: TableColumn) -> str:
    old, new = identifier(column.name), identifier(f"{column.name}__new"[:127])
    alter = f"ALTER TABLE {table.sql_name}"
    return (
        f"{alter} ADD COLUMN {new} {column.type};"
        f" UPDATE {table.sql_name} SET {new} = CAST({old} AS {column.type});"
        f" {alter} DROP COLUMN {old}; {alter} RENAME COLUMN {new} TO {old};"
    )


def _is_wider(one: str, other: str) -> bool:
    """Whether both are VARCHAR and `one` takes more bytes."""
    left, right = _VARCHAR.fullmatch(one), _VARCHAR.fullmatch(other)
    return bool(left and right) and int(left[1]) > int(right[1])  # type: ignore[index]


def _constraint(table: Table) -> str:
    return f"{table.name}__key"


def _names(columns: Sequence[str]) -> str:
    return ", ".join(identifier(name) for name in columns)
