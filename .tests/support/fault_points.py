"""Where a run can be harmed, and what it must leave all the same."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from support.faulty_flow import FAULTS
from support.pipeline_runs import Bench

from etl.model import LINEAGE_COLUMNS
from etl.settings import load_settings
from etl.warehouse.tables import LOADED_AT

LAUNCHER = Path(__file__).with_name("faulty_flow.py")
_BUCKETS = load_settings("local").buckets
_OF_THE_RUN = {*LINEAGE_COLUMNS, LOADED_AT}  # differ between runs that leave the same rows


@dataclass(frozen=True)
class Point:
    """A call, and what happens to it."""

    call: str
    fault: str


def choose_points(calls: Sequence[str], count: int) -> list[Point]:
    """As many points, spread over a run's calls, each with the next kind of fault.

    The calls are those that were recorded, so code that makes others gets points of its own.
    """
    distinct = list(dict.fromkeys(calls))
    every = [Point(call, fault) for call in distinct for fault in FAULTS]
    if count >= len(every):
        return every
    step = len(every) / count
    places = [int(index * step) for index in range(count)]
    # An even stride may meet one kind of fault only; the kind goes round by itself.
    return [
        Point(distinct[place // len(FAULTS)], FAULTS[index % len(FAULTS)])
        for index, place in enumerate(places)
    ]


@dataclass(frozen=True)
class Left:
    """What a date holds: rows as texts, however they are spread over files."""

    table: Counter[str]
    processed: Counter[str]
    quarantine: Counter[str]

    def lost(self, other: Left) -> int:
        """Rows of this that the other has not."""
        return sum(sum((mine - its).values()) for mine, its in self._pairs(other))

    def twice(self, other: Left) -> int:
        """Rows that the other has, and this has not, or not as often."""
        return sum(sum((its - mine).values()) for mine, its in self._pairs(other))

    def _pairs(self, other: Left) -> list[tuple[Counter[str], Counter[str]]]:
        return [
            (self.table, other.table),
            (self.processed, other.processed),
            (self.quarantine, other.quarantine),
        ]


def read_left(bench: Bench, day: str) -> Left:
    """What is in the warehouse, in processed and in quarantine, read by pyarrow and psycopg2."""
    processed: Counter[str] = Counter()
    for key in bench.keys(f"s3://{_BUCKETS.processed}/processed/"):
        if f"ingest_date={day}/" in key:
            content = bench.read(f"s3://{_BUCKETS.processed}/{key}")
            table = pq.read_table(io.BytesIO(content))
            kept = [name for name in table.column_names if name not in _OF_THE_RUN]
            processed.update(_text(row) for row in table.select(kept).to_pylist())
    quarantine: Counter[str] = Counter()
    for key in bench.keys(f"s3://{_BUCKETS.quarantine}/quarantine/"):
        if f"ingest_date={day}/" in key:
            content = bench.read(f"s3://{_BUCKETS.quarantine}/{key}")
            quarantine.update(gzip.decompress(content).decode().splitlines())
    return Left(_table(bench), processed, quarantine)


def _table(bench: Bench) -> Counter[str]:
    columns = bench.query(
        "SELECT column_name FROM information_schema.columns"
        f" WHERE table_schema = '{bench.schema}' AND table_name = 'orders' ORDER BY column_name"
    )
    names = [f'"{name}"' for (name,) in columns if name not in _OF_THE_RUN]
    rows = bench.query(f"SELECT {', '.join(names)} FROM {{s}}.orders") if names else []
    return Counter(repr(row) for row in rows)


def _text(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, default=str)


def forget_day(bench: Bench, day: str) -> None:
    """Take the date's objects away, so that the next run of it finds none."""
    s3 = bench.client("s3")
    for bucket in _BUCKETS.names.values():
        for key in bench.keys(f"s3://{bucket}/"):
            if day in key or day.replace("-", "/") in key:
                s3.delete_object(Bucket=bucket, Key=key)
