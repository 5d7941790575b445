"""Athena's SQL (Trino's dialect) in DuckDB's, refusing what would mean something else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlglot
from sqlglot import ErrorLevel, exp
from sqlglot.errors import OptimizeError, SqlglotError, UnsupportedError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from local_cloud.athena.catalog import Name, Table
from local_cloud.athena.errors import InvalidRequestError, QueryFailure

# Trino functions that sqlglot passes through by name, and DuckDB's for them.
_MACROS = {
    "at_timezone": "(t, z) AS timezone(z, t)",
    "from_iso8601_date": "(t) AS CAST(t AS DATE)",
    "map_agg": "(k, v) AS map(list(k), list(v))",
    "to_iso8601": "(t) AS strftime(t, '%Y-%m-%dT%H:%M:%S.%g')",
}
_PASSED_THROUGH = {
    "abs", "array_distinct", "array_intersect", "array_position", "at_timezone", "bit_count",
    "bool_and", "bool_or", "ceil", "codepoint", "cosine_similarity", "degrees", "e",
    "from_base64", "from_iso8601_date", "histogram", "is_finite", "is_infinite", "is_nan",
    "last_day_of_month", "ln", "log10", "log2", "lpad", "map_agg", "map_keys", "map_values",
    "md5", "pi", "radians", "regexp_replace", "reverse", "rpad", "sha256", "starts_with",
    "to_base64", "to_iso8601", "translate", "typeof", "chr", "map_entries", "zip",
    "nextafter", "flatten",
}  # fmt: skip
PATH_COLUMN = "$path"  # the object a row comes from

_NUMBERS = exp.DataType.NUMERIC_TYPES
_TEXTS = exp.DataType.TEXT_TYPES
_TIMES = exp.DataType.TEMPORAL_TYPES
_PLACES = re.compile(r"Line:? (\d+),? Col:? (\d+)")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def parse(sql: str) -> exp.Expr:
    """One statement as a tree.

    Raises:
        InvalidRequestError: It is not one statement of Athena's SQL.
    """
    try:
        statements = [s for s in sqlglot.parse(sql, dialect="athena") if s is not None]
    except SqlglotError as error:
        raise InvalidRequestError(_parse_message(error)) from error
    if len(statements) != 1:
        raise InvalidRequestError(
            f"Only one sql statement is allowed. Got: {sql}" if statements else "Empty query"
        )
    return statements[0]


def bind_parameters(tree: exp.Expr, parameters: list[str]) -> exp.Expr:
    """Put execution parameters, which are SQL literals, in the place of `?`."""
    placeholders = list(tree.find_all(exp.Placeholder, bfs=False))
    if len(placeholders) != len(parameters):
        raise QueryFailure(
            "INVALID_PARAMETER_USAGE",
            f"Incorrect number of parameters: expected {len(placeholders)} but found"
            f" {len(parameters)}",
        )
    for placeholder, text in zip(placeholders, parameters, strict=True):
        placeholder.replace(_literal(text))
    return tree


def _literal(text: str) -> exp.Expr:
    try:
        value = sqlglot.parse_one(text, dialect="trino")
    except SqlglotError as error:
        raise QueryFailure("SYNTAX_ERROR", f"Parameter {text}: not a literal") from error
    if value.find(exp.Column, exp.Query):
        raise QueryFailure(
            "SYNTAX_ERROR", f"Parameter {text} is not a literal; a string needs its quotes"
        )
    return exp.Paren(this=value) if isinstance(value, exp.Binary) else value


def table_names(tree: exp.Expr, database: str) -> set[Name]:
    """The catalogue's tables that a query reads."""
    local = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    names = set()
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            raise QueryFailure("NOT_SUPPORTED", f"Table function {table.sql('trino')}")
        if table.catalog and table.catalog.lower() != "awsdatacatalog":
            raise QueryFailure("CATALOG_NOT_FOUND", f"Catalog '{table.catalog}' does not exist")
        if table.db or table.name.lower() not in local:
            names.add(Name.of(table.db or database, table.name))
    return names


def to_duckdb(tree: exp.Expr, *, tables: list[Table], database: str) -> tuple[str, exp.Expr | None]:
    """The query for DuckDB, its columns named as Athena names them; and its `typed_tree`.

    Raises:
        QueryFailure: Athena would refuse it, or DuckDB would answer something else.
    """
    tree = _named(qualified(tree, database))
    typed = typed_tree(tree, tables)
    for checked in (typed or tree).walk():
        _check(checked)
    if typed:
        _expand_unnested_rows(tree, typed)
        _keep_dates(tree, typed)
    try:
        return tree.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE), typed
    except UnsupportedError as error:
        raise QueryFailure("NOT_SUPPORTED", f"The embedded cloud: {error}") from error


def macros() -> Iterator[str]:
    """Statements that define what DuckDB lacks."""
    for name, definition in _MACROS.items():
        yield f"CREATE MACRO {name}{definition}"


