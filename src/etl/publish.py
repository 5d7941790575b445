"""The publish step: the run's partition in the Glue catalogue, and its rows counted by Athena."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from aws.glue.catalog import create_or_update_table, put_partition
from etl.athena_ddl import partition_input, table_input
from etl.errors import ConservationError, QueryError
from etl.model import Contract
from etl.queries import run_named_query
from etl.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_glue import GlueClient


@dataclass(frozen=True, kw_only=True)
class PublishResult:
    """A published run.

    Attributes:
        rows: What Athena counts in the run's partition.
        table: database.table in the catalogue.
        location: The partition's s3:// prefix.
        bytes_scanned: What Athena charges for the count.
    """

    rows: int
    table: str
    location: str
    bytes_scanned: int
    query_execution_id: str


def publish(
    *,
    glue: GlueClient,
    athena: AthenaClient,
    contract: Contract,
    run_date: date,
    settings: Settings,
    expected_rows: int,
) -> PublishResult:
    """Make the run's rows visible to Athena, and count them there.

    Publishing again changes nothing, or brings the table up to a newer contract.

    Args:
        expected_rows: How many rows the warehouse took.

    Raises:
        QueryError: The catalogue's database is missing, or the count did not run.
        ConservationError: Athena sees another number of rows.
    """
    places = contract.places
    try:
        create_or_update_table(glue, database=places.catalog_database, table=table_input(contract))
        partition = partition_input(contract, run_date)
        put_partition(
            glue,
            database=places.catalog_database,
            table=places.catalog_table,
            partition=partition,
        )
    except glue.exceptions.EntityNotFoundException as error:
        raise QueryError(
            f"the Glue catalogue has no database {places.catalog_database}",
            fix="create it (terraform apply), or correct glue.database in config/<environment>.yml",
        ) from error
    counted = run_named_query(
        athena,
        "row_count",
        contract=contract,
        settings=settings,
        parameters={"run_date": run_date},
    )
    [(rows,)] = counted.rows
    location = partition["StorageDescriptor"]["Location"]
    if rows != expected_rows:
        raise ConservationError(
            f"Athena counts {rows} rows of {run_date} in {places.catalog_table}, "
            f"the warehouse took {expected_rows}",
            fix=f"look for objects under {location} that the run's metrics.json does not name",
        )
    return PublishResult(
        rows=rows,
        table=f"{places.catalog_database}.{places.catalog_table}",
        location=location,
        bytes_scanned=counted.bytes_scanned,
        query_execution_id=counted.query_execution_id,
    )
