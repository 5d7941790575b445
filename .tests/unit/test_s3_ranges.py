"""An object as a seekable file: only what is asked for travels."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, IncompleteReadError
from botocore.response import StreamingBody
from moto import mock_aws

from aws.s3 import get_bytes
from aws.s3.ranges import RangeFile

BODY = bytes(range(256)) * 40


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        client.put_object(Bucket="bucket", Key="k", Body=BODY)
        yield client


def test_range_file_read_returns_the_asked_bytes_and_no_more_travel(s3: Any) -> None:
    file = RangeFile(s3, bucket="bucket", key="k", tail_bytes=100)
    assert file.seek(0, 2) == file.size == len(BODY)
    assert file.fetched_bytes == 100
    file.seek(-30, 2)
    assert file.read() == BODY[-30:]
    assert file.fetched_bytes == 100
    file.seek(5)
    assert (file.read(7), file.tell()) == (BODY[5:12], 12)
    assert file.fetched_bytes == 107
    file.seek(-150, 2)
    assert file.read(120) == BODY[-150:-30]
    buffer = bytearray(50)
    assert (file.readinto(buffer), bytes(buffer[:30])) == (30, BODY[-30:])
    assert file.read(10) == b""


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_range_file_smaller_than_its_tail_is_read_whole(s3: Any, size: int) -> None:
    s3.put_object(Bucket="bucket", Key="small", Body=BODY[:size])
    file = RangeFile(s3, bucket="bucket", key="small", tail_bytes=100)
    assert (file.size, file.read()) == (size, BODY[:size])


def test_range_file_object_replaced_meanwhile_is_an_error(s3: Any) -> None:
    file = RangeFile(s3, bucket="bucket", key="k", tail_bytes=100)
    s3.put_object(Bucket="bucket", Key="k", Body=BODY[::-1])
    with pytest.raises(ClientError, match="PreconditionFailed"):
        file.read(10)


def test_range_file_missing_object_is_an_error(s3: Any) -> None:
    with pytest.raises(s3.exceptions.NoSuchKey):
        RangeFile(s3, bucket="bucket", key="other")


def break_bodies(s3: Any, most: int) -> list[int]:
    """Let the first `most` bodies end before their time; how long they were to be."""
    broken: list[int] = []

    def cut(parsed: dict[str, Any], **_: Any) -> None:
        if "Body" in parsed and len(broken) < most:
            size = parsed["ContentLength"]
            broken.append(size)
            parsed["Body"] = StreamingBody(_Broken(size), size)

    s3.meta.events.register("after-call.s3.GetObject", cut)
    return broken


class _Broken(io.RawIOBase):
    def __init__(self, size: int) -> None:
        self.half = bytes(size // 2)

    def read(self, size: int = -1) -> bytes:
        half, self.half = self.half, b""
        return half


def test_range_file_reads_again_what_broke_off(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    broken = break_bodies(s3, 1)
    file = RangeFile(s3, bucket="bucket", key="k", tail_bytes=100)
    broken.clear()
    assert file.read() == BODY
    assert broken == [len(BODY)]


def test_get_bytes_reads_again_what_broke_off(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    broken = break_bodies(s3, 4)
    assert get_bytes(s3, bucket="bucket", key="k") == BODY
    assert len(broken) == 4


def test_get_bytes_of_what_always_breaks_off_is_an_error(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    broken = break_bodies(s3, 100)
    with pytest.raises(IncompleteReadError):
        get_bytes(s3, bucket="bucket", key="k")
    assert len(broken) == 5
