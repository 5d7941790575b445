"""The transform as a whole: what it writes, replaces, removes and counts."""

from __future__ import annotations

import gzip
import hashlib
import json
import resource
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow.parquet as pq
import pytest
from moto import mock_aws
from support.contracts import make_column, make_contract, orders_contract
from support.line_cases import RUN_DATE, json_contract, text_contract
from support.spark_session import local_spark
from support.tidy_cases import MAPPED_LINES, mapped_contract

from etl.corrections import payload_digest
from etl.duckdb.transform import Limits, transform
from etl.errors import TransformError
from etl.hive import values_in
from etl.manifest import Manifest, RawObject
from etl.model import LINEAGE_COLUMNS, UNKNOWN_FIELDS, Contract, Raw, Type
from etl.transforming import Lineage
from etl.validation.arrow_schema import arrow_schema, schema_differences
from local_cloud.source_orders import expected_counts, iter_orders

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STARTED_AT = datetime(2026, 1, 1, 23, 30, 0, 250, tzinfo=timezone(timedelta(hours=2)))
VERSIONS = make_contract(
    make_column("id", Type(kind="integer"), required=True),
    make_column("at", Type(kind="timestamp")),
    make_column("text", Type(kind="string")),
    latest_by="at",
)


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    with local_spark() as session:
        yield session


