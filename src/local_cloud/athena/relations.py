"""A table's objects as a DuckDB view with the columns and types that the catalogue names."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import duckdb

from local_cloud.athena.catalog import Table
from local_cloud.athena.dialect import PATH_COLUMN
from local_cloud.athena.errors import QueryFailure
from local_cloud.athena.partitions import DataFile
from local_cloud.athena.types import duckdb_type

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
_JSON_BYTES = 32 * 1024 * 1024
_numbers = itertools.count()


def create_view(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    files: list[DataFile],
    *,
    condition: str | None,
    with_path: bool,
) -> list[DataFile]:
    """Make `database.table` readable in DuckDB; the answer is the files that will be read.

    Args:
        condition: What the query asks of the partition columns; other partitions stay closed.
        with_path: Whether the query names the column of the objects' URIs.
    """
    database, name = quote(table.name.database), quote(table.name.table)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {database}")
    if not files:
        connection.execute(f"CREATE VIEW {database}.{name} AS {_nothing(table, with_path)}")
        return []
    partitions = f"_partitions_{next(_numbers)}"
    keys = "".join(f", {quote(key)} {duckdb_type(kind)}" for key, kind in table.keys.items())
    connection.execute(f"CREATE TABLE {partitions} (file VARCHAR, uri VARCHAR{keys})")
    bucket = table.location.partition("://")[2].partition("/")[0]
    values = [
        [_hive_null(file.values[place]) for file in files] for place in range(len(table.keys))
    ]
    lists = [[str(f.path) for f in files], [f"s3://{bucket}/{f.key}" for f in files], *values]
    marks = ", ".join(["unnest(CAST(? AS VARCHAR[]))"] * len(lists))
    try:
        connection.execute(f"INSERT INTO {partitions} SELECT {marks}", lists)
    except duckdb.ConversionException as error:
        raise QueryFailure("HIVE_INVALID_PARTITION_VALUE", f"{table.name}: {error}") from error
    if condition:
        kept = connection.execute(f"SELECT file FROM {partitions} WHERE {condition}").fetchall()
        names = {row[0] for row in kept}
        files = [file for file in files if str(file.path) in names]
        if not files:
            connection.execute(f"CREATE VIEW {database}.{name} AS {_nothing(table, with_path)}")
            return []
    # A file may be in several partitions: it is read once, and joined with each.
    paths = list(dict.fromkeys((file.path, file.key) for file in files))
    columns, sources = _source(connection, table, paths)
    columns += [f"p.{quote(key)}" for key in table.keys]
    if with_path:
        columns.append(f"p.uri AS {quote(PATH_COLUMN)}")
    source = " UNION ALL BY NAME ".join(f"SELECT * FROM {each}" for each in sources)
    connection.execute(
        f"CREATE VIEW {database}.{name} AS SELECT {', '.join(columns)}"
        f" FROM ({source}) f JOIN {partitions} p ON f._file = p.file"
    )
    return files


def scanned_bytes(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    files: list[DataFile],
    columns: set[str] | None,
) -> int:
    """What Athena would charge for: the column chunks that are read, or whole files.

    Args:
        columns: Those that the query uses; None for all.
    """
    total = sum(file.bytes for file in files)
    if columns is None or not files or not table.serde.startswith("Parquet"):
        return total
    used = ", ".join(text(column) for column in columns & set(table.columns)) or "NULL"
    row = connection.execute(
        "SELECT coalesce(sum(total_compressed_size), 0) FROM"
        f" parquet_metadata({_list([file.path for file in files])})"
        f" WHERE lower(split_part(path_in_schema, ',', 1)) IN ({used})"
    ).fetchone()
    return int(row[0]) if row else 0


def quote(name: str) -> str:
    """An identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


def _nothing(table: Table, with_path: bool) -> str:
    columns = [
        f"CAST(NULL AS {duckdb_type(kind)}) AS {quote(column)}"
        for column, kind in {**table.columns, **table.keys}.items()
    ]
    if with_path:
        columns.append(f"CAST(NULL AS VARCHAR) AS {quote(PATH_COLUMN)}")
    return f"SELECT {', '.join(columns)} WHERE false"


def _source(
    connection: duckdb.DuckDBPyConnection, table: Table, files: list[tuple[Path, str]]
) -> tuple[list[str], list[str]]:
    """The columns' expressions over `f`, and the reading functions that make up `f`."""
    if table.serde in ("ParquetHiveSerDe", "ParquetSerDe"):
        return _parquet(connection, table, [path for path, _ in files])
    if table.serde in ("JsonSerDe", "HiveJsonSerDe"):
        return _json(table, files)
    if table.serde in ("OpenCSVSerde", "LazySimpleSerDe"):
        return _csv(table, files)
    raise QueryFailure(
        "NOT_SUPPORTED", f"The embedded cloud does not read {table.serde or 'no SerDe'} tables"
    )


