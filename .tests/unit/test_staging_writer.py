"""How raw objects are laid out, sent once, and what becomes of records that do not fit."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from moto import mock_aws
from support.contracts import make_column, make_contract

from aws.s3 import iter_objects
from etl.errors import ConservationError, SourceError
from etl.figures import Figures
from etl.keys import manifest_uri, part_name, source_part_name
from etl.manifest import Manifest, earlier_uri, find_manifest
from etl.model import LINEAGE_COLUMNS, Contract, Raw, Source, Type
from etl.partitioning import STRATEGIES, Strategy, keeps_source_objects
from etl.settings import Staging
from etl.sources.records import Item, Lines, OpenSource, SourceObject
from etl.staging import RawWriter, stage_raw
from etl.staging.run import object_metadata

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "test-raw"
DAY = date(2026, 1, 31)
PREFIX = "raw/tests/things/"
DATE = f"{PREFIX}2026/01/31/"
ID = make_column("id", Type(kind="integer"), required=True)
LEVEL = make_column("level", Type(kind="string"))
PLAIN = Raw(compression="none")


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def contract(raw: Raw = PLAIN, **changes: Any) -> Contract:
    return make_contract(ID, LEVEL, raw=raw, **changes)


def stage(
    s3: Any, given: Contract, items: Iterable[Item], *, keys: Any = None, **settings: Any
) -> Manifest:
    return stage_raw(
        OpenSource(items=iter(items), keys=keys, progress=lambda: {"files": ["a"]}),
        s3=s3,
        contract=given,
        run_date=DAY,
        run_id="run1",
        contract_uri="s3://test-artifacts/contract.json",
        settings=Staging(**{"upload_part_mib": 5, "concurrency": 2, **settings}),
    )


def stored(s3: Any) -> dict[str, bytes]:
    """Every object's bytes but the manifest's, by key."""
    return {
        each.key: s3.get_object(Bucket=BUCKET, Key=each.key)["Body"].read()
        for each in iter_objects(s3, bucket=BUCKET, prefix="")
        if not each.key.endswith("_manifest.json")
    }


def written(s3: Any) -> list[str]:
    """The keys of the data that the client sends from here on."""
    sent: list[str] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in ("PutObject", "UploadPart") and "_manifest" not in params["url_path"]:
            sent.append(params["url_path"].rpartition("/")[2])

    s3.meta.events.register("before-call.s3", note)
    return sent


def file(name: str) -> SourceObject:
    return SourceObject(uri=f"/in/{name}", size=1, etag=None, modified_at="2026-01-31T00:00:00Z")


def lines(*records: dict[str, Any]) -> Lines:
    return Lines(b"".join(json.dumps(each).encode() + b"\n" for each in records), len(records))


def noise(mib: int) -> Iterator[Lines]:
    """JSON lines that hardly compress, the same each time."""
    generator = random.Random(1)
    for _ in range(mib):
        rows = b"".join(
            b'{"id":"%s"}\n' % generator.randbytes(506).hex().encode() for _ in range(1024)
        )
        yield Lines(rows, 1024)


# One raw object for each source object


PER_SOURCE = contract(Raw(compression="none", per_source_object=True))
TWO_FILES = [file("a"), b'{"id":1}', lines({"id": 2}), file("b"), b'{"id":3}', file("empty")]


def test_source_objects_get_a_raw_object_each(s3: Any) -> None:
    manifest = stage(s3, PER_SOURCE, TWO_FILES)
    objects = stored(s3)
    assert [(each.source, each.rows) for each in manifest.objects] == [("/in/a", 2), ("/in/b", 1)]
    assert [objects[each.uri.partition("test-raw/")[2]] for each in manifest.objects] == [
        b'{"id":1}\n{"id": 2}\n',
        b'{"id":3}\n',
    ]
    assert manifest.progress == {"files": ["a"]}


def test_source_object_that_comes_twice_replaces_nothing(s3: Any) -> None:
    manifest = stage(s3, PER_SOURCE, [file("a"), b"{}", file("a"), b"[]"])
    name = source_part_name("/in/a")
    assert stored(s3) == {f"{DATE}{name}.jsonl": b"{}\n", f"{DATE}{name}-00001.jsonl": b"[]\n"}
    assert manifest.rows == 2


def test_source_object_is_not_cut_where_others_would_be(s3: Any) -> None:
    manifest = stage(s3, PER_SOURCE, [file("a"), *noise(3)], part_mib=1)
    assert len(manifest.objects) == 1


@pytest.mark.parametrize(
    ("options", "columns", "kept"),
    [
        ({}, (), False),
        ({"only_new": True}, (), True),
        ({"after_load": "keep"}, (), False),
        ({"after_load": "delete"}, (), True),
        ({}, (LINEAGE_COLUMNS["_source_file"],), True),
        ({}, (LINEAGE_COLUMNS["_run_id"],), False),
    ],
)
def test_keeps_source_objects_where_the_contract_needs_it(
    options: dict[str, Any], columns: Any, kept: bool
) -> None:
    source = Source(kind="file", name="t", location="in/", format="jsonl", options=options)
    assert keeps_source_objects(make_contract(ID, *columns, source=source)) is kept


# What S3 has already is not sent again


def test_unchanged_small_objects_are_not_sent_again(s3: Any) -> None:
    first = stage(s3, PER_SOURCE, TWO_FILES)
    sent = written(s3)
    assert stage(s3, PER_SOURCE, TWO_FILES) == first
    assert sent == []
    changed = [*TWO_FILES[:-2], b'{"id":4}', file("c"), b'{"id":5}']
    assert stage(s3, PER_SOURCE, changed).rows == 4
    assert sorted(sent) == sorted(f"{source_part_name(f'/in/{x}')}.jsonl" for x in "bc")


@pytest.mark.parametrize("held_mib", [0, 32])
def test_unchanged_object_of_many_parts_is_not_sent_again(s3: Any, held_mib: int) -> None:
    first = stage(s3, contract(), noise(12), held_mib=held_mib)
    sent = written(s3)
    assert stage(s3, contract(), noise(12), held_mib=held_mib) == first
    assert sent == []
    items = [*noise(11), next(noise(1))]
    assert stage(s3, contract(), items, held_mib=held_mib).bytes == first.bytes
    assert sent == ["part-00000.jsonl"] * 3
    assert stored(s3) == {f"{DATE}part-00000.jsonl": b"".join(each.data for each in items)}


def test_object_that_someone_else_has_replaced_is_sent_again(s3: Any) -> None:
    stage(s3, contract(), [b'{"id":1}'])
    s3.put_object(Bucket=BUCKET, Key=f"{DATE}part-00000.jsonl", Body=b'{"id":2}\n')
    stage(s3, contract(), [b'{"id":1}'])
    assert stored(s3) == {f"{DATE}part-00000.jsonl": b'{"id":1}\n'}


def test_extraction_that_is_the_same_never_goes_away(s3: Any) -> None:
    stage(s3, contract(), [b'{"id":1}'])
    made: list[str] = []
    s3.meta.events.register("before-call.s3", lambda model, **_: made.append(model.name))
    stage(s3, contract(), [b'{"id":1}'])
    assert made.count("PutObject") == 1  # the manifest, the same
    assert made.index("PutObject") < made.index("DeleteObjects")  # of what was put aside


def test_manifest_put_aside_is_found_when_the_run_dies(s3: Any) -> None:
    first = stage(s3, PER_SOURCE, TWO_FILES)

    def die(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name == "PutObject" and params["url_path"].endswith("_manifest.json"):
            raise KeyboardInterrupt

    s3.meta.events.register("before-call.s3", die)
    with pytest.raises(KeyboardInterrupt):
        stage(s3, PER_SOURCE, [*TWO_FILES, b'{"id":9}'])
    uri = manifest_uri(PER_SOURCE, DAY)
    assert find_manifest(s3, uri) == first
    s3.meta.events.unregister("before-call.s3", die)
    last = stage(s3, PER_SOURCE, TWO_FILES)
    assert last == first == find_manifest(s3, uri)
    assert earlier_uri(uri).rpartition("/")[2] not in "".join(stored(s3))


# Layouts


RECORDS = [
    {"id": 1, "level": "INFO", "at": "2026-01-31T10:59:59Z"},
    {"id": 2, "level": "a/b ü", "at": "2026-01-31T11:00:00+02:00"},
    {"id": 3, "level": "INFO", "at": "soon"},
    {"id": 4},
    {"id": 5, "level": ["x"], "at": "2026-01-31T10:00:00"},
    {"id": 6, "level": "x" * 300},
    {"id": 7, "level": "INFO", "at": "0001-01-01T00:00:00+01:00"},  # in UTC no date of Python's
    {"id": 8, "level": "INFO", "at": "9999-12-31T23:59:59-01:00"},
]
NONE = "__HIVE_DEFAULT_PARTITION__"


@pytest.mark.parametrize(
    ("strategy", "column", "expected"),
    [
        ("date", None, {"2026/01/31/": [1, 2, 3, 4, 5, 6, 7, 8]}),
        ("entity", None, {"things/date=2026-01-31/": [1, 2, 3, 4, 5, 6, 7, 8]}),
        (
            "column",
            "level",
            {
                "2026/01/31/level=INFO/": [1, 3, 7, 8],
                "2026/01/31/level=a%2Fb %C3%BC/": [2],
                f"2026/01/31/level={NONE}/": [4, 5, 6],
            },
        ),
        (
            "date_hour",
            "at",
            {
                "year=2026/month=01/day=31/hour=10/": [1, 5],
                "year=2026/month=01/day=31/hour=09/": [2],
                f"year=2026/month=01/day=31/hour={NONE}/": [3, 4, 6, 7, 8],
            },
        ),
    ],
)
def test_strategy_lays_records_out(
    s3: Any, strategy: str, column: str | None, expected: dict[str, list[int]]
) -> None:
    raw = Raw(compression="none", strategy=strategy, column=column)
    manifest = stage(s3, contract(raw), [lines(*RECORDS)])
    found = {
        key.removeprefix(PREFIX).removesuffix("part-00000.jsonl"): [
            json.loads(line)["id"] for line in body.splitlines()
        ]
        for key, body in stored(s3).items()
    }
    assert found == expected
    assert manifest.rows == len(RECORDS)


def test_date_hour_without_a_column_goes_by_the_hour_of_arrival(s3: Any) -> None:
    before = datetime.now(UTC)
    stage(s3, contract(Raw(compression="none", strategy="date_hour")), [b"no JSON"])
    hours = {f"{each:%H}" for each in (before, datetime.now(UTC))}
    (key,) = stored(s3)
    assert key.rpartition("hour=")[2][:2] in hours


def test_records_that_are_no_json_have_no_value(s3: Any) -> None:
    raw = Raw(compression="none", strategy="column", column="level")
    stage(s3, contract(raw), [b"no JSON", b"[1]", b'{"level": null}'])
    assert stored(s3) == {
        f"{DATE}level={NONE}/part-00000.jsonl": b'no JSON\n[1]\n{"level": null}\n'
    }


def test_normalised_names_are_known_to_a_strategy(s3: Any) -> None:
    raw = Raw(compression="none", strategy="column", column="log_level")
    stage(s3, contract(raw, normalise_names=True), [b'{"Log Level": "WARN"}'])
    assert list(stored(s3)) == [f"{DATE}log_level=WARN/part-00000.jsonl"]


def test_more_folders_than_may_be_open_lose_nothing(s3: Any) -> None:
    raw = Raw(compression="none", strategy="column", column="level")
    items = [lines({"id": id, "level": str(id % 3)}) for id in range(9)]
    manifest = stage(s3, contract(raw), items, open_folders=2)
    assert manifest.rows == 9
    ids = [json.loads(line)["id"] for body in stored(s3).values() for line in body.splitlines()]
    assert sorted(ids) == list(range(9))
    assert stage(s3, contract(raw), items, open_folders=2) == manifest


def test_strategy_of_a_team_is_a_class_with_a_name(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ByMonth(Strategy):
        def prefix(self, run_date: date) -> str:
            return f"month={run_date:%Y-%m}/date={run_date}/"

    monkeypatch.setitem(STRATEGIES, "month", ByMonth)
    stage(s3, contract(Raw(compression="none", strategy="month")), [b"{}"])
    assert list(stored(s3)) == [f"{PREFIX}month=2026-01/date=2026-01-31/part-00000.jsonl"]


def test_folder_that_a_re_run_does_not_have_is_gone(s3: Any) -> None:
    raw = Raw(compression="none", strategy="column", column="level")
    stage(s3, contract(raw), [lines({"level": "INFO"}, {"level": "WARN"})])
    stage(s3, contract(raw), [lines({"level": "WARN"})])
    assert list(stored(s3)) == [f"{DATE}level=WARN/part-00000.jsonl"]


# Formats, dead letters, keys


CSV = Raw(format="csv", compression="none")


def test_records_that_the_format_refuses_become_dead_letters(s3: Any) -> None:
    items = [b'{"id":1,"level":"a"}', b'{"id":"one"}', b"\xc3\xa4 no JSON", b'{"id":2}']
    manifest = stage(s3, contract(CSV), items)
    dead = "errors/things/2026/01/31/part-00000.jsonl.gz"
    assert (manifest.rows, manifest.rejected) == (2, 2)
    assert manifest.dead_letters == (f"s3://{BUCKET}/{dead}",)
    letters = [json.loads(line) for line in gzip.decompress(stored(s3)[dead]).splitlines()]
    assert [each["payload"] for each in letters] == ['{"id":"one"}', "ä no JSON"]
    assert all(each["reason"] for each in letters)
    assert {(each["dataset"], each["run_date"]) for each in letters} == {("things", "2026-01-31")}


def test_dead_letters_of_a_re_run_replace_those_before(s3: Any) -> None:
    stage(s3, contract(CSV), [b"bad", b'{"id":1}'])
    manifest = stage(s3, contract(CSV), [b'{"id":1}'])
    assert (manifest.rejected, manifest.dead_letters) == (0, ())
    assert list(stored(s3)) == [f"{DATE}part-00000.csv"]


def test_run_of_dead_letters_only_has_no_raw_object(s3: Any) -> None:
    manifest = stage(s3, contract(CSV), [b"bad"])
    assert (manifest.objects, manifest.rejected) == ((), 1)
    assert list(stored(s3)) == ["errors/things/2026/01/31/part-00000.jsonl.gz"]


def test_protobuf_has_its_schema_beside_it(s3: Any) -> None:
    stage(s3, contract(Raw(format="protobuf")), [b'{"id":1}'])
    schema = stored(s3)[f"{PREFIX}_schema.proto"].decode()
    assert "int64 id = 1" in schema and 'syntax = "proto3"' in schema


def test_keys_of_the_source_are_parquet_typed_by_the_contract(s3: Any) -> None:
    keys = [lines({"id": 1}, {"id": 2}), lines({"id": "no integer"}, {"id": 3})]
    manifest = stage(s3, contract(), [b'{"id":1,"level":"a"}'], keys=lambda: iter(keys))
    assert manifest.keys is not None and [each.rows for each in manifest.keys] == [3]
    key = manifest.keys[0].uri.removeprefix(f"s3://{BUCKET}/")
    assert key == f"{DATE}_keys/part-00000.parquet"
    table = pq.read_table(io.BytesIO(stored(s3)[key]))
    assert table.to_pydict() == {"id": [1, 2, 3]}
    assert str(table.schema.field("id").type) == "int64"
    assert manifest.rejected == 0 and manifest.rows == 1
    assert stage(s3, contract(), [b'{"id":1}']).keys is None
    assert list(stored(s3)) == [f"{DATE}part-00000.jsonl"]


# What is said of objects, and how they are sent


def test_object_says_where_it_comes_from(s3: Any) -> None:
    stage(s3, contract(Raw()), [b"{}"])
    head = s3.head_object(Bucket=BUCKET, Key=f"{DATE}part-00000.jsonl.gz")
    uploaded_at = datetime.fromisoformat(head["Metadata"].pop("uploaded-at"))
    assert abs((datetime.now(UTC) - uploaded_at).total_seconds()) < 600
    assert head["Metadata"] == {
        "dataset": "things",
        "entity": "things",
        "run-date": "2026-01-31",
        "run-id": "run1",
    }
    assert head["ContentType"] == "application/gzip" and "ContentEncoding" not in head


def test_object_of_many_parts_is_whole_and_has_metadata(s3: Any) -> None:
    manifest = stage(s3, contract(), noise(12), part_mib=64)
    body = stored(s3)[f"{DATE}part-00000.jsonl"]
    assert body == b"".join(each.data for each in noise(12))
    assert manifest.objects[0].sha256 == hashlib.sha256(body).hexdigest()
    head = s3.head_object(Bucket=BUCKET, Key=f"{DATE}part-00000.jsonl")
    assert head["ETag"].endswith('-3"') and head["Metadata"]["run-id"] == "run1"


def test_request_that_is_answered_by_slow_down_is_made_again(s3: Any) -> None:
    failed: list[str] = []

    def slow_down(params: dict[str, Any], model: Any, **_: Any) -> Any:
        is_data = (
            model.name in ("PutObject", "UploadPart") and "_manifest" not in params["url_path"]
        )
        if is_data and params["url_path"] not in failed:
            failed.append(params["url_path"])
            answer = {"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
            return type("Http", (), {"status_code": 503})(), answer
        return None

    s3.meta.events.register("before-call.s3", slow_down)
    manifest = stage(s3, PER_SOURCE, TWO_FILES, held_mib=0)
    assert len(failed) >= 2
    assert manifest.rows == 3 and len(stored(s3)) == 2


def test_upload_that_fails_ends_the_run_and_leaves_nothing(s3: Any) -> None:
    def refuse(model: Any, **_: Any) -> Any:
        if model.name == "UploadPart":
            answer = {"Error": {"Code": "InvalidRequest", "Message": "no"}, "ResponseMetadata": {}}
            return type("Http", (), {"status_code": 400})(), answer
        return None

    s3.meta.events.register("before-call.s3", refuse)
    with pytest.raises(s3.exceptions.ClientError, match="InvalidRequest"):
        stage(s3, contract(), noise(12))
    assert stored(s3) == {}
    assert not s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_source_that_fails_after_many_objects_leaves_the_earlier_ones(s3: Any) -> None:
    stage(s3, PER_SOURCE, TWO_FILES)
    before = stored(s3)

    def breaking() -> Iterator[Item]:
        yield from [file("a"), b"other", file("c"), *noise(6)]
        raise SourceError("the source went away")

    with pytest.raises(SourceError, match="went away"):
        stage(s3, PER_SOURCE, breaking())
    assert stored(s3) == before
    assert not s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_figures_count_what_a_writer_does(s3: Any) -> None:
    figures = Figures()
    for attempt in range(2):
        existing = {each.key: each.size for each in iter_objects(s3, bucket=BUCKET, prefix="")}
        with RawWriter(
            s3,
            contract=contract(CSV),
            run_date=DAY,
            name=part_name,
            settings=Staging(),
            metadata=object_metadata(contract(), DAY, f"run{attempt}"),
            existing=existing,
            figures=figures,
        ) as writer:
            writer.add(lines({"id": 1}, {"id": "bad"}, {"id": 2}))
            assert stored(s3).keys() == existing.keys()
            staged = writer.finish()
            writer.commit()
    assert (figures.records, figures.errors) == (6, 2)
    assert (figures.objects, figures.unchanged) == (2, 1)
    assert figures.bytes == 2 * staged.bytes
    # The raw object once, and the dead letters once.
    assert figures.uploads == 2 and figures.last_upload_seconds > 0
    assert figures.records_per_second > 0 and figures.mean_upload_seconds > 0


_BOUNDED = """
import resource, sys
sys.path[:0] = ["src", ".tests", ".tests/unit"]
import boto3
from moto import mock_aws
import test_staging_writer as t

