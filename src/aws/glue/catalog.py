"""The Glue Data Catalog: tables and partitions, made to be what the caller says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import PartitionInputTypeDef, TableInputTypeDef

Change = Literal["created", "updated", "unchanged"]


def get_table(client: GlueClient, *, database: str, name: str) -> dict[str, Any] | None:
    """The table's definition, or None if there is no such table (or database)."""
    try:
        return dict(client.get_table(DatabaseName=database, Name=name)["Table"])
    except client.exceptions.EntityNotFoundException:
        return None


def create_or_update_table(
    client: GlueClient, *, database: str, table: TableInputTypeDef
) -> Change:
    """Make the table what `table` says; a table that already is keeps its version.

    Raises:
        EntityNotFoundException: There is no such database.
    """
    found = get_table(client, database=database, name=table["Name"])
    if found is None:
        try:
            client.create_table(DatabaseName=database, TableInput=table)
            return "created"
        except client.exceptions.AlreadyExistsException:  # somebody was faster
            found = {}
    if _covers(found, table):
        return "unchanged"
    client.update_table(DatabaseName=database, TableInput=table)
    return "updated"


def get_partition(
    client: GlueClient, *, database: str, table: str, values: list[str]
) -> dict[str, Any] | None:
    """The partition's definition, or None if it is not registered."""
    try:
        answer = client.get_partition(
            DatabaseName=database, TableName=table, PartitionValues=values
        )
    except client.exceptions.EntityNotFoundException:
        return None
    return dict(answer["Partition"])


def put_partition(
    client: GlueClient, *, database: str, table: str, partition: PartitionInputTypeDef
) -> Change:
    """Register the partition, or make it what `partition` says.

    Raises:
        EntityNotFoundException: There is no such table.
    """
    values = list(partition["Values"])
    found = get_partition(client, database=database, table=table, values=values)
    if found is None:
        try:
            client.create_partition(
                DatabaseName=database, TableName=table, PartitionInput=partition
            )
            return "created"
        except client.exceptions.AlreadyExistsException:  # somebody was faster
            found = {}
    if _covers(found, partition):
        return "unchanged"
    client.update_partition(
        DatabaseName=database,
        TableName=table,
        PartitionValueList=values,
        PartitionInput=partition,
    )
    return "updated"


def _covers(found: Any, wanted: Any) -> bool:
    """Whether everything wanted is found as wanted; Glue adds fields of its own."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and _covers(found[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_covers(one, other) for one, other in zip(found, wanted, strict=True))
        )
    return bool(found == wanted)
