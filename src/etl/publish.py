"""The publish step: the run's partitions in the Glue catalogue, and its rows counted by Athena."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from aws.glue.catalog import PartitionKeysError, create_or_update_table, set_partitions
from etl import keys
from etl.athena_ddl import partition_inputs, partition_keys, table_input
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
        rows: What Athena counts of the run date.
        table: database.table in the catalogue.
        location: The run date's s3:// prefix.
        partitions: How many partitions the run date has: one, or one for each combination of the
            partition columns' values.
        bytes_scanned: What Athena charges for the count.
    """

    rows: int
    table: str
    location: str
    partitions: int
    bytes_scanned: int
    query_execution_id: str


def publish(
    *,
    glue: GlueClient,
    athena: AthenaClient,
    contract: Contract,
    run_date: date,
    settings: Settings,
    files: Sequence[str],
    expected_rows: int,
) -> PublishResult:
    """Make the run's rows visible to Athena, and count them there.

    Publishing again changes nothing, or brings the table up to a newer contract.

    Args:
        files: The s3:// URIs of the run's processed files.
        expected_rows: How many rows the run ended with: those that the warehouse took, or that
            were validated where there is none.

    Raises:
        QueryError: The catalogue's database is missing, the table there is partitioned otherwise,
            or the count did not run.
        ConservationError: Athena sees another number of rows.
    """
    places = contract.places
    partitions = _register(glue, contract, run_date, files)
    counted = run_named_query(
        athena,
        "row_count",
        contract=contract,
        settings=settings,
        parameters={"run_date": run_date},
    )
    [(rows,)] = counted.rows
    location = keys.processed_uri(contract, run_date)
    if rows != expected_rows:
        raise ConservationError(
            f"Athena counts {rows} rows of {run_date} in {places.catalog_table}, "
            f"the run ended with {expected_rows}",
            fix=f"look for objects under {location} that the run's metrics.json does not name",
        )
    return PublishResult(
        rows=rows,
        table=f"{places.catalog_database}.{places.catalog_table}",
        location=location,
        partitions=partitions,
        bytes_scanned=counted.bytes_scanned,
        query_execution_id=counted.query_execution_id,
    )


def _register(glue: GlueClient, contract: Contract, run_date: date, files: Sequence[str]) -> int:
    """Make the catalogue hold the table, and of the run date what has files; how many those are."""
    places = contract.places
    partitions = partition_inputs(contract, run_date, files)
    try:
        create_or_update_table(glue, database=places.catalog_database, table=table_input(contract))
        set_partitions(
            glue,
            database=places.catalog_database,
            table=places.catalog_table,
            expression=f"{contract.partition} = '{run_date}'",
            partitions=partitions,
        )
    except glue.exceptions.EntityNotFoundException as error:
        raise QueryError(
            f"the Glue catalogue has no database {places.catalog_database}",
            fix="create it (terraform apply), or correct glue.database in config/<environment>.yml",
        ) from error
    except PartitionKeysError as error:
        wanted = ", ".join(f"{name} {kind}" for name, kind in partition_keys(contract))
        raise QueryError(
            f"{error}, the contract {contract.dataset} says {wanted}",
            fix=f"DROP TABLE {places.catalog_table} in Athena and run each date again: its files"
            " have to lie in such folders",
        ) from error
    return len(partitions)