def typed_tree(tree: exp.Expr, tables: list[Table]) -> exp.Expr | None:
    """The query with its columns resolved and typed; None where sqlglot cannot."""
    schema = MappingSchema(dialect="hive")
    for table in tables:
        schema.add_table(
            exp.table_(table.name.table, db=table.name.database),
            {
                f"`{column}`": kind
                for column, kind in {**table.columns, **table.keys, PATH_COLUMN: "string"}.items()
            },
        )
    try:
        resolved = qualify(tree.copy(), schema=schema, dialect="athena", quote_identifiers=False)
        return annotate_types(resolved, schema=schema, dialect="athena")
    except OptimizeError as error:
        message = _ANSI.sub("", str(error)).split("\n")[0]
        if "could not be resolved" in message and not tree.find(exp.Lambda, exp.Unnest):
            column = message.partition("Column ")[2].partition(" could")[0]
            place = _PLACES.search(message)
            start = int(place[2]) - len(column.strip("'")) + 1 if place else 0
            where = f"line {place[1]}:{start}: " if place else ""
            raise QueryFailure(
                "COLUMN_NOT_FOUND",
                f"{where}Column {column} cannot be resolved or requester is not authorized to"
                " access requested resources",
            ) from error
        return None
    except Exception:  # a query that sqlglot's optimizer cannot follow is DuckDB's to judge
        return None


def qualified(tree: exp.Expr, database: str) -> exp.Expr:
    """A copy of a query whose tables name their databases."""
    tree = tree.copy()
    local = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)
        if not table.db and table.name.lower() not in local:
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
            table.set("db", exp.to_identifier(database))
    return tree


def _named(tree: exp.Expr) -> exp.Expr:
    """Trino calls the n-th column, if it has no name, `_col<n>`."""
    for select in tree.find_all(exp.Select):
        for number, column in enumerate(select.expressions):
            if isinstance(column, exp.Dot):
                column.replace(exp.alias_(column.copy(), column.name))
            elif not isinstance(column, (exp.Alias, exp.Column, exp.Star)):
                column.replace(exp.alias_(column.copy(), f"_col{number}"))
    return tree


def _expand_unnested_rows(tree: exp.Expr, typed: exp.Expr) -> None:
    """Trino makes a column of each field of a row that it unnests; DuckDB makes one of them all."""
    pairs = zip(tree.find_all(exp.Unnest), typed.find_all(exp.Unnest), strict=False)
    for unnest, typed_unnest in list(pairs):
        array = typed_unnest.expressions[0].type
        row = array.expressions[0] if array and array.expressions else None
        if not isinstance(row, exp.DataType) or row.this != exp.DataType.Type.STRUCT:
            continue
        fields = [exp.column(field.this.copy(), table="_row") for field in row.expressions]
        plain = exp.Unnest(
            expressions=[unnest.expressions[0].copy()],
            alias=exp.TableAlias(
                this=exp.to_identifier("_rows"), columns=[exp.to_identifier("_row")]
            ),
        )
        alias = unnest.args.get("alias")
        lateral = exp.Lateral(
            this=exp.Subquery(this=exp.select(*fields).from_(plain)),
            alias=alias.copy() if alias else None,
        )
        unnest.replace(lateral)


def _keep_dates(tree: exp.Expr, typed: exp.Expr) -> None:
    """A date stays a date in Trino's arithmetic and truncation; DuckDB makes a timestamp of it."""
    kinds = (exp.Add, exp.Sub, exp.DateAdd, exp.DateSub, exp.DateTrunc, exp.TimestampTrunc)
    found, typed_found = list(tree.find_all(*kinds)), list(typed.find_all(*kinds))
    if len(found) != len(typed_found):
        return
    for node, typed_node in zip(found, typed_found, strict=True):
        if typed_node.this.type and typed_node.this.type.this == exp.DataType.Type.DATE:
            node.replace(exp.cast(node.copy(), "date"))


def _check(node: exp.Expr) -> None:
    if isinstance(node, exp.Anonymous) and node.name.lower() not in _PASSED_THROUGH:
        raise QueryFailure("FUNCTION_NOT_FOUND", f"Function '{node.name.lower()}' not registered")
    if isinstance(node, (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)):
        _check_comparable(node, node.this, node.expression)
    elif isinstance(node, exp.Between):
        _check_comparable(node, node.this, node.args["low"])
        _check_comparable(node, node.this, node.args["high"])
    elif isinstance(node, exp.In):
        for item in node.expressions:
            _check_comparable(node, node.this, item)


def _check_comparable(node: exp.Expr, left: exp.Expr, right: exp.Expr) -> None:
    """Trino compares no text with numbers, dates or booleans; DuckDB would convert."""
    first, second = _family(left), _family(right)
    if first and second and first != second:
        sign: dict[type[exp.Expr], str] = {
            exp.EQ: "=",
            exp.NEQ: "<>",
            exp.GT: ">",
            exp.GTE: ">=",
            exp.LT: "<",
            exp.LTE: "<=",
        }
        raise QueryFailure(
            "TYPE_MISMATCH",
            f"Cannot apply operator: {_type_name(left)} {sign.get(type(node), node.key.upper())}"
            f" {_type_name(right)} in: {node.sql('trino')}",
        )


def _family(node: exp.Expr) -> str | None:
    kind = node.type.this if node.type else None
    if kind in _NUMBERS:
        return "number"
    if kind in _TEXTS:
        return "text"
    if kind in _TIMES:
        return "time"
    return "boolean" if kind == exp.DataType.Type.BOOLEAN else None


def _type_name(node: exp.Expr) -> str:
    return node.type.sql("trino").lower() if node.type else "unknown"


def _parse_message(error: SqlglotError) -> str:
    found = getattr(error, "errors", None) or [{}]
    line, column = found[0].get("line", 1), found[0].get("col", 1)
    what = found[0].get("highlight") or ""
    return (
        f"line {line}:{column}: mismatched input '{what}'. {found[0].get('description') or error}"
    )
