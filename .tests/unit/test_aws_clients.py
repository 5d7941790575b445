"""How clients send what they send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from aws.clients import AwsConfig, make_client

MIB = 1024 * 1024


@pytest.fixture
def sent() -> Iterator[tuple[Any, list[Any]]]:
    """An S3 client with a bucket "bucket", and the requests that it will have sent."""
    with mock_aws():
        s3 = make_client("s3", AwsConfig(region="us-east-1"))
        s3.create_bucket(Bucket="bucket")
        requests: list[Any] = []
        s3.meta.events.register_first(
            "before-send.s3", lambda request, **_: requests.append(request)
        )
        yield s3, requests


@pytest.mark.parametrize(("size", "asks_first"), [(0, False), (MIB, False), (MIB + 1, True)])
def test_s3_client_asks_first_whether_s3_wants_a_large_body(
    sent: tuple[Any, list[Any]], size: int, asks_first: bool
) -> None:
    s3, requests = sent
    s3.put_object(Bucket="bucket", Key="k", Body=bytes(size))
    assert ("Expect" in requests[0].headers) is asks_first


def test_s3_client_signs_the_checksum_in_place_of_the_body(sent: tuple[Any, list[Any]]) -> None:
    s3, requests = sent
    s3.put_object(Bucket="bucket", Key="k", Body=b"abc", ChecksumSHA256="x" * 44)
    headers = requests[0].headers
    assert headers["X-Amz-Content-SHA256"] == b"UNSIGNED-PAYLOAD"
    assert b"x-amz-checksum-sha256" in headers["Authorization"]
