"""SHOW and DESCRIBE, read from the Glue catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from local_cloud.athena.catalog import Catalog, Name
from local_cloud.athena.errors import QueryFailure
from local_cloud.athena.results import Result
from local_cloud.athena.types import column_info

_NameOf = Callable[[str], Name]


class _String:
    id = "varchar"


def string_column(name: str) -> dict[str, Any]:
    """A text column of a statement's result."""
    return {**column_info(name, _String()), "Type": "string", "Precision": 0}


def _lines(column: str, lines: Iterable[str]) -> Result:
    return Result([string_column(column)], [[line] for line in lines])


def _databases(catalog: Catalog, _name: _NameOf, _database: str, like: str | None) -> Result:
    pages = catalog.glue.get_paginator("get_databases").paginate()
    names = sorted({entry["Name"] for page in pages for entry in page["DatabaseList"]})
    return _lines("database_name", _filtered(names, like))


def _tables(
    catalog: Catalog, _name: _NameOf, database: str, named: str | None, like: str | None
) -> Result:
    name = (named or database).strip('`"').lower()
    try:
        pages = list(catalog.glue.get_paginator("get_tables").paginate(DatabaseName=name))
    except catalog.glue.exceptions.EntityNotFoundException as error:
        raise QueryFailure(
            "", f"FAILED: SemanticException [Error 10072]: Database does not exist: {name}"
        ) from error
    names = sorted(entry["Name"] for page in pages for entry in page["TableList"])
    return _lines("tab_name", _filtered(names, like))


def _filtered(names: list[str], like: str | None) -> list[str]:
    """Hive's patterns: `*` is anything, `|` is or."""
    if not like:
        return names
    pattern = re.compile(like.replace("*", ".*"))
    return [name for name in names if pattern.fullmatch(name)]


def _partitions(catalog: Catalog, name: _NameOf, _database: str, written: str) -> Result:
    table = catalog.table(name(written))
    if not table.keys:
        raise QueryFailure(
            "", f"FAILED: SemanticException [Error 10001]: {table.name} is not a partitioned table"
        )
    lines = (
        "/".join(f"{key}={value}" for key, value in zip(table.keys, values, strict=True))
        for values, _ in catalog.partitions(table)
    )
    return _lines("partition", sorted(lines))


def _columns(catalog: Catalog, name: _NameOf, _database: str, written: str) -> Result:
    table = catalog.table(name(written))
    return _lines("field", [f"{column:<20}" for column in {**table.columns, **table.keys}])


def _properties(catalog: Catalog, name: _NameOf, _database: str, written: str) -> Result:
    table = catalog.table(name(written))
    return _lines("prpt_name", (f"{key}\t{value}" for key, value in table.parameters.items()))


def _create_table(catalog: Catalog, name: _NameOf, _database: str, written: str) -> Result:
    table = catalog.table(name(written))
    lines = [f"CREATE EXTERNAL TABLE `{table.name}`("]
    lines += _separated(f"  `{column}` {kind}" for column, kind in table.columns.items())
    if table.keys:
        lines.append("PARTITIONED BY (")
        lines += _separated(f"  `{key}` {kind}" for key, kind in table.keys.items())
    lines += ["ROW FORMAT SERDE", f"  '{table.storage['SerdeInfo']['SerializationLibrary']}'"]
    lines += ["STORED AS INPUTFORMAT", f"  '{table.storage['InputFormat']}'"]
    lines += ["OUTPUTFORMAT", f"  '{table.storage['OutputFormat']}'"]
    lines += ["LOCATION", f"  '{table.location.rstrip('/')}'", "TBLPROPERTIES ("]
    lines += _separated(f"  '{key}'='{value}'" for key, value in table.parameters.items())
    return _lines("createtab_stmt", lines)


def _separated(items: Iterable[str]) -> list[str]:
    *first, last = items
    return [*(f"{item}," for item in first), f"{last})"]


def _describe(
    catalog: Catalog, name: _NameOf, _database: str, _detail: str | None, written: str
) -> Result:
    table = catalog.table(name(written))
    storage = table.storage["Columns"] + table.definition.get("PartitionKeys", [])
    lines = [
        f"{column['Name']:<20}\t{column['Type']:<20}\t{column.get('Comment', ''):<20}"
        for column in storage
    ]
    if table.keys:
        lines += ["\t \t ", "# Partition Information\t \t ", _describe_line("# col_name")]
        lines += [_describe_line(key, kind) for key, kind in table.keys.items()]
    return _lines("col_name", lines)


def _describe_line(name: str, kind: str = "data_type") -> str:
    return f"{name:<20}\t{kind:<20}\t{'':<20}"


# NAME stands for a table's name, as `ddl` matches it.
SHOWS: list[tuple[str, Callable[..., Result]]] = [
    (r"SHOW\s+(?:DATABASES|SCHEMAS)(?:\s+LIKE)?(?:\s+'([^']*)')?", _databases),
    (r"SHOW\s+TABLES(?:\s+IN\s+(`[^`]+`|\w+))?(?:\s+'([^']*)')?", _tables),
    (r"SHOW\s+PARTITIONS\s+NAME", _partitions),
    (r"SHOW\s+COLUMNS\s+(?:FROM|IN)\s+NAME", _columns),
    (r"SHOW\s+TBLPROPERTIES\s+NAME", _properties),
    (r"SHOW\s+CREATE\s+TABLE\s+NAME", _create_table),
    (r"(?:DESCRIBE|DESC)\s+(?:(EXTENDED|FORMATTED)\s+)?NAME", _describe),
]
