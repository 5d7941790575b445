"""Running a query of athena/: names from the contract, values as execution parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from aws.athena import QueryFailedError, QueryResult, QueryTimeoutError, Value, run_query
from etl.athena_ddl import create_table_parts
from etl.errors import QueryError, UsageError
from etl.model import Contract
from etl.named_queries import FOLDER, NamedQuery, load_query
from etl.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient


_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,127}")


def run_named_query(
    client: AthenaClient,
    name: str,
    *,
    contract: Contract,
    settings: Settings,
    parameters: Mapping[str, Value] | None = None,
    folder: Path = FOLDER,
    timeout_seconds: float = 600,
) -> QueryResult:
    """Run a query of athena/ on a contract's table.

    Args:
        parameters: A value for each declared parameter; texts, as a command line gives them, are
            read as the declared type.

    Raises:
        UsageError: There is no such query, or a parameter is missing, unknown or malformed.
        QueryError: Athena refused it, failed, or took too long.
    """
    query = load_query(name, folder=folder)
    given = _typed(query, parameters or {})
    names = {key for key, kind in query.parameters.items() if kind == "identifier"}
    try:
        return run_query(
            client,
            sql=render(query, contract, {key: str(given[key]) for key in names}),
            parameters={key: value for key, value in given.items() if key not in names},
            workgroup=settings.athena.workgroup,
            database=contract.places.catalog_database,
            output_location=settings.athena.output_location,
            timeout_seconds=timeout_seconds,
        )
    except (QueryFailedError, QueryTimeoutError) as error:
        raise QueryError(
            f"athena/{name}.sql on {contract.places.catalog_table}: {error}",
            fix=f"see the query in Athena's history, workgroup {settings.athena.workgroup}",
        ) from error
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidRequestException":
            raise
        raise QueryError(
            f"Athena does not accept athena/{name}.sql: {error.response['Error']['Message']}",
            fix="check `athena` in config/<environment>.yml: workgroup and output_location",
        ) from error


def render(query: NamedQuery, contract: Contract, names: Mapping[str, str] | None = None) -> str:
    """The query's text with its `{…}` filled in, ready for `aws.athena.run_query`.

    Raises:
        UsageError: A name that is not an identifier, or one that nothing fills in.
    """
    identifiers = {
        "database": contract.places.catalog_database,
        "table": contract.places.catalog_table,
        "partition": contract.partition,
        **(names or {}),
    }
    for key, value in identifiers.items():
        if not _IDENTIFIER.fullmatch(value):
            raise UsageError(
                f"{key} {value!r} is no Athena identifier",
                fix="use lower-case letters, digits and underscores",
            )
    filled = identifiers | create_table_parts(contract)

    def fill(match: re.Match[str]) -> str:
        if match[1] not in filled:
            raise UsageError(
                f"athena/{query.name}.sql uses {match[0]}, which nothing fills in",
                fix=f"declare it there: -- {match[1]}: identifier",
            )
        return filled[match[1]]

    return _PLACEHOLDER.sub(fill, query.sql)


def _typed(query: NamedQuery, given: Mapping[str, Value]) -> dict[str, Value]:
    if set(given) != set(query.parameters):
        wanted = ", ".join(f"{key} ({kind})" for key, kind in query.parameters.items()) or "none"
        raise UsageError(
            f"athena/{query.name}.sql got the parameters {', '.join(sorted(given)) or 'none'}",
            fix=f"it takes {wanted}",
        )
    return {key: _read(key, query.parameters[key], value) for key, value in given.items()}


def _read(name: str, kind: str, value: Value) -> Value:
    """A text as the declared type; other values as they are."""
    if not isinstance(value, str):
        return value
    try:
        match kind:
            case "date":
                return date.fromisoformat(value)
            case "integer":
                return int(value)
            case "decimal":
                return Decimal(value)
    except (ValueError, InvalidOperation) as error:
        raise UsageError(f"{name}: {value!r} is no {kind}", fix=f"give a {kind}") from error
    return value
