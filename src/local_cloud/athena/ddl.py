"""DDL, carried out on the Glue catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from sqlglot import exp

from local_cloud.athena.access import Access
from local_cloud.athena.catalog import Catalog, Name, Table
from local_cloud.athena.create_table import table_definition
from local_cloud.athena.errors import InvalidRequestError, QueryFailure, hive_failure
from local_cloud.athena.partitions import found_partitions
from local_cloud.athena.results import Result
from local_cloud.athena.show import SHOWS, string_column
from local_cloud.context import Cloud

_NAME = r"((?:`[^`]+`|\"[^\"]+\"|[\w$]+)(?:\.(?:`[^`]+`|\"[^\"]+\"|[\w$]+))?)"
_PARTITION = re.compile(r"PARTITION\s*\(([^)]*)\)(?:\s*LOCATION\s*'([^']*)')?", re.IGNORECASE)
_PAIR = re.compile(r"`?(\w+)`?\s*=\s*(?:'((?:[^']|'')*)'|\"([^\"]*)\"|([-\w.]+))")
_PROPERTY = re.compile(r"['\"]([^'\"]+)['\"]\s*=\s*['\"]([^'\"]*)['\"]")


class Ddl:
    """One execution's DDL."""

    def __init__(self, cloud: Cloud, catalog: Catalog, database: str, access: Access) -> None:
        self._cloud = cloud
        self._access = access
        self._catalog = catalog
        self._database = database

    def run(self, sql: str, tree: exp.Expr) -> Result:
        """Carry out a statement.

        Raises:
            QueryFailure: As Athena fails it.
            InvalidRequestError: It is nothing that is known here.
        """
        if isinstance(tree, exp.Create):
            return self._create(tree)
        if isinstance(tree, exp.Drop):
            return self._drop(tree)
        statements: list[tuple[str, Callable[..., Result]]] = [
            (rf"MSCK\s+REPAIR\s+TABLE\s+{_NAME}", self._repair),
            (
                rf"ALTER\s+TABLE\s+{_NAME}\s+ADD\s+(IF\s+NOT\s+EXISTS\s+)?(?=PARTITION)(.*)",
                self._add,
            ),
            (rf"ALTER\s+TABLE\s+{_NAME}\s+DROP\s+(IF\s+EXISTS\s+)?(?=PARTITION)(.*)", self._forget),
            (rf"ALTER\s+TABLE\s+{_NAME}\s+SET\s+TBLPROPERTIES\s*\((.*)\)", self._set_properties),
            (rf"ALTER\s+TABLE\s+{_NAME}\s+SET\s+LOCATION\s*'([^']+)'", self._set_location),
            (rf"ALTER\s+TABLE\s+{_NAME}\s+ADD\s+COLUMNS\s*\((.*)\)", self._add_columns),
        ]
        for pattern, carry_out in statements:
            if match := _match(pattern, sql):
                return carry_out(self._table(match.group(1)), *match.groups()[1:])
        for pattern, show in SHOWS:
            if match := _match(pattern.replace("NAME", _NAME), sql):
                return show(self._catalog, self._name, self._database, *match.groups())
        raise InvalidRequestError(f"Queries of this type are not supported: {sql}")

    def _name(self, written: str) -> Name:
        parts = [part.strip('`"') for part in re.findall(r"`[^`]+`|\"[^\"]+\"|[\w$]+", written)]
        return Name.of(parts[0] if len(parts) == 2 else self._database, parts[-1])

    def _table(self, written: str) -> Table:
        name = self._name(written)
        table = self._catalog.find_table(name)
        if table is None:
            raise QueryFailure(
                "", f"FAILED: SemanticException [Error 10001]: Table not found {name}"
            )
        return table

    def _create(self, tree: exp.Create) -> Result:
        if tree.kind in ("DATABASE", "SCHEMA"):
            return self._create_database(tree)
        if tree.kind != "TABLE" or not isinstance(tree.this, exp.Schema):
            raise QueryFailure("NOT_SUPPORTED", f"The embedded cloud: CREATE {tree.kind}")
        written = tree.this.this
        name = Name.of(written.db or self._database, written.name)
        if tree.args.get("exists") and self._catalog.find_table(name):
            return Result()
        try:
            self._catalog.create_table(name, table_definition(tree))
        except QueryFailure as error:
            if "already exists" in str(error):
                raise hive_failure(
                    f"AlreadyExistsException(message:Table {name.table} already exists)"
                ) from error
            raise hive_failure(
                f"org.apache.hadoop.hive.ql.metadata.HiveException: {error}"
            ) from error
        return Result()

    def _create_database(self, tree: exp.Create) -> Result:
        properties = tree.args.get("properties")
        given = properties.expressions if properties else []
        definition: dict[str, Any] = {"Name": tree.this.name.lower()}
        for each in given:
            if isinstance(each, exp.SchemaCommentProperty):
                definition["Description"] = each.this.name
            elif isinstance(each, exp.LocationProperty):
                definition["LocationUri"] = each.this.name
        try:
            self._catalog.glue.create_database(DatabaseInput=definition)
        except self._catalog.glue.exceptions.AlreadyExistsException as error:
            if not tree.args.get("exists"):
                raise hive_failure(f"Database {definition['Name']} already exists") from error
        return Result()

    def _drop(self, tree: exp.Drop) -> Result:
        kind = tree.args["kind"]
        written = (tree.args.get("tables") or [tree.this])[0]
        glue = self._catalog.glue
        try:
            if kind == "TABLE":
                name = Name.of(written.db or self._database, written.name)
                glue.delete_table(DatabaseName=name.database, Name=name.table)
            elif kind in ("DATABASE", "SCHEMA"):
                self._drop_database(written.name.lower(), cascade=bool(tree.args.get("cascade")))
            else:
                raise QueryFailure("NOT_SUPPORTED", f"The embedded cloud: DROP {kind}")
        except glue.exceptions.EntityNotFoundException as error:
            if not tree.args.get("exists"):
                message = error.response["Error"]["Message"]
                raise QueryFailure(
                    "", f"FAILED: SemanticException [Error 10001]: {message}"
                ) from error
        return Result()

    def _drop_database(self, name: str, *, cascade: bool) -> None:
        glue = self._catalog.glue
        if not cascade and glue.get_tables(DatabaseName=name)["TableList"]:
            raise hive_failure(
                f"InvalidOperationException(message:Database {name} is not empty."
                " One or more tables exist.)"
            )
        glue.delete_database(Name=name)

    def _repair(self, table: Table) -> Result:
        found = found_partitions(self._cloud, table, self._access)
        known = {tuple(values) for values, _ in self._catalog.partitions(table)}
        new = {values: location for values, location in found.items() if values not in known}
        self._catalog.add_partitions(table, new)
        names = [f"{table.name.table}:{_folder(table, values)}" for values in new]
        rows: list[list[str | None]] = []
        if names:
            rows.append(["\t".join(["Partitions not in metastore:", *names])])
            rows += [[f"Repair: Added partition to metastore {name}"] for name in names]
        return Result([string_column("result")], rows)

    def _add(self, table: Table, if_not_exists: str | None, specification: str) -> Result:
        found = {}
        for text, location in _PARTITION.findall(specification):
            values = self._values(table, text)
            default = f"{table.location}{_folder(table, values)}/"
            found[values] = location.rstrip("/") + "/" if location else default
        errors = self._catalog.add_partitions(table, found)
        if errors and not if_not_exists:
            raise hive_failure("AlreadyExistsException(message:Partition already exists.)")
        return Result()

    def _forget(self, table: Table, if_exists: str | None, specification: str) -> Result:
        for text, _ in _PARTITION.findall(specification):
            dropped = self._catalog.drop_partition(table, list(self._values(table, text)))
            if not dropped and not if_exists:
                raise QueryFailure(
                    "", f"FAILED: SemanticException [Error 10006]: Partition not found {text}"
                )
        return Result()

    def _values(self, table: Table, text: str) -> tuple[str, ...]:
        pairs = {m[1].lower(): m[2] or m[3] or m[4] or "" for m in _PAIR.finditer(text)}
        if set(pairs) != set(table.keys):
            raise QueryFailure(
                "",
                f"FAILED: SemanticException partition spec {{{text}}} needs {list(table.keys)}",
            )
        return tuple(pairs[key] for key in table.keys)

    def _set_properties(self, table: Table, text: str) -> Result:
        return self._update(table, Parameters={**table.parameters, **dict(_PROPERTY.findall(text))})

    def _set_location(self, table: Table, location: str) -> Result:
        return self._update(table, StorageDescriptor={**table.storage, "Location": location})

    def _add_columns(self, table: Table, text: str) -> Result:
        columns = [
            {"Name": name.strip("`").lower(), "Type": kind.strip().lower()}
            for name, kind in (part.strip().split(None, 1) for part in _split_outside(text))
        ]
        storage = {**table.storage, "Columns": table.storage["Columns"] + columns}
        return self._update(table, StorageDescriptor=storage)

    def _update(self, table: Table, **changes: Any) -> Result:
        kept = (
            "Name",
            "Description",
            "TableType",
            "Parameters",
            "PartitionKeys",
            "StorageDescriptor",
        )
        definition = {name: table.definition[name] for name in kept if name in table.definition}
        self._catalog.glue.update_table(
            DatabaseName=table.name.database, TableInput={**definition, **changes}
        )
        return Result()


def _match(pattern: str, sql: str) -> re.Match[str] | None:
    return re.fullmatch(pattern, sql.strip().rstrip(";").strip(), re.IGNORECASE | re.DOTALL)


def _folder(table: Table, values: tuple[str, ...]) -> str:
    pairs = zip(table.keys, values, strict=True)
    return "/".join(f"{key}={quote(value, safe='-_. ')}" for key, value in pairs)


def _split_outside(text: str) -> list[str]:
    """Split at the commas that are not inside of < > or ( )."""
    return re.split(r",(?![^<(]*[>)])", text)