@dataclass
class Job:
    """Transforms lines that stand in files of a folder, by Spark."""

    spark: SparkSession
    folder: Path

    def run(
        self,
        contract: Contract,
        *parts: list[str],
        sources: tuple[str, ...] = (),
        corrections: Mapping[str, str] | None = None,
        slices: int = 1,
    ) -> dict[str, Any]:
        """The metrics for an extraction of these parts, of as many source objects or of none.

        Args:
            corrections: Other lines by those that they stand for.
        """
        is_plain = contract.raw.compression == "none"
        raw = [self._part(index, lines, is_plain) for index, lines in enumerate(parts)]
        raw = [replace(each, source=source) for each, source in zip(raw, sources)] or raw
        manifest = Manifest(
            dataset=contract.dataset,
            run_date=RUN_DATE,
            source=contract.source.name,
            encoding=contract.source.encoding,
            objects=tuple(raw),
            rows=sum(each.rows for each in raw),
            bytes=sum(each.bytes for each in raw),
            contract_uri="s3://test-artifacts/contract.json",
            corrections=self._corrections(corrections),
        )
        metrics = self.transform(
            contract=contract,
            manifest=manifest,
            run_date=RUN_DATE,
            lineage=Lineage(run_id="this-run", ingested_at=STARTED_AT),
            processed_uri=self.uri("processed"),
            quarantine_uri=self.uri("quarantine"),
            slices=slices,
        )
        assert metrics["manifest_digest"] == manifest.digest
        counts = metrics["rows"]
        assert counts["read"] == manifest.rows
        assert counts["read"] == sum(counts.values()) - counts["read"]
        assert counts["valid"] == len(self.rows())
        assert counts["quarantined"] == len(self.quarantine()) == sum(metrics["reasons"].values())
        for place, name in (("processed", "files"), ("quarantine", "quarantine_files")):
            root = self.folder / place
            found = [
                {"uri": f"{self.uri(place)}{path.relative_to(root)}", "bytes": path.stat().st_size}
                for path in self.files(place)
            ]
            assert metrics[name] == found
        return metrics

    def transform(self, **work: Any) -> dict[str, Any]:
        from etl.spark.transform import transform

        return transform(self.spark, **work)

    def uri(self, place: str) -> str:
        return f"file://{self.folder}/{place}/"

    def path(self, uri: str) -> Path:
        """Where a file that was written can be read."""
        return Path(uri.removeprefix("file://"))

    def put(self, name: str, body: bytes) -> str:
        """Make a raw object; the answer is its URI."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
        return f"file://{path}"

    def files(self, place: str) -> list[Path]:
        """Everything there is, strays included."""
        return sorted(path for path in (self.folder / place).rglob("*") if path.is_file())

    def rows(self) -> list[dict[str, Any]]:
        """The processed rows."""
        return [
            row
            for path in self.files("processed")
            for row in pq.ParquetFile(path).read().to_pylist()
        ]

    def quarantine(self) -> list[dict[str, Any]]:
        """The rejected rows."""
        return [
            json.loads(line)
            for path in self.files("quarantine")
            for line in gzip.decompress(path.read_bytes()).splitlines()
        ]

    def _corrections(self, given: Mapping[str, str] | None) -> RawObject | None:
        if given is None:
            return None
        rows = [{"payload_sha256": payload_digest(k), "payload": v} for k, v in given.items()]
        body = gzip.compress("".join(json.dumps(each) + "\n" for each in rows).encode())
        uri = self.put("_corrections/0.jsonl.gz", body)
        return RawObject(
            uri=uri, bytes=len(body), sha256=hashlib.sha256(body).hexdigest(), rows=len(rows)
        )

    def _part(self, index: int, lines: list[str], is_plain: bool) -> RawObject:
        body = "".join(line + "\n" for line in lines).encode()
        body = body if is_plain else gzip.compress(body, mtime=0)
        uri = self.put(f"part-{index:05d}.jsonl{'' if is_plain else '.gz'}", body)
        digest = hashlib.sha256(body).hexdigest()
        return RawObject(uri=uri, bytes=len(body), sha256=digest, rows=len(lines))


class DuckdbJob(Job):
    """The same by DuckDB, on S3; the folder has copies of what lies there."""

    def __init__(self, s3: Any, folder: Path) -> None:
        self.folder, self._s3 = folder, s3
        self.options: dict[str, Any] = {}
        self.memory_mib = 512
        s3.create_bucket(Bucket="etl-test")

    def transform(self, **work: Any) -> dict[str, Any]:
        limits = Limits(memory_mib=self.memory_mib, threads=2)
        metrics = transform(self._s3, limits=limits, **self.options, **work)
        self.fetch()
        return metrics

    def fetch(self) -> None:
        """Copy what lies on S3 now."""
        for place in ("processed", "quarantine"):
            shutil.rmtree(self.folder / place, ignore_errors=True)
            found = self._s3.list_objects_v2(Bucket="etl-test", Prefix=f"{place}/")
            for each in found.get("Contents", []):
                path = self.folder / each["Key"]
                path.parent.mkdir(parents=True, exist_ok=True)
                self._s3.download_file("etl-test", each["Key"], str(path))

    def uri(self, place: str) -> str:
        return f"s3://etl-test/{place}/"

    def path(self, uri: str) -> Path:
        return self.folder / uri.removeprefix("s3://etl-test/")

    def put(self, name: str, body: bytes) -> str:
        self._s3.put_object(Bucket="etl-test", Key=name, Body=body)
        return f"s3://etl-test/{name}"


@pytest.fixture
def duckdb_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DuckdbJob]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield DuckdbJob(boto3.client("s3", region_name="us-east-1"), tmp_path)


@pytest.fixture
def spark_job(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Takes every run for a large one."""
    monkeypatch.setattr("etl.spark.transform._SMALL_RUN_ROWS", 0)
    return Job(spark, tmp_path)


@pytest.fixture
def small_spark_job(spark: SparkSession, tmp_path: Path) -> Job:
    return Job(spark, tmp_path)


@pytest.fixture(params=["duckdb_job", "spark_job"])
def job(request: pytest.FixtureRequest) -> Job:
    """Both engines, one after the other."""
    job: Job = request.getfixturevalue(request.param)
    return job


@pytest.fixture(params=["duckdb_job", "spark_job", "small_spark_job"])
def any_job(request: pytest.FixtureRequest) -> Job:
    """The same, and Spark as it takes small runs."""
    job: Job = request.getfixturevalue(request.param)
    return job


