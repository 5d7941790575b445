"""Partitions of archived files leave the Glue catalogue, so that Athena never reads half of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aws.glue.catalog import delete_partitions, iter_tables

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient


@dataclass(frozen=True)
class _Table:
    name: str
    location: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Partition:
    """A partition by its table and its values."""

    table: str
    values: tuple[str, ...]


class Partitions:
    """The partitions of a catalogue's database that lie in a bucket."""

    def __init__(self, glue: GlueClient, *, database: str, bucket: str) -> None:
        self._glue = glue
        self._database = database
        self._root = f"s3://{bucket}/"
        self._tables = self._read_tables()
        self._dropped: set[Partition] = set()

    def of(self, keys: Iterable[str]) -> set[Partition]:
        """The partitions that objects belong to, whether or not they are registered."""
        return {found for key in keys if (found := self._of(key))}

    def drop(self, keys: Iterable[str]) -> int:
        """Drop the partitions that objects belong to; how many were registered."""
        wanted = self.of(keys)
        # Keys come in order, so that only the last ones' partitions can come again.
        waiting, self._dropped = wanted - self._dropped, wanted
        return sum(
            delete_partitions(
                self._glue,
                database=self._database,
                table=table.name,
                values=sorted(each.values for each in waiting if each.table == table.name),
            )
            for table in self._tables
        )

    def _of(self, key: str) -> Partition | None:
        uri = self._root + key
        for table in self._tables:
            if not uri.startswith(table.location):
                continue
            folders = uri[len(table.location) :].split("/")[:-1]
            pairs = [folder.partition("=") for folder in folders[: len(table.keys)]]
            if tuple(name for name, _, _ in pairs) == table.keys:
                return Partition(table.name, tuple(unquote(value) for _, _, value in pairs))
        return None

    def _read_tables(self) -> list[_Table]:
        found = []
        for each in iter_tables(self._glue, database=self._database):
            location = each.get("StorageDescriptor", {}).get("Location", "").rstrip("/") + "/"
            keys = tuple(key["Name"] for key in each.get("PartitionKeys", []))
            if keys and location.startswith(self._root):
                found.append(_Table(each["Name"], location, keys))
        return found
