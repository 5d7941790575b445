"""A table of customers in SQLite, and runs that read it, for tests of SQL sources."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import boto3
from support.contracts import make_column, make_contract
from support.source_contexts import STATE_PREFIX, source_context

from etl.model import Contract, Source, Type
from etl.sources.open import open_source
from etl.sources.records import OpenSource, SourceContext
from etl.sources.sql import open_sql
from etl.state import write_progress

COLUMNS = (
    make_column("id", Type(kind="integer"), required=True),
    make_column("name", Type(kind="string", max_bytes=200)),
    make_column("updated_at", Type(kind="timestamp")),
)
TABLE = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, updated_at TIMESTAMP)"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MUCH_LATER = datetime(2030, 1, 1, tzinfo=UTC)


class Shop:
    """A database file, and what a run reads of it.

    Args:
        s3: A client whose test-artifacts bucket exists, for a source that has a watermark.
    """

    def __init__(self, folder: Path, s3: Any = None) -> None:
        self.path = folder / "shop.sqlite"
        self.s3 = s3
        self.path.touch()

    def run(self, *statements: str) -> None:
        """Change the database."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for each in statements:
                connection.execute(each)

    def put(self, *rows: tuple[Any, ...], table: str = "customers") -> None:
        """Insert rows, or replace those of the same key."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for row in rows:
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)

    def contract(self, *columns: Any, key: tuple[str, ...] = (), **options: Any) -> Contract:
        """A contract of the table."""
        source = Source(
            kind="sql",
            name="shop",
            location=f"sqlite:///{self.path}",
            format="json",
            options={"table": "customers", **options},
        )
        contract = make_contract(*(columns or COLUMNS), load_mode="merge", source=source)
        return dataclasses.replace(contract, primary_key=key or contract.primary_key)

    def context(self, run_date: date, **changes: Any) -> SourceContext:
        """A run of that date."""
        return source_context(run_date, **changes, s3=self.s3)

    def open(self, run_date: date, *, now: datetime = MUCH_LATER, **options: Any) -> OpenSource:
        """The run date's rows, in a run that begins at `now`."""
        backfill_from = options.pop("backfill_from", None)
        context = self.context(run_date, backfill_from=backfill_from)
        return open_sql(self.contract(**options), context, now=lambda: now)

    def finish(self, run_date: date, opened: OpenSource) -> list[dict[str, Any]]:
        """Read all rows and keep the progress, as a run that succeeds."""
        found = records(opened.items)
        write_progress(self.s3, STATE_PREFIX, run_date, opened.progress())
        return found

    def read(self, *columns: Any, **options: Any) -> list[dict[str, Any]]:
        """All rows, in the order in which they were read."""
        contract = self.contract(*columns, **options)
        return records(open_source(contract, self.context(date(2026, 1, 5))).items)


def records(items: Iterator[Any]) -> list[dict[str, Any]]:
    """The records of blocks of lines, whose counts are right."""
    found = []
    for block in items:
        lines = block.data.splitlines()
        assert block.data.endswith(b"\n") and len(lines) == block.rows
        found += [json.loads(line) for line in lines]
    return found


def make_state(region: str = "us-east-1") -> Any:
    """A client with the bucket that state is kept in; to be called inside `mock_aws`."""
    s3 = boto3.client("s3", region_name=region)
    s3.create_bucket(Bucket="test-artifacts")
    return s3