def test_transform_demo_day_gives_what_the_shop_promises(any_job: Job) -> None:
    lines = list(iter_orders(RUN_DATE, 0, 2000))
    expected = expected_counts(2000)
    metrics = any_job.run(orders_contract(), lines[:1000], lines[1000:])
    assert metrics["rows"]["valid"] == expected.loaded
    assert metrics["rows"]["quarantined"] == expected.quarantined
    assert metrics["rows"]["deduplicated"] == expected.deduplicated
    assert len(metrics["files"]) == len(metrics["quarantine_files"]) == 1


def test_transform_parquet_schema_is_the_contracts(any_job: Job) -> None:
    for contract, line in ((json_contract(), '{"id": 1}'), (text_contract(), '{"id": "1"}')):
        any_job.run(contract, [line])
        found = pq.ParquetFile(any_job.files("processed")[0])
        assert schema_differences(found.schema_arrow, arrow_schema(contract)) == []
        assert found.metadata.row_group(0).column(0).compression == "SNAPPY"


def test_transform_rejected_row_carries_payload_reason_and_origin(any_job: Job) -> None:
    bad = '{"id": "ü", "flag": 1}  '
    any_job.run(json_contract(version="3.2.1"), ['{"id": 1}', bad])
    (found,) = any_job.quarantine()
    assert found.pop("source_uri").endswith("/part-00000.jsonl.gz")
    assert found.pop("source_file").endswith("/part-00000.jsonl.gz")
    assert found == {
        "payload": bad,
        "payload_sha256": hashlib.sha256(bad.encode()).hexdigest(),
        "reasons": 'id: expected integer, got "ü"; flag: expected boolean, got 1',
        "dataset": "things",
        "run_date": "2026-01-01",
        "contract_version": "3.2.1",
    }


def test_transform_takes_corrections_in_place_of_their_lines(any_job: Job) -> None:
    bad, worse, odd = '{"id": "ü\\n"}', '{"id": "x"}', '{"id": 3, "name": "\u2028\\u00e9"} '
    lines = ['{"id": 1}', bad, worse, bad, odd]
    corrections = {bad: '{"id": 2}', worse: '{"id": "y"}', odd: '{"id": 4}', "not there": "{}"}
    metrics = any_job.run(json_contract(), lines, corrections=corrections)
    assert sorted(row["id"] for row in any_job.rows()) == [1, 2, 4]
    assert metrics["corrected"] == 4
    (found,) = any_job.quarantine()
    assert (found["payload"], found["payload_sha256"]) == (
        '{"id": "y"}',
        payload_digest('{"id": "y"}'),
    )
    assert any_job.run(json_contract(), lines)["corrected"] == 0
    assert sorted(row["id"] for row in any_job.rows()) == [1, 3]
    assert any_job.run(json_contract(), [], corrections=corrections)["corrected"] == 0


def test_transform_reasons_are_counted_by_what_comes_first(any_job: Job) -> None:
    bad = ["x", "{}", '{"id": "a", "flag": 1}', '{"id": "b"}', '{"id": 1, "small": 100}']
    metrics = any_job.run(json_contract(), bad)
    assert metrics["reasons"] == {"record": 1, "id": 3, "rule small_enough": 1}


def test_transform_latest_row_of_a_key_wins_then_the_greatest_payload(any_job: Job) -> None:
    early, late = '"2026-01-01T00:00:00Z"', '"2026-01-01T01:00:00+00:30"'
    lines = [
        f'{{"id": 1, "at": {late}, "text": "late"}}',
        f'{{"id": 1, "at": {early}, "text": "z early"}}',
        '{"id": 1, "text": "zz never"}',
        '{"id": 2, "text": "a"}',
        '{"id": 2, "text": "ž"}',
        '{"id": 2, "text": "z"}',
        f'{{"id": 3, "at": {early}}}',
        f'{{"id": 3, "at": {early}}}',
        f'{{"id": "4", "at": {late}}}',
        f'{{"id": 4, "at": {early}, "text": "the other is rejected"}}',
    ]
    metrics = any_job.run(VERSIONS, lines[:5], lines[5:])
    assert metrics["rows"] == {
        "read": 10,
        "valid": 4,
        "quarantined": 1,
        "deduplicated": 5,
        "filtered": 0,
    }
    texts = {row["id"]: row["text"] for row in any_job.rows()}
    assert texts == {1: "late", 2: "ž", 3: None, 4: "the other is rejected"}