def _parquet(
    connection: duckdb.DuckDBPyConnection, table: Table, paths: list[Path]
) -> tuple[list[str], list[str]]:
    source = (
        f"read_parquet({_list(paths)}, filename='_file', union_by_name=true,"
        " hive_partitioning=false)"
    )
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    except duckdb.Error as error:
        raise QueryFailure("HIVE_BAD_DATA", f"{table.name}: {error}") from error
    found = {row[0].lower(): (row[0], row[1]) for row in described}
    columns = []
    for column, kind in table.columns.items():
        wanted = duckdb_type(kind)
        if column.lower() not in found:
            columns.append(f"CAST(NULL AS {wanted}) AS {quote(column)}")
            continue
        name, actual = found[column.lower()]
        if not _is_readable(actual, wanted):
            raise QueryFailure(
                "HIVE_BAD_DATA",
                f"Field {column}'s type {actual} in parquet file is incompatible with type {kind}"
                f" defined in table schema of {table.name}",
            )
        columns.append(f"{_converted(f'f.{quote(name)}', actual, wanted)} AS {quote(column)}")
    return columns, [source]


def _is_readable(actual: str, wanted: str) -> bool:
    """Whether Athena reads a Parquet column of one type as another."""
    if "(" in actual and not actual.startswith("DECIMAL") or actual.endswith("[]"):
        return actual.split("(")[0] == wanted.split("(")[0] or wanted.endswith("[]")
    if actual in _INTEGERS and wanted in (*_INTEGERS, "INT"):
        return True
    if actual.startswith("DECIMAL") and wanted.startswith("DECIMAL"):
        return True
    if actual.startswith("TIMESTAMP"):
        return wanted.startswith("TIMESTAMP")
    same = {"VARCHAR": "TEXT", "FLOAT": "REAL"}
    if (actual, wanted) == ("FLOAT", "DOUBLE"):
        return True
    return wanted.split("(")[0] in (actual, same.get(actual, actual))


def _converted(column: str, actual: str, wanted: str) -> str:
    """A value as Athena shows it: timestamps are UTC and rounded to milliseconds."""
    if actual.startswith("TIMESTAMP") and "[]" not in actual:
        micros = f"epoch_us({column})"
        return f"make_timestamp(({micros} + 500) - ((({micros} + 500) % 1000 + 1000) % 1000))"
    return f"CAST({column} AS {wanted})"


def _json(table: Table, files: list[tuple[Path, str]]) -> tuple[list[str], list[str]]:
    fields = ", ".join(
        f"{text(column)}: {text(duckdb_type(kind))}" for column, kind in table.columns.items()
    )
    ignore = table.serde_parameters.get("ignore.malformed.json", "false").lower() == "true"
    sources = [
        f"read_json({_list(paths)}, format='newline_delimited', columns={{{fields}}},"
        f" compression='{compression}', filename='_file', maximum_object_size={_JSON_BYTES},"
        f" hive_partitioning=false, ignore_errors={str(ignore).lower()})"
        for compression, paths in _by_compression(files)
    ]
    return [f"f.{quote(column)}" for column in table.columns], sources


def _csv(table: Table, files: list[tuple[Path, str]]) -> tuple[list[str], list[str]]:
    serde, is_lazy = table.serde_parameters, table.serde == "LazySimpleSerDe"
    delimiter = (
        serde.get("field.delim") or serde.get("separatorChar") or ("\x01" if is_lazy else ",")
    )
    fields = ", ".join(f"{text(column)}: 'VARCHAR'" for column in table.columns)
    quoting = text("" if is_lazy else serde.get("quoteChar", '"'))
    escape = text("" if is_lazy else serde.get("quoteChar", '"'))
    skip = int(table.parameters.get("skip.header.line.count", "0"))
    sources = [
        f"read_csv({_list(paths)}, auto_detect=false, header=false, skip={skip},"
        f" delim={text(delimiter)}, quote={quoting}, escape={escape}, columns={{{fields}}},"
        f" nullstr='\\N', null_padding=true, compression='{compression}', filename='_file',"
        " hive_partitioning=false)"
        for compression, paths in _by_compression(files)
    ]
    columns = []
    for column, kind in table.columns.items():
        wanted = duckdb_type(kind)
        read = (
            f"TRY_CAST(f.{quote(column)} AS {wanted})" if wanted != "TEXT" else f"f.{quote(column)}"
        )
        columns.append(f"{read} AS {quote(column)}")
    return columns, sources


def _by_compression(files: list[tuple[Path, str]]) -> Iterator[tuple[str, list[Path]]]:
    """Hive goes by the key's ending; the files here have none."""
    for compression, suffixes in (("gzip", (".gz", ".gzip")), ("zstd", (".zst", ".zstd"))):
        paths = [path for path, key in files if key.endswith(suffixes)]
        files = [(path, key) for path, key in files if not key.endswith(suffixes)]
        if paths:
            yield compression, paths
    if files:
        yield "none", [path for path, _ in files]


def _hive_null(value: str) -> str | None:
    return None if value == "__HIVE_DEFAULT_PARTITION__" else value


def _list(paths: list[Path]) -> str:
    return f"[{', '.join(text(str(path)) for path in paths)}]"
