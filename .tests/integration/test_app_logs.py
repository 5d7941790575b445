"""The app_logs example: what its contract promises, held against the log lines row by row."""

from __future__ import annotations

import gzip
import io
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow.parquet as pq
import pytest
from support.access_log import stands_for
from support.athena_queries import AthenaQueries
from support.contracts import write_contract
from support.pipeline_runs import Bench

from etl.settings import load_settings
from local_cloud.demo_logs import log_files

ENGINE = "duckdb"
BUCKETS = load_settings("local").buckets
FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
LEVELS = {"DEBUG": 0, "INFO": 1, "WARN": 2, "ERROR": 3}
MAPPED = {"warning": "WARN", "error": "ERROR"}

Row = dict[str, Any]


@dataclass
class Expected:
    """What becomes of log lines, in plain Python."""

    rows: dict[str, Row] = field(default_factory=dict)
    quarantined: list[tuple[str, str]] = field(default_factory=list)
    filtered: int = 0
    deduplicated: int = 0

    def add_file(self, uri: str, content: bytes) -> None:
        """Take a file's lines into account; of lines that come twice, the last file's counts."""
        text = gzip.decompress(content) if uri.endswith(".gz") else content
        for line in text.decode().splitlines():
            self._add_line(uri, line)

    def _add_line(self, uri: str, line: str) -> None:
        row = _readable(line)
        if row is not None and row["service"] == "health-check":
            self.filtered += 1
        elif row is None or row["level"] not in LEVELS or (row["response_time_ms"] or 0) < 0:
            self.quarantined.append((line, uri))
        else:
            self.deduplicated += row["log_id"] in self.rows
            self.rows[row["log_id"]] = _classed(row) | {"_source_file": uri}


def _readable(line: str) -> Row | None:
    """The line's values, or None if they are not what the contract says."""
    try:
        given = _snake(json.loads(line))
    except ValueError:
        return None
    request, milliseconds = given.get("request") or {}, given.get("response_time")
    if not isinstance(request, dict) or not (
        milliseconds in (None, "") or isinstance(milliseconds, int)
    ):
        return None
    at = datetime.fromisoformat(given["timestamp"])
    return {
        "log_id": given["log_id"],
        "logged_at": at,
        "log_date": at.date(),
        "level": MAPPED.get(given["level"], given["level"]),
        "service": given["service_name"],
        "message": _filled(given.get("message")),
        "request_id": request.get("request_id"),
        "path": _filled(request.get("path")),
        "status_code": request.get("status_code"),
        "response_time_ms": None if milliseconds == "" else milliseconds,
        "tags": [each for each in given.get("tags") or [] if _filled(each)] or None,
    }


