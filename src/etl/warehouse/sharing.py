"""One database role for the parts of the pipeline, so that each may use what another has made.

On Redshift an IAM identity is a database user of its own (Management Guide, "Authorizing access to
the Amazon Redshift Data API"), and what a user makes is that user's alone. The parts' IAM roles
carry the database role's name in a tag, by which Redshift grants it to them (Management Guide,
"Defining database roles to grant to federated users in Amazon Redshift Serverless").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws.redshift.errors import StatementError
from etl.model import Contract
from etl.warehouse.ddl import create_schema, create_table
from etl.warehouse.executor import Executor
from etl.warehouse.sql import identifier
from etl.warehouse.tables import Table

_RIGHTS = "SELECT, INSERT, UPDATE, DELETE, TRUNCATE, ALTER, DROP"


def schemas_of(contracts: Iterable[Contract]) -> list[str]:
    """Where the contracts' tables lie, sorted."""
    return sorted({each.places.schema for each in contracts if each.places.schema})


def share(executor: Executor, role: str, *, database: str, schemas: Iterable[str]) -> None:
    """Make the role; it may make schemas, and use what these hold. An administrator's to do.

    Raises:
        StatementError: Redshift refused a statement; those before it hold.
    """
    try:
        executor.execute(f"CREATE ROLE {identifier(role)}")
    except StatementError as error:
        if "already exists" not in error.message:
            raise
    executor.execute(f"GRANT CREATE ON DATABASE {identifier(database)} TO ROLE {identifier(role)}")
    for schema in schemas:
        executor.execute(create_schema(schema))
        executor.execute(_grant_schema(schema, role))
        executor.execute(
            f"GRANT {_RIGHTS} ON ALL TABLES IN SCHEMA {identifier(schema)}"
            f" TO ROLE {identifier(role)}"
        )


def grants(tables: Iterable[Table], role: str | None) -> Mapping[str, str]:
    """What lets the role use a schema or table, by the statement that makes it."""
    found: dict[str, str] = {}
    if role is not None:
        for table in tables:
            found[create_schema(table.schema)] = _grant_schema(table.schema, role)
            found[create_table(table)] = (
                f"GRANT {_RIGHTS} ON TABLE {table.sql_name} TO ROLE {identifier(role)}"
            )
    return found


def _grant_schema(schema: str, role: str) -> str:
    return f"GRANT USAGE, CREATE ON SCHEMA {identifier(schema)} TO ROLE {identifier(role)}"
