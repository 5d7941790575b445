"""Where a run can be harmed, and what it must leave all the same."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from support import faulty_flow
from support.faulty_flow import FAULTS
from support.pipeline_runs import Bench

from etl.model import LINEAGE_COLUMNS
from etl.settings import load_settings
from etl.warehouse.tables import LOADED_AT

LAUNCHER = Path(faulty_flow.__file__)
_WORDS = {
    "refused": "no connection",
    "unanswered": "answer lost",
    "killed before": "SIGKILL before",
    "killed after": "SIGKILL after",
}
_SHOWN = 3  # rows of a difference
_BUCKETS = load_settings("local").buckets
# These differ between runs that leave the same rows.
_OF_THE_RUN = {*LINEAGE_COLUMNS, LOADED_AT, "loaded_at", "run_id", "manifest_digest"}
_OF_THE_RUN |= {"contract_fingerprint"}  # of the bench, whose schema the contract names


@dataclass(frozen=True)
class Point:
    """The nth of the calls of this name, and what happens to it."""

    call: str
    nth: int
    fault: str

    @property
    def what(self) -> str:
        """The fault, in words."""
        return _WORDS[self.fault]

    @property
    def where(self) -> str:
        """The call, in words."""
        return f"{self.call} (2nd)" if self.nth == 2 else self.call


def choose_points(
    calls: Sequence[str], count: int, *, always: Mapping[str, Sequence[str]] | None = None
) -> list[Point]:
    """So many points among a run's calls: the end of each step, `always`, and others at even steps.

    The calls are those that were recorded, so code that makes others gets points of its own. Of
    calls that are made again and again, as by whoever waits, the first and the second have points.

    Args:
        always: Faults by a pattern of the call; one that is made again and again, the second time.
    """
    times = Counter(calls)
    chosen = [Point(call, 1, "killed after") for call in times if call.startswith("step ")]
    for pattern, faults in (always or {}).items():
        call = next((each for each in times if re.match(pattern, each)), None)
        assert call, f"no call is like {pattern}: {list(times)}"
        chosen += [Point(call, _which(times[call]), fault) for fault in faults]
    places = [
        (call, nth)
        for call in times
        for nth in range(1, _which(times[call]) + 1)
        if not call.startswith("step ")
    ]
    rest = count - len(chosen)
    for index in range(rest):
        call, nth = places[index * len(places) // rest]
        # An even stride may meet one kind of fault only; the kind goes round by itself.
        kinds = (FAULTS[(index + more) % len(FAULTS)] for more in range(len(FAULTS)))
        points = (Point(call, nth, fault) for fault in kinds)
        chosen.append(next(each for each in points if each not in chosen))
    return chosen


def _which(times: int) -> int:
    """Which of so many calls of one name is harmed: one that the next run makes too."""
    return 2 if times > 3 else 1


@dataclass(frozen=True)
class Left:
    """What there is of a dataset, by kind: rows as texts, however they are spread over files."""

    rows: dict[str, Counter[str]] = field(default_factory=dict)

    def lost(self, other: Left) -> int:
        """Rows of this that the other has not."""
        return sum((mine - other.rows[kind]).total() for kind, mine in self.rows.items())

    def twice(self, other: Left) -> int:
        """Rows that the other has, and this has not, or not as often."""
        return other.lost(self)


def read_left(
    bench: Bench, day: str = "", *, dataset: str = "orders", landing: str | None = None
) -> Left:
    """What the warehouse, the catalogue and the buckets hold, read by psycopg2, boto3 and pyarrow.

    Args:
        day: Of which date to read objects; all dates' if it is empty.
        landing: Where the source's files are; None where it has none.
    """
    tables = (dataset, f"{dataset}__superseded", f"{dataset}__ledger")
    found = {name: Counter(_table(bench, name)) for name in tables}
    found["processed"] = Counter(_processed(bench, dataset, day))
    found["quarantine"] = Counter(_quarantine(bench, dataset, day))
    found["partitions"] = Counter(_partitions(bench, dataset))
    if landing:
        bucket = landing.split("/")[2]
        found["files"] = Counter(
            key for key in bench.keys(f"s3://{bucket}/landing/") if f"/{dataset}/" in key
        )
    return Left(found)


def forget_day(bench: Bench, day: str) -> None:
    """Take the date's objects away, so that the next run of it finds none."""
    s3 = bench.client("s3")
    for bucket in _BUCKETS.names.values():
        for key in bench.keys(f"s3://{bucket}/"):
            if day in key or day.replace("-", "/") in key:
                s3.delete_object(Bucket=bucket, Key=key)


def _processed(bench: Bench, dataset: str, day: str) -> Iterator[str]:
    for folder, content in _files(bench, f"s3://{_BUCKETS.processed}/processed/", dataset, day):
        table = pq.ParquetFile(io.BytesIO(content)).read()
        kept = [name for name in table.column_names if name not in _OF_THE_RUN]
        for row in table.select(kept).to_pylist():
            yield f"{folder} {json.dumps(row, sort_keys=True, default=str)}"


def _quarantine(bench: Bench, dataset: str, day: str) -> Iterator[str]:
    for folder, content in _files(bench, f"s3://{_BUCKETS.quarantine}/quarantine/", dataset, day):
        for line in gzip.decompress(content).decode().splitlines():
            yield f"{folder} {line}"


def _files(bench: Bench, prefix: str, dataset: str, day: str) -> Iterator[tuple[str, bytes]]:
    """The folder below the dataset's, and the content, of each file."""
    bucket = prefix.split("/")[2]
    for key in bench.keys(prefix):
        _, is_its, name = key.partition(f"/{dataset}/")
        if is_its and day in name:
            yield name.rpartition("/")[0], bench.read(f"s3://{bucket}/{key}")


def _partitions(bench: Bench, dataset: str) -> Iterator[str]:
    glue = bench.client("glue")
    try:
        pages = glue.get_paginator("get_partitions").paginate(
            DatabaseName=bench.schema, TableName=dataset
        )
        for page in pages:
            for each in page["Partitions"]:
                yield f"{each['Values']} {each['StorageDescriptor']['Location']}"
    except glue.exceptions.EntityNotFoundException:
        return


def _table(bench: Bench, name: str) -> Iterator[str]:
    columns = bench.query(
        "SELECT column_name FROM information_schema.columns"
        f" WHERE table_schema = '{bench.schema}' AND table_name = '{name}' ORDER BY column_name"
    )
    kept = [each for (each,) in columns if each not in _OF_THE_RUN]
    if kept:
        selected = ", ".join(f'"{each}"' for each in kept)
        for row in bench.query(f"SELECT {selected} FROM {{s}}.{name}"):
            yield repr(dict(zip(kept, row, strict=True)))


def describe_difference(expected: Left, left: Left) -> str:
    """What is missing and what is too much, for whoever has to find out why."""
    lines: list[str] = []
    for kind, rows in expected.rows.items():
        for sign, found in (("-", rows - left.rows[kind]), ("+", left.rows[kind] - rows)):
            some = list(found.elements())[:_SHOWN]
            lines += [f"{sign} {found.total()} in {kind}, e.g. {row}" for row in some]
    return "\n".join(lines)


def same_report(report: dict[str, Any]) -> dict[str, Any]:
    """What of a run's report is the same for every run that ends as it should."""
    return {name: report[name] for name in ("status", "rows", "table_rows")}