strategy, mib = sys.argv[1], int(sys.argv[2])
raw = t.Raw(compression="none", strategy=strategy, column="id" if strategy == "column" else None)

class Answers:
    def __init__(self):
        self.size = 0
    def list_objects_v2(self, **_):
        return {}
    def get_paginator(self, _):
        return type("P", (), {"paginate": lambda self, **_: []})()
    def create_multipart_upload(self, **_):
        return {"UploadId": "u"}
    def upload_part(self, Body, **_):
        self.size += len(Body)
        return {"ETag": "e"}
    def complete_multipart_upload(self, **_):
        return {}
    def put_object(self, Body, **_):
        self.size += len(Body)
        return {}
    def delete_objects(self, **_):
        return {}
    def get_object(self, **_):
        raise self.exceptions.NoSuchKey
    exceptions = type("E", (), {"NoSuchKey": KeyError})

block = next(t.noise(1))
def items(mib):
    for number in range(mib):
        named = b'"id":"%d","x":"' % (number % 20)
        yield t.Lines(block.data.replace(b'"id":"', named), block.rows)

t.stage(Answers(), t.contract(raw), items(2))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
s3 = Answers()
manifest = t.stage(s3, t.contract(raw), items(mib), upload_part_mib=5, held_mib=8)
assert manifest.bytes > mib * 1024**2 and s3.size >= manifest.bytes
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("strategy", ["date", "column"])
def test_memory_does_not_grow_with_what_is_staged(strategy: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _BOUNDED, strategy, "120"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # Four parts of 5 MiB on their way, one being filled and one being joined, 8 MiB held.
    assert int(done.stdout) < 64


def test_records_that_a_format_neither_takes_nor_refuses_stop_the_extraction(s3: Any) -> None:
    stage(s3, contract(), [lines({"id": 1})])
    before = stored(s3)
    miscounted = Lines(b'{"id": 2}\n', 2)
    with pytest.raises(ConservationError, match="of 2 records 1 were taken and 0 refused"):
        stage(s3, contract(Raw(format="csv", compression="none")), [miscounted])
    assert stored(s3) == before
