"""The Glue catalogue as queries see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local_cloud.athena.errors import QueryFailure

_BATCH = 100


@dataclass(frozen=True)
class Name:
    """A table's name; names are lower case in the catalogue."""

    database: str
    table: str

    @classmethod
    def of(cls, database: str, table: str) -> Name:
        """A name, whatever the case it is written in."""
        return cls(database.lower(), table.lower())

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"


@dataclass(frozen=True)
class Table:
    """A table of the catalogue."""

    name: Name
    definition: dict[str, Any]

    @property
    def storage(self) -> dict[str, Any]:
        """Its StorageDescriptor."""
        return self.definition.get("StorageDescriptor") or {}

    @property
    def location(self) -> str:
        """Its S3 URI, with a slash at the end."""
        return str(self.storage.get("Location", "")).rstrip("/") + "/"

    @property
    def columns(self) -> dict[str, str]:
        """Name and type of the columns that are in the files."""
        return {column["Name"]: column["Type"] for column in self.storage.get("Columns", [])}

    @property
    def keys(self) -> dict[str, str]:
        """Name and type of the partition columns."""
        return {key["Name"]: key["Type"] for key in self.definition.get("PartitionKeys", [])}

    @property
    def parameters(self) -> dict[str, str]:
        """TBLPROPERTIES."""
        return self.definition.get("Parameters") or {}

    @property
    def serde(self) -> str:
        """The last word of the serialisation library's class."""
        serde = self.storage.get("SerdeInfo") or {}
        return str(serde.get("SerializationLibrary", "")).rpartition(".")[2]

    @property
    def serde_parameters(self) -> dict[str, str]:
        """SERDEPROPERTIES."""
        return (self.storage.get("SerdeInfo") or {}).get("Parameters") or {}

    @property
    def is_projected(self) -> bool:
        """Whether its partitions are computed from its properties instead of registered."""
        return self.parameters.get("projection.enabled", "").lower() == "true"


class Catalog:
    """The Glue catalogue behind Athena's AwsDataCatalog."""

    def __init__(self, glue: Any) -> None:
        self.glue = glue

    def has_database(self, database: str) -> bool:
        """Whether a database exists; `default` always does."""
        try:
            self.glue.get_database(Name=database.lower())
            return True
        except self.glue.exceptions.EntityNotFoundException:
            return database.lower() == "default"

    def table(self, name: Name) -> Table:
        """A table.

        Raises:
            QueryFailure: It does not exist.
        """
        found = self.find_table(name)
        if found is None:
            if not self.has_database(name.database):
                raise QueryFailure("SCHEMA_NOT_FOUND", f"Schema '{name.database}' does not exist")
            raise QueryFailure("TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{name}' does not exist")
        return found

    def find_table(self, name: Name) -> Table | None:
        """A table, or None."""
        try:
            answer = self.glue.get_table(DatabaseName=name.database, Name=name.table)
        except self.glue.exceptions.EntityNotFoundException:
            return None
        return Table(name, answer["Table"])

    def partitions(self, table: Table) -> list[tuple[list[str], str]]:
        """Values and location of each registered partition."""
        pages = self.glue.get_paginator("get_partitions").paginate(
            DatabaseName=table.name.database, TableName=table.name.table
        )
        return [
            (partition["Values"], partition["StorageDescriptor"]["Location"].rstrip("/") + "/")
            for page in pages
            for partition in page["Partitions"]
        ]

    def add_partitions(self, table: Table, found: dict[tuple[str, ...], str]) -> list[str]:
        """Register partitions by values; the answer is the errors' codes."""
        inputs = [
            {
                "Values": list(values),
                "StorageDescriptor": {**table.storage, "Location": location},
            }
            for values, location in found.items()
        ]
        errors = []
        for start in range(0, len(inputs), _BATCH):
            answer = self.glue.batch_create_partition(
                DatabaseName=table.name.database,
                TableName=table.name.table,
                PartitionInputList=inputs[start : start + _BATCH],
            )
            errors += [error["ErrorDetail"]["ErrorCode"] for error in answer.get("Errors", [])]
        return errors

    def drop_partition(self, table: Table, values: list[str]) -> bool:
        """Forget a partition; False if it was not registered."""
        try:
            self.glue.delete_partition(
                DatabaseName=table.name.database,
                TableName=table.name.table,
                PartitionValues=values,
            )
        except self.glue.exceptions.EntityNotFoundException:
            return False
        return True

    def create_table(self, name: Name, definition: dict[str, Any]) -> None:
        """Create a table.

        Raises:
            QueryFailure: It exists, or its database does not.
        """
        try:
            self.glue.create_table(
                DatabaseName=name.database, TableInput={"Name": name.table, **definition}
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "AlreadyExistsException":
                raise QueryFailure(
                    "TABLE_ALREADY_EXISTS",
                    f"Destination table 'awsdatacatalog.{name}' already exists",
                ) from error
            if code == "EntityNotFoundException":
                raise QueryFailure(
                    "SCHEMA_NOT_FOUND", f"Schema '{name.database}' does not exist"
                ) from error
            raise
