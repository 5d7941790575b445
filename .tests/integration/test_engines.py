"""Both engines on the embedded cloud: they leave the same, and can take each other's place."""

from __future__ import annotations

import errno
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.pipeline_runs import NONE_ELSEWHERE, Bench, rows_url

from etl import keys
from etl.contracts import load_contract
from etl.model import LINEAGE_COLUMNS
from etl.settings import load_settings
from local_cloud.source_orders import expected_counts

DAY = "2026-04-17"
ROWS = 500
SETTINGS = load_settings("local")
ENGINES = ("duckdb", "spark")


@dataclass
class Left:
    """What a run leaves of a date."""

    rows: Counter[str]
    schema: pa.Schema
    quarantine: Counter[str]
    table_hash: str
    report: dict[str, Any]


def run(bench: Bench, engine: str, dataset: str) -> Left:
    report = bench.run_json(DAY, "--dataset", dataset, "--engine", engine, environ=rows_url(ROWS))
    tables = list(_tables(bench, report["places"]["processed"]))
    rows = (row for table in tables for row in table.to_pylist())
    return Left(
        rows=Counter(json.dumps(_of_the_record(each), default=str) for each in rows),
        schema=tables[0].schema.remove_metadata(),
        quarantine=Counter(bench.read_lines(report["places"]["quarantine"])),
        table_hash=bench.table_hash(dataset),
        report=report,
    )


def _tables(bench: Bench, prefix: str) -> Iterator[pa.Table]:
    bucket = prefix.split("/")[2]
    for key in bench.keys(prefix):
        yield pq.ParquetFile(io.BytesIO(bench.read(f"s3://{bucket}/{key}"))).read()


def _of_the_record(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in LINEAGE_COLUMNS}


@pytest.mark.parametrize("dataset", ["orders", "customers", "airports"])
def test_engines_leave_the_same_rows_quarantine_and_schema(
    dataset: str, make_bench: Callable[[], Bench]
) -> None:
    here, there = (run(make_bench(), engine, dataset) for engine in ENGINES)

    assert here.rows == there.rows
    assert here.rows.total() > 0
    assert here.quarantine == there.quarantine
    assert here.schema.names == there.schema.names
    assert [str(each) for each in here.schema.types] == [str(each) for each in there.schema.types]
    assert here.table_hash == there.table_hash
    for figure in ("rows", "table_rows", "reject_reasons", "drift"):
        assert here.report[figure] == there.report[figure]


def test_report_says_which_engine_and_why(make_bench: Callable[[], Bench]) -> None:
    bench, environ = make_bench(), {**rows_url(20), "ETL_TRANSFORM__MEMORY_MIB": "256"}

    auto = bench.run_json(DAY, "--engine", "auto", environ=environ)
    told = bench.run(DAY, "--engine", "spark", environ=environ)

    assert auto["engine"].startswith("DuckDB: about ")
    assert auto["engine"].endswith(" kB of lines, of at most 268.4 MB")
    assert "engine   Spark on Glue: as transform.engine says" in told.out
    costs = {stage["name"]: stage["cost_usd"] for stage in auto["stages"]}
    assert costs["transform"] == 0


def test_engine_takes_the_place_of_the_other(make_bench: Callable[[], Bench]) -> None:
    bench = make_bench()
    runs = [run(bench, engine, "orders") for engine in ("spark", "duckdb", "spark")]

    expected = expected_counts(ROWS)
    assert all(each.report["rows"]["loaded"] == expected.loaded for each in runs)
    assert len({each.table_hash for each in runs}) == 1
    assert NONE_ELSEWHERE.items() <= runs[-1].report["rows"].items()


def test_fewer_rows_replace_more(make_bench: Callable[[], Bench]) -> None:
    bench, contract = make_bench(), load_contract("orders", settings=SETTINGS)
    bench.run_json(DAY, "--engine", "duckdb", environ=rows_url(ROWS))

    report = bench.run_json(DAY, "--engine", "duckdb", environ=rows_url(0))

    assert report["rows"]["loaded"] == report["table_rows"] == 0
    for place in (keys.processed_uri, keys.quarantine_uri):
        assert bench.keys(place(contract, date.fromisoformat(DAY))) == []


@pytest.mark.parametrize(
    "left, message",
    [(0, "{} does not exist"), (0.5, "{} is no whole gzip file")],
    ids=["gone", "cut off"],
)
def test_raw_object_that_is_harmed_fails_clearly_and_is_mended_by_the_next_run(
    make_bench: Callable[[], Bench], monkeypatch: pytest.MonkeyPatch, left: float, message: str
) -> None:
    from etl.duckdb import transform

    bench = make_bench()
    uris: list[str] = []

    class Harmed(transform.Lines):
        def read(self, *options: int) -> Iterator[pa.RecordBatch]:
            s3, uri = bench.client("s3"), self._objects[0].uri
            bucket, key = keys.parse_s3_uri(uri)
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            s3.delete_object(Bucket=bucket, Key=key)
            if left:
                s3.put_object(Bucket=bucket, Key=key, Body=body[: int(len(body) * left)])
            uris.append(uri)
            yield from super().read(*options)

    with monkeypatch.context() as patch:
        patch.setattr(transform, "Lines", Harmed)
        ended = bench.run(DAY, "--engine", "duckdb", environ=rows_url(ROWS))
    ended.fails(message.format(uris[0]))

    report = bench.run_json(DAY, "--engine", "duckdb", environ=rows_url(ROWS))
    assert report["rows"]["loaded"] == expected_counts(ROWS).loaded


def test_run_writes_a_file_for_each_slice_of_the_warehouse(make_bench: Callable[[], Bench]) -> None:
    bench, environ = make_bench(), {**rows_url(40_000), "ETL_WAREHOUSE__SLICES": "2"}
    for engine in ENGINES:
        report = bench.run_json(DAY, "--engine", engine, environ=environ)
        assert len(bench.keys(report["places"]["processed"])) == 2
        assert report["table_rows"] == expected_counts(40_000).loaded


def test_rejected_lines_that_do_not_fit_in_memory_are_all_kept(
    make_bench: Callable[[], Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    from etl.duckdb import transform

    whole = run(make_bench(), "duckdb", "orders")
    monkeypatch.setattr(transform, "_REJECTED_CHARACTERS", 1_000)  # some two lines
    parted = run(make_bench(), "duckdb", "orders")

    assert parted.quarantine == whole.quarantine
    assert parted.quarantine.total() == expected_counts(ROWS).quarantined > 4
    assert parted.report["rows"] == whole.report["rows"]


def test_quarantine_that_cannot_be_written_fails_the_run_and_replaces_nothing(
    make_bench: Callable[[], Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    from etl.duckdb.rejected import Quarantine

    def add(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    bench = make_bench()
    before = run(bench, "duckdb", "orders")
    with monkeypatch.context() as patch:
        patch.setattr(Quarantine, "add", add)
        bench.run(DAY, "--engine", "duckdb", environ=rows_url(ROWS)).fails(
            "No space left on device"
        )

    assert Counter(bench.read_lines(before.report["places"]["quarantine"])) == before.quarantine
    assert bench.keys(before.report["places"]["processed"])
