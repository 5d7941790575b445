from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Iterator
from datetime import date
from typing import Any

import boto3
import pytest
from moto import mock_aws
from source_samples import RAW_BUCKET, make_contract

from aws.s3 import iter_objects
from etl.errors import SourceError, StorageError
from etl.keys import manifest_uri, parse_s3_uri, raw_prefix
from etl.manifest import Manifest, read_manifest
from etl.settings import Staging
from etl.sources.records import OpenSource
from etl.staging import stage_raw

DAY = date(2026, 1, 1)
CONTRACT = make_contract()
CONTRACT_URI = "s3://test-artifacts/contracts/orders/1.json"
PREFIX = parse_s3_uri(raw_prefix(CONTRACT, DAY))[1]


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=RAW_BUCKET)
        yield client


def stage(
    s3: Any, records: Any, *, on_progress: Any = None, contract: Any = CONTRACT, **settings: Any
) -> Manifest:
    return stage_raw(
        OpenSource(items=iter(records)),
        s3=s3,
        contract=contract,
        run_date=DAY,
        run_id="r1",
        contract_uri=CONTRACT_URI,
        settings=Staging(upload_part_mib=5, **settings),
        on_progress=on_progress,
    )


def stored(s3: Any) -> dict[str, bytes]:
    """Every object's bytes, by its name below the raw prefix."""
    found = iter_objects(s3, bucket=RAW_BUCKET, prefix="")
    return {
        each.key.removeprefix(PREFIX): s3.get_object(Bucket=RAW_BUCKET, Key=each.key)["Body"].read()
        for each in found
    }


def noise(rows: int, row_bytes: int = 1000) -> Iterator[bytes]:
    """Records that hardly compress, the same each time."""
    generator = random.Random(1)
    for _ in range(rows):
        yield generator.randbytes(row_bytes // 2).hex().encode()


def failing(records: Iterator[bytes]) -> Iterator[bytes]:
    yield from records
    raise SourceError("the source went away")


def test_stage_raw_writes_the_records_as_received(s3: Any) -> None:
    records = [b'{"a": 12.50}', '{"b":"Zoë"}'.encode(), b'{"c":\t1}']
    stage(s3, records)
    lines = gzip.decompress(stored(s3)["part-00000.jsonl.gz"]).split(b"\n")
    assert lines == [*records, b""]


def test_stage_raw_manifest_describes_the_bytes_on_s3(s3: Any) -> None:
    manifest = stage(s3, noise(5000), part_mib=1)
    objects = stored(s3)
    assert set(objects) == {"_manifest.json", *(f"part-0000{n}.jsonl.gz" for n in range(3))}
    lines: list[bytes] = []
    for each in manifest.objects:
        body = objects[each.uri.rpartition("/")[2]]
        here = gzip.decompress(body).splitlines()
        assert (each.bytes, each.rows) == (len(body), len(here))
        assert each.sha256 == hashlib.sha256(body).hexdigest()
        lines += here
    assert lines == list(noise(5000))
    assert (manifest.rows, manifest.bytes) == (5000, sum(o.bytes for o in manifest.objects))
    assert read_manifest(s3, manifest_uri(CONTRACT, DAY)) == manifest


def test_stage_raw_again_gives_the_same_bytes_and_digest(s3: Any) -> None:
    first = stage(s3, noise(1000))
    before = stored(s3)
    assert stage(s3, noise(1000)).digest == first.digest
    assert stored(s3) == before


def test_stage_raw_of_no_records_is_an_extraction_with_none(s3: Any) -> None:
    manifest = stage(s3, [])
    assert (manifest.rows, manifest.bytes, manifest.objects) == (0, 0, ())
    assert set(stored(s3)) == {"_manifest.json"}
    assert read_manifest(s3, manifest_uri(CONTRACT, DAY)).rows == 0


def test_stage_raw_with_fewer_parts_deletes_the_others_and_nothing_else(s3: Any) -> None:
    s3.put_object(Bucket=RAW_BUCKET, Key=f"{PREFIX}notes.txt", Body=b"mine")
    stage(s3, noise(5000), part_mib=1)
    stage(s3, noise(10))
    assert set(stored(s3)) == {"_manifest.json", "part-00000.jsonl.gz", "notes.txt"}


@pytest.mark.parametrize("rows", [5, 5000])
def test_stage_raw_whose_source_fails_leaves_the_earlier_extraction(s3: Any, rows: int) -> None:
    stage(s3, noise(100))
    before = stored(s3)
    with pytest.raises(SourceError, match="went away"):
        stage(s3, failing(noise(rows)), part_mib=1, held_mib=0)
    assert stored(s3) == before
    assert not s3.list_multipart_uploads(Bucket=RAW_BUCKET).get("Uploads")


def test_stage_raw_never_shows_an_old_manifest_beside_new_parts(s3: Any) -> None:
    """After each call that changes S3, the manifest (if there is one) is true of the parts."""
    stage(s3, noise(5000), part_mib=1)
    seen: list[bool] = []

    def look(model: Any, **_: Any) -> None:
        if model.name in ("GetObject", "ListObjectsV2", "UploadPart", "CreateMultipartUpload"):
            return
        objects = stored(s3)
        seen.append("_manifest.json" in objects)
        if seen[-1]:
            manifest = Manifest.from_json(objects["_manifest.json"].decode())
            for each in manifest.objects:
                body = objects[each.uri.rpartition("/")[2]]
                assert hashlib.sha256(body).hexdigest() == each.sha256

    s3.meta.events.register("after-call.s3", look)
    stage(s3, (b"other " + each for each in noise(3000)), part_mib=1, concurrency=1)
    # It is put aside before it goes, and what was put aside goes after it is back.
    assert (seen[0], seen[1], seen[-2], seen[-1]) == (True, False, True, True)
    assert seen.count(True) == 3


def test_stage_raw_that_dies_before_the_manifest_leaves_no_extraction(s3: Any) -> None:
    stage(s3, noise(100))

    def die(model: Any, params: Any, **_: Any) -> None:
        if params["url_path"].endswith("_manifest.json") and model.name == "PutObject":
            raise KeyboardInterrupt

    s3.meta.events.register("before-call.s3", die)
    with pytest.raises(KeyboardInterrupt):
        stage(s3, noise(50))
    with pytest.raises(StorageError, match="no complete extraction"):
        read_manifest(s3, manifest_uri(CONTRACT, DAY))


def test_stage_raw_to_a_missing_bucket_fails_before_the_source_is_read(s3: Any) -> None:
    s3.delete_bucket(Bucket=RAW_BUCKET)
    records = iter([b"{}"])
    with pytest.raises(StorageError, match="bucket test-raw does not exist") as caught:
        stage(s3, records)
    assert "terraform apply" in caught.value.fix
    assert list(records) == [b"{}"]


def test_stage_raw_reports_progress_up_to_the_end(s3: Any) -> None:
    calls: list[tuple[int, int]] = []
    manifest = stage(s3, noise(2000), on_progress=lambda f: calls.append((f.records, f.bytes)))
    assert calls == sorted(calls) and len(calls) > 2
    assert calls[-1] == (2000, manifest.bytes)


def test_stage_raw_refuses_a_record_of_two_lines(s3: Any) -> None:
    with pytest.raises(ValueError, match="newline"):
        stage(s3, [b"{}\n{}"])
    assert stored(s3) == {}
