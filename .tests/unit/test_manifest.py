from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date
from typing import Any

import boto3
import pytest
from moto import mock_aws

from etl.errors import StorageError
from etl.manifest import Manifest, RawObject, read_manifest, write_manifest

URI = "s3://test-raw/raw/shop/orders/2026/01/01/_manifest.json"
MANIFEST = Manifest(
    dataset="orders",
    run_date=date(2026, 1, 1),
    source="shop",
    encoding="json",
    objects=(RawObject(uri="s3://test-raw/x/part-00000.jsonl.gz", bytes=9, sha256="ab", rows=3),),
    rows=3,
    bytes=9,
    contract_uri="s3://test-artifacts/contracts/orders/1.json",
)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="test-raw")
        yield client


def test_manifest_written_is_read_back_equal(s3: Any) -> None:
    write_manifest(s3, URI, MANIFEST)
    assert read_manifest(s3, URI) == MANIFEST


def test_manifest_digest_changes_with_any_object() -> None:
    other = dataclasses.replace(MANIFEST.objects[0], sha256="cd")
    assert MANIFEST.digest == dataclasses.replace(MANIFEST).digest
    assert MANIFEST.digest != dataclasses.replace(MANIFEST, objects=(other,)).digest


def test_manifest_with_corrections_is_another_and_one_without_is_as_ever(s3: Any) -> None:
    corrected = dataclasses.replace(MANIFEST, corrections=MANIFEST.objects[0])
    assert "corrections" not in MANIFEST.to_json()
    assert corrected.digest != MANIFEST.digest
    write_manifest(s3, URI, corrected)
    assert read_manifest(s3, URI) == corrected


def test_read_manifest_that_is_missing_says_the_extraction_does_not_exist(s3: Any) -> None:
    with pytest.raises(StorageError, match="no complete extraction") as caught:
        read_manifest(s3, URI)
    assert URI in caught.value.message and caught.value.fix


def test_read_manifest_from_a_missing_bucket_names_the_bucket(s3: Any) -> None:
    with pytest.raises(StorageError, match="bucket nowhere does not exist"):
        read_manifest(s3, "s3://nowhere/_manifest.json")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"objects": [{}]}', b"null"])
def test_read_manifest_that_is_damaged_is_refused(s3: Any, body: bytes) -> None:
    s3.put_object(Bucket="test-raw", Key="m.json", Body=body)
    with pytest.raises(StorageError, match="s3://test-raw/m.json is damaged"):
        read_manifest(s3, "s3://test-raw/m.json")
