"""SELECT, and the statements that write what a SELECT gives: CTAS, INSERT INTO, UNLOAD."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from local_cloud.athena import dialect
from local_cloud.athena.access import Access
from local_cloud.athena.catalog import Catalog, Name, Table
from local_cloud.athena.create_table import table_options
from local_cloud.athena.errors import QueryFailure
from local_cloud.athena.formats import FORMATS, storage_descriptor
from local_cloud.athena.partitions import data_files, split_uri
from local_cloud.athena.pruning import partition_condition, used_columns
from local_cloud.athena.relations import create_view, quote, scanned_bytes, text
from local_cloud.athena.results import Result, Row, as_text
from local_cloud.athena.types import column_info, duckdb_type, glue_type
from local_cloud.context import Cloud

_FETCH_ROWS = 10_000
_BLANK_TYPES = ("sqlnull", '"null"')


@dataclass
class Query:
    """One execution's use of DuckDB.

    Attributes:
        database: What an unqualified table name means.
        folder: For what is spilled and written on the way to S3.
        output: The S3 URI, ending with a slash, that results go to.
        scanned_bytes: Added up while tables are opened.
    """

    id: str
    cloud: Cloud
    catalog: Catalog
    access: Access
    database: str
    folder: Path
    output: str
    scanned_bytes: int = 0
    connection: duckdb.DuckDBPyConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = duckdb.connect()

    def run(self, tree: exp.Expr, parameters: list[str]) -> Result:
        """Execute a statement of DML."""
        tree = dialect.bind_parameters(tree, parameters)
        if isinstance(tree, exp.Create) and tree.kind == "TABLE":
            return self._create_table_as(tree)
        if isinstance(tree, exp.Insert):
            return self._insert(tree)
        if not isinstance(tree, exp.Query):
            raise QueryFailure("NOT_SUPPORTED", f"The embedded cloud does not run {_what(tree)}")
        return self._select(tree)

    def _select(self, tree: exp.Expr) -> Result:
        cursor = self._execute(self._prepare(tree))
        columns = [column_info(name, kind) for name, kind, *_ in cursor.description or []]
        return Result(columns, _rows(cursor), is_query=True)

    def _prepare(self, tree: exp.Expr) -> str:
        """Open the tables that a query reads; the answer is the query for DuckDB."""
        names = sorted(dialect.table_names(tree, self.database), key=str)
        tables = [self.catalog.table(name) for name in names]
        sql, typed = dialect.to_duckdb(tree, tables=tables, database=self.database)
        self._configure()
        with_path = any(column.name == dialect.PATH_COLUMN for column in tree.find_all(exp.Column))
        for table in tables:
            files = create_view(
                self.connection,
                table,
                data_files(self.cloud, self.catalog, table, self.access),
                condition=partition_condition(typed, table),
                with_path=with_path,
            )
            for each in files:
                self.access.check_read(split_uri(table.location)[0], each.key)
            used = used_columns(typed, table)
            self.scanned_bytes += scanned_bytes(self.connection, table, files, used)
        return sql

    def _configure(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        allowed = [str(self.cloud.home / "objects"), str(self.folder)]
        for name, value in (
            ("TimeZone", "'UTC'"),
            ("integer_division", "true"),
            ("memory_limit", "'1GB'"),
            ("temp_directory", text(str(self.folder))),
            ("allowed_directories", f"[{', '.join(map(text, allowed))}]"),
            ("enable_external_access", "false"),
        ):
            self.connection.execute(f"SET {name} = {value}")
        for macro in dialect.macros():
            self.connection.execute(macro)
        self.connection.execute("SET lock_configuration = true")

    def _execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        try:
            return self.connection.execute(sql)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise _failure(error) from error

    def _create_table_as(self, tree: exp.Create) -> Result:
        target = Name.of(tree.this.db or self.database, tree.this.name)
        if self.catalog.find_table(target):
            if tree.args.get("exists"):
                return Result()
            raise QueryFailure(
                "TABLE_ALREADY_EXISTS",
                f"Destination table 'awsdatacatalog.{target}' already exists",
            )
        options = table_options(tree)
        location = options.location or f"{self.output}tables/{self.id}/"
        bucket, prefix = split_uri(location)
        self.access.check_list(bucket, prefix)
        if self.cloud.list_objects(bucket, prefix):
            raise QueryFailure(
                "HIVE_PATH_ALREADY_EXISTS",
                f"Target directory for table '{target}' already exists: {location}",
            )
        sql = self._prepare(tree.expression)
        types = {name: _written_type(kind) for name, kind in self._described(sql)}
        unknown = set(options.keys) - set(types)
        if unknown:
            raise QueryFailure("INVALID_TABLE_PROPERTY", f"Partition column {unknown} not present")
        columns = {name: kind for name, kind in types.items() if name not in options.keys}
        definition = {
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE"},
            "PartitionKeys": [{"Name": key, "Type": types[key]} for key in options.keys],
            "StorageDescriptor": storage_descriptor(options.format, columns, location, {}),
        }
        table = Table(target, definition)
        count, uris = self._write(sql, table, types, options.compression)
        self.catalog.create_table(target, definition)
        self._register(table, uris)
        return Result(update_count=count, manifest=uris)

    def _insert(self, tree: exp.Insert) -> Result:
        schema = tree.this
        named = schema.this if isinstance(schema, exp.Schema) else schema
        table = self.catalog.table(Name.of(named.db or self.database, named.name))
        if table.serde != "ParquetHiveSerDe":
            raise QueryFailure(
                "NOT_SUPPORTED",
                f"The embedded cloud inserts into Parquet tables only: {table.name}",
            )
        types = {**table.columns, **table.keys}
        wanted = list(types)
        if isinstance(schema, exp.Schema):
            wanted = [column.name.lower() for column in schema.expressions]
        sql = self._prepare(tree.expression)
        described = self._described(sql)
        if len(described) != len(wanted):
            raise QueryFailure(
                "TYPE_MISMATCH",
                f"Insert query has {len(described)} columns, {table.name} takes {len(wanted)}",
            )
        given = dict(zip(wanted, (quote(name) for name, _ in described), strict=True))
        chosen = ", ".join(
            f"CAST({given.get(name, 'NULL')} AS {duckdb_type(kind)}) AS {quote(name)}"
            for name, kind in types.items()
        )
        count, uris = self._write(f"SELECT {chosen} FROM ({sql})", table, types, "SNAPPY")
        self._register(table, uris)
        return Result(update_count=count, manifest=uris)

    def _described(self, sql: str) -> list[tuple[str, Any]]:
        cursor = self._execute(f"SELECT * FROM ({sql}) LIMIT 0")
        return [(name, kind) for name, kind, *_ in cursor.description or []]

    def _write(
        self, sql: str, table: Table, types: dict[str, str], compression: str
    ) -> tuple[int, list[str]]:
        """Write a query's rows under a table's location; row count and URIs."""
        folder = self.folder / "written"
        target = folder if table.keys else folder / "data"
        folder.mkdir(parents=True)
        casts = ", ".join(
            f"CAST({quote(name)} AS {duckdb_type(kind)}) AS {quote(name)}"
            for name, kind in types.items()
        )
        options = [FORMATS[table.serde].duckdb]
        if table.serde == "ParquetHiveSerDe":
            options.append(f"COMPRESSION {compression}")
        if table.keys:
            options.append(f"PARTITION_BY ({', '.join(quote(key) for key in table.keys)})")
        row = self._execute(
            f"COPY (SELECT {casts} FROM ({sql})) TO {text(str(target))} ({', '.join(options)})"
        ).fetchone()
        uris = list(self._upload(folder, table))
        shutil.rmtree(folder)
        return (int(row[0]) if row else 0), uris

    def _upload(self, folder: Path, table: Table) -> Iterator[str]:
        s3, (bucket, prefix) = self.access.client("s3"), split_uri(table.location)
        suffix = FORMATS[table.serde].suffix
        for number, path in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
            parts = path.relative_to(folder).parent.parts
            key = f"{prefix}{''.join(f'{part}/' for part in parts)}{self.id}_{number:05d}{suffix}"
            s3.upload_file(str(path), bucket, key)
            yield f"s3://{bucket}/{key}"

    def _register(self, table: Table, uris: list[str]) -> None:
        if not table.keys or table.is_projected:
            return
        found = {}
        for uri in uris:
            folder = uri.rpartition("/")[0] + "/"
            pairs = folder[len(table.location) :].rstrip("/").split("/")
            found[tuple(pair.partition("=")[2] for pair in pairs)] = folder
        self.catalog.add_partitions(table, found)


def _what(tree: exp.Expr) -> str:
    kind = tree.args.get("kind")
    return f"{tree.key} {kind}".upper() if isinstance(kind, str) else tree.key.upper()


def _written_type(kind: Any) -> str:
    return "string" if kind.id in _BLANK_TYPES else glue_type(kind)


def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    while batch := cursor.fetchmany(_FETCH_ROWS):
        for row in batch:
            yield [as_text(value) for value in row]


def _failure(error: duckdb.Error) -> QueryFailure:
    message = str(error).split("\n\nLINE")[0].strip()
    message = message.partition("Error: ")[2] or message
    kinds: dict[type[duckdb.Error], str] = {
        duckdb.BinderException: "SYNTAX_ERROR",
        duckdb.CatalogException: "SYNTAX_ERROR",
        duckdb.ParserException: "SYNTAX_ERROR",
        duckdb.ConversionException: "INVALID_CAST_ARGUMENT",
        duckdb.OutOfRangeException: "NUMERIC_VALUE_OUT_OF_RANGE",
        duckdb.OutOfMemoryException: "EXCEEDED_LOCAL_MEMORY_LIMIT",
    }
    return QueryFailure(kinds.get(type(error), "GENERIC_USER_ERROR"), message)