def test_transform_key_of_two_columns_is_one_key(job: Job) -> None:
    contract = make_contract(
        make_column("a", Type(kind="string")),
        make_column("b", Type(kind="date")),
        primary_key=("a", "b"),
    )
    lines = ['{"a": "x", "b": "2026-01-01"}', '{"a": "x", "b": "2026-01-02"}'] * 2
    assert job.run(contract, lines)["rows"]["valid"] == 2


def test_transform_again_replaces_what_was_there(any_job: Job) -> None:
    any_job.run(json_contract(), ['{"id": 1}', '{"id": 2}', "x", "y"])
    any_job.run(json_contract(), ['{"id": 3}', "z"])
    assert [row["id"] for row in any_job.rows()] == [3]
    assert [row["payload"] for row in any_job.quarantine()] == ["z"]
    any_job.run(json_contract(), ['{"id": 4}'])
    assert [row["id"] for row in any_job.rows()] == [4]
    assert any_job.files("quarantine") == []


def test_transform_empty_day_leaves_nothing_behind(job: Job) -> None:
    job.run(json_contract(), ['{"id": 1}', "x"])
    metrics = job.run(json_contract())
    assert metrics["rows"] == {
        "read": 0,
        "valid": 0,
        "quarantined": 0,
        "deduplicated": 0,
        "filtered": 0,
    }
    assert job.files("processed") == job.files("quarantine") == []


def test_transform_day_of_bad_rows_only_leaves_no_processed_file(any_job: Job) -> None:
    any_job.run(json_contract(), ['{"id": 1}'])
    metrics = any_job.run(json_contract(), ["x", "y"])
    assert metrics["rows"] == {
        "read": 2,
        "valid": 0,
        "quarantined": 2,
        "deduplicated": 0,
        "filtered": 0,
    }
    assert any_job.files("processed") == []


LINEAGE = make_contract(
    make_column("id", Type(kind="integer"), required=True),
    make_column("text", Type(kind="string")),
    *LINEAGE_COLUMNS.values(),
    version="3.2.1",
)


def test_transform_lineage_says_of_every_row_where_it_came_from(any_job: Job) -> None:
    sources = ("s3://logs/a b/ž%20.gz", "s3://logs/second.gz", "s3://logs/first.gz")
    parts = (
        ['{"id": 1, "text": "a"}', '{"id": 2, "text": "same"}', "x"],
        ['{"id": 2, "text": "same"}', '{"id": 3, "text": "b"}'],
        ['{"id": 2, "text": "same"}', '{"id": 3, "text": "c"}', "y"],
    )
    any_job.run(LINEAGE, *parts, sources=sources)
    assert {row["id"]: row["_source_file"] for row in any_job.rows()} == {
        1: "s3://logs/a b/ž%20.gz",
        2: "s3://logs/second.gz",  # of equal lines the greatest
        3: "s3://logs/first.gz",
    }
    common = {
        "_ingested_at": datetime(2026, 1, 1, 21, 30, 0, 250, tzinfo=timezone.utc),
        "_run_id": "this-run",
        "_contract_version": "3.2.1",
    }
    assert all(row.items() >= common.items() for row in any_job.rows())
    origins = {row["payload"]: row["source_file"] for row in any_job.quarantine()}
    assert origins == {"x": "s3://logs/a b/ž%20.gz", "y": "s3://logs/first.gz"}


def test_transform_lineage_without_source_objects_names_the_raw_one(any_job: Job) -> None:
    plain = replace(LINEAGE, raw=Raw(compression="none"))
    any_job.run(plain, ['{"id": 1}'], ['{"id": 2}', "x"])
    found = {row["id"]: row["_source_file"].rpartition("/")[2] for row in any_job.rows()}
    assert found == {1: "part-00000.jsonl", 2: "part-00001.jsonl"}
    schema = pq.ParquetFile(any_job.files("processed")[0]).schema_arrow
    assert schema_differences(schema, arrow_schema(LINEAGE)) == []


