"""The Glue Data Catalog: tables and partitions, made to be what the caller says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import PartitionInputTypeDef, TableInputTypeDef

Change = Literal["created", "updated", "unchanged"]
T = TypeVar("T")

# Glue API reference: BatchCreatePartition, BatchUpdatePartition, BatchDeletePartition.
_MOST_CREATED = 100
_MOST_UPDATED = 100
_MOST_DELETED = 25


class PartitionKeysError(Exception):
    """The table exists, partitioned by other keys: its partitions cannot be kept."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """How many partitions were registered, changed and dropped."""

    created: int
    updated: int
    deleted: int


class _Place(TypedDict):
    DatabaseName: str
    TableName: str


def database_exists(client: GlueClient, *, name: str) -> bool:
    """Whether the catalogue has a database of this name."""
    try:
        client.get_database(Name=name)
    except client.exceptions.EntityNotFoundException:
        return False
    return True


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
        PartitionKeysError: It is partitioned by other keys.
    """
    found = get_table(client, database=database, name=table["Name"])
    if found is None:
        try:
            client.create_table(DatabaseName=database, TableInput=table)
            return "created"
        except client.exceptions.AlreadyExistsException:  # somebody was faster
            found = {}
    keys = found.get("PartitionKeys")
    if keys is not None and not _covers(keys, table.get("PartitionKeys", [])):
        raise PartitionKeysError(
            f"{database}.{table['Name']} is partitioned by "
            + ", ".join(f"{key['Name']} {key.get('Type', '')}" for key in keys)
        )
    if _covers(found, table):
        return "unchanged"
    client.update_table(DatabaseName=database, TableInput=table)
    return "updated"


def set_partitions(
    client: GlueClient,
    *,
    database: str,
    table: str,
    expression: str,
    partitions: Sequence[PartitionInputTypeDef],
) -> Changes:
    """Make the registered partitions that `expression` finds be exactly `partitions`.

    Args:
        expression: As GetPartitions takes it, e.g. "ingest_date = '2026-01-31'".

    Raises:
        EntityNotFoundException: There is no such table.
        ClientError: Glue refused a partition.
    """
    place: _Place = {"DatabaseName": database, "TableName": table}
    pages = client.get_paginator("get_partitions").paginate(Expression=expression, **place)
    found = {tuple(each["Values"]): each for page in pages for each in page["Partitions"]}
    wanted = {tuple(each["Values"]): each for each in partitions}
    new = [each for values, each in wanted.items() if values not in found]
    changed = [
        each
        for values, each in wanted.items()
        if values in found and not _covers(found[values], each)
    ]
    gone = [list(values) for values in found if values not in wanted]
    for batch in _batches(new, _MOST_CREATED):
        created = client.batch_create_partition(PartitionInputList=batch, **place)
        # What exists by now was written by somebody who was faster: made to be as wanted below.
        changed += _refused(created.get("Errors", []), "AlreadyExistsException", batch)
    for batch in _batches(changed, _MOST_UPDATED):
        updated = client.batch_update_partition(
            Entries=[
                {"PartitionValueList": list(each["Values"]), "PartitionInput": each}
                for each in batch
            ],
            **place,
        )
        _refused(updated.get("Errors", []), None, batch)
    delete_partitions(client, database=database, table=table, values=gone)
    return Changes(created=len(new), updated=len(changed), deleted=len(gone))


def delete_partitions(
    client: GlueClient, *, database: str, table: str, values: Sequence[Sequence[str]]
) -> int:
    """Drop partitions by their values; how many there were of them. Their files stay.

    Raises:
        ClientError: Glue refused one.
    """
    deleted = 0
    for batch in _batches([list(each) for each in values], _MOST_DELETED):
        answer = client.batch_delete_partition(
            DatabaseName=database,
            TableName=table,
            PartitionsToDelete=[{"Values": each} for each in batch],
        )
        absent = answer.get("Errors", [])
        _refused(absent, "EntityNotFoundException", [])
        deleted += len(batch) - len(absent)
    return deleted


def iter_tables(client: GlueClient, *, database: str) -> Iterator[dict[str, Any]]:
    """The definitions of a database's tables; none if there is no such database."""
    try:
        for page in client.get_paginator("get_tables").paginate(DatabaseName=database):
            yield from (dict(each) for each in page["TableList"])
    except client.exceptions.EntityNotFoundException:
        return


def _batches(items: list[T], size: int) -> Iterator[list[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _refused(
    errors: Sequence[Any], expected: str | None, batch: Sequence[PartitionInputTypeDef]
) -> list[PartitionInputTypeDef]:
    """The partitions of a batch that the expected error was answered for.

    Raises:
        ClientError: There was another error.
    """
    details = [each.get("ErrorDetail", {}) for each in errors]
    for each, detail in zip(errors, details, strict=True):
        if detail.get("ErrorCode") != expected:
            values = "/".join(each.get("PartitionValues", each.get("PartitionValueList", [])))
            raise ClientError(
                {
                    "Error": {
                        "Code": detail.get("ErrorCode", ""),
                        "Message": f"partition {values}: {detail.get('ErrorMessage', '')}",
                    }
                },
                "BatchPartition",
            )
    refused = [each["PartitionValues"] for each in errors]
    return [each for each in batch if list(each["Values"]) in refused]


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
