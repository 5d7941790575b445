from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.streams import (
    BUCKET,
    CONTRACT,
    CONTRACT_URI,
    DAY,
    Stream,
    chunk,
    data_keys,
    extracted,
    record,
)

from etl.errors import StorageError
from etl.keys import manifest_uri
from etl.manifest import Manifest, read_manifest
from etl.stream.collect import collect_stream
from etl.stream.commits import read_commit
from etl.stream.open_batch import Limits

TWO = Limits(records=2, bytes=10**9, seconds=10**9)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def collect(s3: Any, **options: Any) -> Manifest:
    return collect_stream(s3, contract=CONTRACT, run_date=DAY, contract_uri=CONTRACT_URI, **options)


def test_collect_composes_the_manifest_of_all_sessions(s3: Any) -> None:
    Stream(s3, TWO).run(chunk(0, 1, 2))
    Stream(s3, TWO).run(chunk(3, 4))
    manifest = collect(s3)
    assert extracted(s3, manifest) == [record(n) for n in range(5)]
    assert (manifest.rows, len(manifest.objects), manifest.source) == (5, 3, "tracker")
    assert manifest.bytes == sum(
        s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] for key in data_keys(s3)
    )
    assert read_manifest(s3, manifest_uri(CONTRACT, DAY)) == manifest


def test_collect_again_gives_the_same_and_later_batches_too(s3: Any) -> None:
    Stream(s3).run(chunk(0))
    first = collect(s3)
    assert collect(s3).digest == first.digest
    Stream(s3).run(chunk(1))
    assert extracted(s3, collect(s3)) == [record(0), record(1)]


def test_collect_of_a_date_without_batches_is_an_empty_extraction(s3: Any) -> None:
    manifest = collect(s3)
    assert (manifest.rows, manifest.objects) == (0, ())
    assert read_manifest(s3, manifest_uri(CONTRACT, DAY)).rows == 0


def test_collect_leaves_out_what_no_record_names_and_deletes_it_after_a_day(s3: Any) -> None:
    Stream(s3).run(chunk(0))
    folder = data_keys(s3)[0].rpartition("/")[0]
    orphan = f"{folder}/batch-00000001-0123456789ab-00000.jsonl.gz"
    other = f"{folder}/notes.txt"
    for key in (orphan, other):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"died before its commit record")

    assert collect(s3).rows == 1
    assert orphan in data_keys(s3)
    assert collect(s3, now=datetime.now(UTC) + timedelta(hours=25)).rows == 1
    assert orphan not in data_keys(s3) and len(data_keys(s3)) == 1
    assert s3.head_object(Bucket=BUCKET, Key=other)


@pytest.mark.parametrize("body", [None, b"something else"])
def test_collect_refuses_an_object_that_is_not_as_committed(s3: Any, body: bytes | None) -> None:
    Stream(s3).run(chunk(0))
    (key,) = data_keys(s3)
    s3.delete_object(Bucket=BUCKET, Key=key)
    if body is not None:
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    with pytest.raises(StorageError, match=f"{key} was committed with") as caught:
        collect(s3)
    assert "restore it" in caught.value.fix


def test_commit_record_holds_what_a_reader_needs(s3: Any) -> None:
    stream = Stream(s3)
    stream.run(chunk(0, 1))
    key = "raw/tracker/events/2026/01/31/_batches/00000000.json"
    content = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    (written,) = content["objects"]
    assert written["uri"] == f"s3://{BUCKET}/{data_keys(s3)[0]}"
    assert (written["rows"], content["rows"], content["session"]) == (2, 2, stream.name)
    assert len(written["sha256"]) == 64 and content["position"] is None


def test_commit_record_that_is_damaged_is_named(s3: Any) -> None:
    Stream(s3).run(chunk(0))
    key = "raw/tracker/events/2026/01/31/_batches/00000000.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"{}")
    with pytest.raises(StorageError, match="00000000.json is damaged"):
        read_commit(s3, CONTRACT, DAY, 0)
