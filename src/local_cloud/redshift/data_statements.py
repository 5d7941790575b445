"""Statements of the Data API: what is kept of them, and their results in files."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_cloud.redshift.identity import DatabaseUser

UNFINISHED = frozenset({"SUBMITTED", "PICKED", "STARTED"})
KEPT_SECONDS = 24 * 3600
_PAGE_BYTES = 1024 * 1024


@dataclass
class Part:
    """One SQL statement: all of an ExecuteStatement, or one of a batch."""

    id: str
    sql: str
    status: str = "SUBMITTED"
    error: str = ""
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)
    duration_nanoseconds: int = 0
    result_rows: int = -1
    result_size: int = -1
    has_result: bool = False
    columns: list[dict[str, Any]] = field(default_factory=list)

    def set_status(self, status: str, error: str = "") -> None:
        """Enter a state."""
        self.error, self.updated_at, self.status = (
            error,
            time.time(),
            status,
        )  # who sees it sees all

    def describe(self) -> dict[str, Any]:
        """As DescribeStatement shows it."""
        return {
            "Id": self.id,
            "QueryString": self.sql,
            "Status": self.status,
            "CreatedAt": self.created_at,
            "UpdatedAt": self.updated_at,
            "Duration": self.duration_nanoseconds,
            "HasResultSet": self.has_result,
            "ResultRows": self.result_rows,
            "ResultSize": self.result_size,
            "RedshiftQueryId": -1,
        } | ({"Error": self.error} if self.error else {})


@dataclass
class Statement:
    """What was submitted by one call.

    Attributes:
        target: Database, and WorkgroupName or ClusterIdentifier, DbUser, SecretArn if given.
        owner: Who submitted it, as ${aws:userid} gives it; "" for the root key.
        user: Whom that is in the database.
    """

    id: str
    parts: list[Part]
    target: dict[str, str]
    user: DatabaseUser
    is_batch: bool = False
    is_transaction: bool = True
    name: str = ""
    parameters: list[dict[str, str]] = field(default_factory=list)
    owner: str = ""
    whole: Part = field(init=False)
    process_id: int = 0
    is_cancelled: bool = False

    def __post_init__(self) -> None:
        self.whole = (
            Part(self.id, ";".join(p.sql for p in self.parts)) if self.is_batch else (self.parts[0])
        )

    @property
    def is_finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.whole.status not in UNFINISHED

    def describe(self) -> dict[str, Any]:
        """As DescribeStatement shows it."""
        found = self.whole.describe() | self.target
        found |= {"RedshiftPid": self.process_id, "ResultFormat": "JSON"}
        if self.parameters:
            found["QueryParameters"] = self.parameters
        if self.is_batch:
            del found["QueryString"]
            found["SubStatements"] = [part.describe() for part in self.parts]
            found["ExecutionMode"] = "TRANSACTION" if self.is_transaction else "AUTO_COMMIT"
        return found

    def summary(self) -> dict[str, Any]:
        """As ListStatements shows it."""
        texts: dict[str, Any] = {"QueryString": self.whole.sql}
        if self.is_batch:
            texts = {"QueryStrings": [part.sql for part in self.parts]}
        return texts | {
            "Id": self.id,
            "Status": self.whole.status,
            "StatementName": self.name,
            "CreatedAt": self.whole.created_at,
            "UpdatedAt": self.whole.updated_at,
            "QueryParameters": self.parameters,
            "IsBatchStatement": self.is_batch,
            "ResultFormat": "JSON",
        }


class Results:
    """Result sets, one file each, one line a record."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)

    def write(self, part_id: str, records: Iterable[list[dict[str, Any]]]) -> tuple[int, int]:
        """Keep a result set; its number of records and of bytes."""
        rows = 0
        with self._path(part_id).open("w") as file:
            for record in records:
                file.write(json.dumps(record) + "\n")
                rows += 1
            return rows, file.tell()

    def page(self, part_id: str, start: int) -> tuple[list[list[dict[str, Any]]], int | None]:
        """The records from a place on, as many as a page takes, and the place of the next."""
        with self._path(part_id).open("rb") as file:
            file.seek(start)
            records = [json.loads(line) for line in file.readlines(_PAGE_BYTES)]
            place = file.tell()
            return records, place if file.read(1) else None

    def prune(self) -> None:
        """Remove what is older than the Data API keeps it."""
        oldest = time.time() - KEPT_SECONDS
        for path in self._folder.iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    def _path(self, part_id: str) -> Path:
        return self._folder / part_id.replace(":", "-")