def test_transform_filtered_rows_are_counted_and_written_nowhere(any_job: Job) -> None:
    lines = [line for line, _ in MAPPED_LINES]
    outcomes = [type(verdict).__name__ for _, verdict in MAPPED_LINES]
    metrics = any_job.run(mapped_contract(partition_columns=()), lines)
    assert metrics["rows"]["filtered"] == outcomes.count("Filtered") == 3
    # Without a partition to name, an empty level is as good as another.
    assert metrics["rows"]["quarantined"] == outcomes.count("Rejected") - 1
    assert {row["id"] for row in any_job.rows()} == {0, 1}


def test_transform_looks_at_all_rejected_lines_and_at_a_sample_of_the_others(
    any_job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.drift.sampling.SAMPLED_ROWS", 250)
    orders = [line for line in iter_orders(RUN_DATE, 0, 1000) if '"order_id":"' in line]
    lines = [line[:-1] + ',"coupon":"X1"}' for line in orders]
    broken = [line.replace('"is_gift":', '"isGift":') for line in orders[:200]]
    metrics = any_job.run(orders_contract(drift_limit_percent=5), lines, broken)
    drift = metrics["drift"]
    changes = {(each["kind"], each["field"]): each for each in drift["changes"]}
    renamed = changes["name", "is_gift"]
    assert (renamed["records"], renamed["stops"], renamed["is_estimate"]) == (200, True, False)
    assert list(renamed["examples"]) == ["false", "true"]
    coupons = changes["new", "coupon"]
    assert coupons["is_estimate"] and abs(coupons["records"] - len(lines)) < 20
    assert not coupons["stops"] and list(coupons["examples"]) == ["***"]
    accepted = metrics["rows"]["read"] - metrics["rows"]["quarantined"]
    sampled = drift["looked_at"] - metrics["rows"]["quarantined"]
    assert accepted / 8 < sampled < accepted / 3  # every fifth or so
    again = any_job.run(orders_contract(drift_limit_percent=5), lines, broken)["drift"]
    assert again == drift


def test_transform_keeps_fields_that_the_contract_does_not_name(any_job: Job) -> None:
    contract = make_contract(
        make_column("id", Type(kind="integer"), required=True),
        UNKNOWN_FIELDS,
        *LINEAGE_COLUMNS.values(),
        unknown_fields="keep",
    )
    any_job.run(contract, ['{"id": 1}', '{"id": 2, "a": {"ž": 1.50}}', '{"id": "x", "a": 1}'])
    kept = {row["id"]: row["_unknown_fields"] for row in any_job.rows()}
    assert kept == {1: None, 2: '{"a":{"ž":1.50}}'}
    schema = pq.ParquetFile(any_job.files("processed")[0]).schema_arrow
    assert schema_differences(schema, arrow_schema(contract)) == []


PARTITIONED = make_contract(
    make_column("id", Type(kind="integer"), required=True),
    make_column("day", Type(kind="date"), required=True),
    make_column("level", Type(kind="string"), required=True),
    make_column("flag", Type(kind="boolean"), required=True),
    make_column("number", Type(kind="integer"), required=True),
    partition_columns=("day", "level", "flag", "number"),
)


def test_transform_partition_columns_stand_in_keys_and_not_in_files(any_job: Job) -> None:
    def line(number: int, level: str, day: str = "2026-01-01") -> str:
        row = {"id": number, "day": day, "level": level, "flag": True, "number": -7}
        return json.dumps(row, ensure_ascii=False)

    any_job.run(PARTITIONED, [line(1, "gone"), "x"])
    lines = [line(1, "INFO"), line(2, "INFO", "2025-12-31"), line(3, 'a/b=c%:é "'), line(4, "INFO")]
    metrics = any_job.run(PARTITIONED, lines[:2], lines[2:])
    found = {
        each["uri"]: pq.ParquetFile(any_job.path(each["uri"])).read().to_pylist()
        for each in metrics["files"]
    }
    rows = sorted(
        [row["id"], *values_in(PARTITIONED, uri).values()]
        for uri, rows in found.items()
        for row in rows
        if list(row) == ["id"]
    )
    assert rows == [
        [1, date(2026, 1, 1), "INFO", True, -7],
        [2, date(2025, 12, 31), "INFO", True, -7],
        [3, date(2026, 1, 1), 'a/b=c%:é "', True, -7],
        [4, date(2026, 1, 1), "INFO", True, -7],
    ]
    assert len(found) == 3
    folders = {
        str(path.parent.relative_to(any_job.folder / "processed"))
        for path in any_job.files("processed")
    }
    assert "day=2026-01-01/level=INFO/flag=true/number=-7" in folders
    assert any_job.run(PARTITIONED, ["x"])["files"] == []


def test_transform_writes_a_file_for_each_slice_of_the_warehouse(
    any_job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = list(iter_orders(RUN_DATE, 0, 2000))

    def written(slices: int) -> list[set[str]]:
        # The second time no line is good for a row.
        any_job.run(orders_contract(), lines, lines, slices=slices)
        files = map(pq.ParquetFile, any_job.files("processed"))
        return [{row["order_id"] for row in file.read().to_pylist()} for file in files]

    (whole,) = written(1)
    assert written(4) == [whole], "it has less than a mebibyte"
    monkeypatch.setattr("etl.transforming.LEAST_FILE_BYTES", 1024)
    assert written(1) == [whole]
    found = written(4)
    assert len(found) == 4
    assert set.union(*found) == whole and sum(map(len, found)) == len(whole)
    assert min(map(len, found)) > len(whole) / 5
    assert written(4) == found


def test_transform_rows_of_ten_megabytes_pass_or_are_rejected_whole(job: Job) -> None:
    text = "ž" * 5_000_000
    contract = make_contract(
        make_column("id", Type(kind="integer")),
        make_column("text", Type(kind="string", max_bytes=16_000_000)),
    )
    lines = [f'{{"id": 1, "text": "{text}"}}', f'{{"id": "2", "text": "{text}"}}']
    metrics = job.run(contract, lines)
    assert metrics["rows"] == {
        "read": 2,
        "valid": 1,
        "quarantined": 1,
        "deduplicated": 0,
        "filtered": 0,
    }
    assert job.rows()[0]["text"] == text
    assert job.quarantine()[0]["payload"] == lines[1]


def test_transform_two_hundred_columns_pass(job: Job) -> None:
    kinds = [
        Type(kind="integer"),
        Type(kind="string"),
        Type(kind="decimal", precision=12, scale=2),
        Type(kind="timestamp"),
    ]
    columns = [make_column(f"c{index}", kinds[index % 4]) for index in range(200)]
    values: list[Any] = [7, "x", 1.25, "2026-01-01T00:00:00Z"]
    record = {f"c{index}": values[index % 4] for index in range(200)}
    metrics = job.run(make_contract(*columns), [json.dumps(record | {"c0": n}) for n in range(50)])
    assert metrics["rows"]["valid"] == 50
    assert len(job.rows()[0]) == 200


def test_transform_csv_rows_end_as_their_types(any_job: Job) -> None:
    record = {"id": "1", "text": "", "amount": "1.5", "flag": "TRUE", "day": "2026-01-01"}
    any_job.run(text_contract(), [json.dumps(record)])
    row = any_job.rows()[0]
    assert (row["text"], str(row["amount"]), row["flag"]) == (None, "1.50", True)


def test_transform_dates_before_the_gregorian_calendar_stay_what_they_are(job: Job) -> None:
    job.run(json_contract(), ['{"id": 1, "day": "0001-01-01", "at": "1001-01-01T00:00:00Z"}'])
    row = job.rows()[0]
    assert (row["day"].isoformat(), row["at"].isoformat()) == (
        "0001-01-01",
        "1001-01-01T00:00:00+00:00",
    )


def test_transform_that_may_not_replace_leaves_all_as_it_is(duckdb_job: DuckdbJob) -> None:
    duckdb_job.run(json_contract(), ['{"id": 1}', "x"])
    before = {path: path.read_bytes() for path in duckdb_job.files("")}

    class Lost(Exception):
        pass

    def refuse() -> None:
        raise Lost

    duckdb_job.options["before_replacing"] = refuse
    with pytest.raises(Lost):
        duckdb_job.run(json_contract(), ['{"id": 2}', "y"])

    duckdb_job.fetch()
    assert {path: path.read_bytes() for path in duckdb_job.files("")} == before


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file may become larger than 4 KiB."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_transform_that_needs_more_memory_says_so_and_replaces_nothing(
    duckdb_job: DuckdbJob,
) -> None:
    duckdb_job.run(json_contract(), ['{"id": 1}', "x"])
    before = {path: path.read_bytes() for path in duckdb_job.files("")}
    duckdb_job.memory_mib = 16
    lines = [json.dumps({"id": n, "other": f"{n}" * 1_000}) for n in range(20_000)]

    with pytest.raises(TransformError, match="DuckDB needs more than the 16 MiB that transform.m"):
        duckdb_job.run(json_contract(), lines)

    duckdb_job.fetch()
    assert {path: path.read_bytes() for path in duckdb_job.files("")} == before


def test_transform_without_room_on_the_disk_says_so(
    duckdb_job: DuckdbJob, little_room: None
) -> None:
    lines = [json.dumps({"id": n, "text": f"{n}"}) for n in range(5_000)]

    with pytest.raises(TransformError, match="DuckDB cannot write to "):
        duckdb_job.run(json_contract(), lines)


def test_transform_that_does_not_find_every_rejected_line_again_fails(
    spark_job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.sql import functions

    monkeypatch.setattr("etl.spark.transform.is_marked", lambda marks: functions.lit(False))
    with pytest.raises(TransformError, match="2 rows were rejected, but 0 when read again"):
        spark_job.run(json_contract(), ["x", "y", '{"id": 1}'])


def test_transform_marks_do_not_lose_one_of_thousands_of_rejected_lines(spark_job: Job) -> None:
    lines = [json.dumps({"id": n if n % 2 else str(n)}) for n in range(6000)]
    metrics = spark_job.run(json_contract(), lines)
    assert metrics["rows"]["quarantined"] == 3000
    assert [row["payload"] for row in spark_job.quarantine()].count('{"id": "2"}') == 1


def test_transform_leaves_the_sessions_settings_alone(spark_job: Job) -> None:
    spark_job.spark.conf.set("spark.sql.ansi.enabled", "true")
    spark_job.spark.conf.unset("spark.sql.session.timeZone")
    zone = spark_job.spark.conf.get("spark.sql.session.timeZone")
    spark_job.run(json_contract(), ['{"id": 1}'])
    assert spark_job.spark.conf.get("spark.sql.ansi.enabled") == "true"
    assert spark_job.spark.conf.get("spark.sql.session.timeZone") == zone
    spark_job.spark.conf.unset("spark.sql.ansi.enabled")


def test_transform_plan_has_one_shuffle_one_sort_and_asks_python_once(
    spark_job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.sql import DataFrameWriter

    plans: list[str] = []
    write: Callable[..., None] = DataFrameWriter.parquet

    def keep_plan(self: DataFrameWriter, *arguments: Any, **options: Any) -> None:
        plans.append(self._df._jdf.queryExecution().executedPlan().toString())
        write(self, *arguments, **options)

    monkeypatch.setattr(DataFrameWriter, "parquet", keep_plan)
    spark_job.spark.conf.set("spark.sql.debug.maxToStringFields", "1000")
    spark_job.run(orders_contract(), list(iter_orders(RUN_DATE, 0, 10)))
    nodes = (" Exchange ", " Sort ", " BatchEvalPython ", "from_json(", "forall(")
    assert [plans[0].count(node) for node in nodes] == [1, 1, 1, 1, 1]
    # Spark evaluates what is below from another thread, on the same objects.
    assert plans[0].index(" BatchEvalPython ") < plans[0].index("forall(")