def _snake(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    names = [
        re.sub("[ -]", "_", re.sub("(?<=[a-z])(?=[A-Z])", "_", name)).lower() for name in value
    ]
    if len(set(names)) < len(names):
        raise ValueError("a name in two spellings")
    return dict(zip(names, map(_snake, value.values())))


def _filled(text: str | None) -> str | None:
    return text if text and text.strip() else None


def _classed(row: Row) -> Row:
    milliseconds = row["response_time_ms"]
    known = milliseconds is not None
    return row | {
        "severity_score": LEVELS[row["level"]],
        "is_slow": milliseconds > 1000 if known else None,
        "performance_class": (
            ("fast" if milliseconds < 100 else "normal" if milliseconds < 1000 else "slow")
            if known
            else None
        ),
    }


@dataclass(frozen=True)
class Logs:
    """Log files under a prefix of their own, and runs that read them."""

    bench: Bench
    prefix: str

    def put(self, files: dict[str, bytes]) -> Expected:
        """Put files; what is to become of them."""
        expected = Expected()
        for name, content in sorted(files.items()):
            self.bench.put(self.prefix + name, content)
            expected.add_file(self.prefix + name, content)
        return expected

    def run(self, day: date, contracts: Path | None = None) -> dict[str, Any]:
        """The report of a run that ends well."""
        environ = {"ETL_PLACES__APP_LOGS_PREFIX": self.prefix}
        return self.bench.run_json(
            str(day), "--dataset", "app_logs", environ=environ, contracts=contracts
        )

    def rows(self, report: dict[str, Any]) -> dict[str, Row]:
        """The processed rows with the values in their keys, by log id."""
        place = report["places"]["processed"]
        found: dict[str, Row] = {}
        for key in self.bench.keys(place):
            partition = dict(re.findall("([a-z_]+)=([^/]*)/", key))
            table = pq.ParquetFile(io.BytesIO(self.bench.read(f"s3://{BUCKETS.processed}/{key}")))
            assert not {"log_date", "level"} & set(table.schema_arrow.names)
            for row in table.read().to_pylist():
                assert row["log_id"] not in found
                found[row["log_id"]] = row | {
                    "log_date": date.fromisoformat(partition["log_date"]),
                    "level": unquote(partition["level"]),
                }
        return found


@pytest.fixture
def logs(bench: Bench) -> Logs:
    folder = uuid.uuid4().hex
    stands_for(folder, "price_list")  # some of these runs delete what they took
    return Logs(bench, f"s3://{BUCKETS.raw}/landing/{folder}/")


def _check(logs: Logs, report: dict[str, Any], expected: Expected) -> dict[str, Row]:
    """Hold a run against what was to become of its files."""
    found = logs.rows(report)
    lineage = {
        name: {row.pop(name) for row in found.values()}
        for name in ("_ingested_at", "_run_id", "_contract_version")
    }
    assert found == expected.rows
    assert lineage["_run_id"] == {report["run_id"]}
    assert lineage["_contract_version"] == {"1.0.0"}
    (ingested_at,) = lineage["_ingested_at"]
    assert abs((datetime.now(UTC) - ingested_at).total_seconds()) < 600
    lines = map(json.loads, logs.bench.read_lines(report["places"]["quarantine"]))
    assert sorted((each["payload"], each["source_file"]) for each in lines) == sorted(
        expected.quarantined
    )
    assert report["rows"] | {"rejected": 0} == {
        "extracted": len(found)
        + len(expected.quarantined)
        + expected.filtered
        + expected.deduplicated,
        "loaded": len(found),
        "quarantined": len(expected.quarantined),
        "filtered": expected.filtered,
        "deduplicated": expected.deduplicated,
        "rejected": 0,
    }
    return found


def test_app_logs_end_as_their_contract_promises(
    logs: Logs, client: Callable[[str], Any], tmp_path: Path
) -> None:
    files = dict(log_files())
    early = {name: content for name, content in files.items() if "2026-01-01" in name}
    expected = logs.put(early)
    found = _check(logs, logs.run(FIRST), expected)
    assert {row["level"] for row in found.values()} == set(LEVELS)
    athena = AthenaQueries(
        client("athena"), client("glue"), client("s3"), BUCKETS.artifacts, logs.bench.schema
    )
    counted = athena.rows(
        'SELECT level, count(*), count(DISTINCT "_source_file") FROM app_logs'
        f" WHERE ingest_date = DATE '{FIRST}' AND log_date < DATE '2026-01-03' GROUP BY level"
    )
    rows = [row for row in found.values() if row["log_date"] < date(2026, 1, 3)]
    assert sorted(counted) == [
        [
            level,
            str(sum(row["level"] == level for row in rows)),
            str(len({row["_source_file"] for row in rows if row["level"] == level})),
        ]
        for level in sorted(LEVELS)
    ]

    late = {name: content for name, content in files.items() if name not in early}
    expected = logs.put(late)
    write_contract(tmp_path, _deleting, dataset="app_logs")
    _check(logs, logs.run(SECOND, tmp_path), expected)
    left = {key.rpartition("/")[2] for key in logs.bench.keys(logs.prefix)}
    assert left == set(early)  # what the first date took is the first date's to delete


def _deleting(document: dict[str, Any]) -> None:
    options = document["servers"][0]["customProperties"]
    next(each for each in options if each["property"] == "afterLoad")["value"] = "delete"
