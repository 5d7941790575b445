from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from moto import mock_aws

from aws import s3 as aws_s3
from aws.s3 import ChecksumError, Multipart, is_checksum_of, join_digests, retry

MIB = 1024 * 1024
BUCKET = "test-bucket"
BODIES = {1: bytes(range(256)) * (5 * MIB // 256), 2: b"the rest"}


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def pending_uploads(s3: Any) -> int:
    return len(s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))


def operations(s3: Any) -> list[str]:
    """The names of the calls that the client will have made."""
    made: list[str] = []
    s3.meta.events.register("before-call.s3", lambda model, **_: made.append(model.name))
    return made


def spoil(s3: Any, operation: str) -> None:
    """Let S3 answer with the checksum of other bytes."""

    def change(parsed: dict[str, Any], **_: Any) -> None:
        parsed["ChecksumSHA256"] = sha256(b"other")

    s3.meta.events.register(f"after-call.s3.{operation}", change)


def forget_uploads(s3: Any) -> None:
    """Let S3 answer as it does when an upload has ended; moto answers with its own failure."""
    answer = {"Error": {"Code": "NoSuchUpload"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
    s3.meta.events.register(
        "before-call.s3.CompleteMultipartUpload",
        lambda **_: (SimpleNamespace(status_code=404), answer),
    )


def sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def test_put_bytes_is_read_back_by_get_bytes(s3: Any) -> None:
    aws_s3.put_bytes(s3, bucket=BUCKET, key="ä b", body=b"x\0y", content_type="text/plain")
    assert aws_s3.get_bytes(s3, bucket=BUCKET, key="ä b") == b"x\0y"


def test_put_bytes_sends_the_checksum(s3: Any) -> None:
    sent: list[Any] = []
    s3.meta.events.register("before-call.s3", lambda params, **_: sent.append(params["headers"]))
    aws_s3.put_bytes(s3, bucket=BUCKET, key="k", body=b"abc")
    sha256 = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
    assert sent[0]["x-amz-checksum-sha256"] == sha256


def test_head_object_tells_size_or_none(s3: Any) -> None:
    aws_s3.put_bytes(s3, bucket=BUCKET, key="k", body=b"abc")
    found = aws_s3.head_object(s3, bucket=BUCKET, key="k")
    assert found is not None and (found.key, found.size) == ("k", 3)
    assert aws_s3.head_object(s3, bucket=BUCKET, key="none") is None


def test_iter_objects_lists_more_than_one_page_in_order(s3: Any) -> None:
    for n in range(1005):
        s3.put_object(Bucket=BUCKET, Key=f"a/{n:04d}", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="b", Body=b"")
    found = [each.key for each in aws_s3.iter_objects(s3, bucket=BUCKET, prefix="a/")]
    assert found == [f"a/{n:04d}" for n in range(1005)]


def test_delete_objects_takes_more_than_one_batch(s3: Any) -> None:
    keys = [f"a/{n}" for n in range(1001)]
    for key in [*keys, "kept"]:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    assert aws_s3.delete_objects(s3, bucket=BUCKET, keys=iter(keys)) == 1001
    assert [each.key for each in aws_s3.iter_objects(s3, bucket=BUCKET, prefix="")] == ["kept"]


def test_delete_objects_of_none_makes_no_call(s3: Any) -> None:
    made = operations(s3)
    assert aws_s3.delete_objects(s3, bucket=BUCKET, keys=[]) == 0
    assert made == []


def test_delete_objects_that_s3_refuses_raises() -> None:
    class Refusing:
        def delete_objects(self, **_: Any) -> dict[str, Any]:
            return {"Errors": [{"Key": "k", "Code": "AccessDenied", "Message": "no"}]}

    client: Any = Refusing()
    with pytest.raises(ClientError, match="1 not deleted, first k: no"):
        aws_s3.delete_objects(client, bucket=BUCKET, keys=["k"])


def test_put_bytes_keeps_what_is_said_of_the_object(s3: Any) -> None:
    aws_s3.put_bytes(
        s3,
        bucket=BUCKET,
        key="k",
        body=b"abc",
        content_type="application/gzip",
        metadata={"dataset": "orders"},
    )
    head = s3.head_object(Bucket=BUCKET, Key="k")
    assert (head["ContentType"], head["Metadata"]) == ("application/gzip", {"dataset": "orders"})
    assert aws_s3.find_checksum(s3, bucket=BUCKET, key="k") == sha256(b"abc")


def test_find_checksum_of_no_object_is_none(s3: Any) -> None:
    assert aws_s3.find_checksum(s3, bucket=BUCKET, key="k") is None


def test_put_bytes_whose_answer_has_another_checksum_raises(s3: Any) -> None:
    spoil(s3, "PutObject")
    with pytest.raises(ChecksumError, match=f"s3://{BUCKET}/k is not what was sent"):
        aws_s3.put_bytes(s3, bucket=BUCKET, key="k", body=b"abc")


def test_multipart_sent_out_of_order_is_whole(s3: Any) -> None:
    made = operations(s3)
    upload = Multipart(s3, bucket=BUCKET, key="k", content_type="a/b", metadata={"run-id": "r"})
    for number in (2, 1, 2):
        upload.send_part(number, BODIES[number])
    assert aws_s3.head_object(s3, bucket=BUCKET, key="k") is None
    upload.complete()
    assert made.count("CreateMultipartUpload") == 1
    assert aws_s3.get_bytes(s3, bucket=BUCKET, key="k") == BODIES[1] + BODIES[2]
    head = s3.head_object(Bucket=BUCKET, Key="k")
    assert (head["ContentType"], head["Metadata"]) == ("a/b", {"run-id": "r"})


def test_multipart_keeps_a_checksum_that_its_parts_explain(s3: Any) -> None:
    upload = Multipart(s3, bucket=BUCKET, key="k")
    for number, body in BODIES.items():
        upload.send_part(number, body)
    upload.complete()
    digest = join_digests(hashlib.sha256(body).digest() for body in BODIES.values())
    checksum = aws_s3.find_checksum(s3, bucket=BUCKET, key="k")
    assert checksum and is_checksum_of(checksum, digest)
    assert is_checksum_of(f"{checksum}-2", digest)  # as S3 says it; moto leaves the number out
    assert not is_checksum_of(checksum, hashlib.sha256(b"").digest())


def test_multipart_aborted_leaves_the_old_object_and_nothing_else(s3: Any) -> None:
    aws_s3.put_bytes(s3, bucket=BUCKET, key="k", body=b"old")
    upload = Multipart(s3, bucket=BUCKET, key="k")
    upload.send_part(1, BODIES[1])
    assert pending_uploads(s3) == 1
    upload.abort()
    assert pending_uploads(s3) == 0
    assert aws_s3.get_bytes(s3, bucket=BUCKET, key="k") == b"old"


@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
def test_multipart_whose_answer_has_another_checksum_raises(s3: Any, operation: str) -> None:
    upload = Multipart(s3, bucket=BUCKET, key="k")
    spoil(s3, operation)
    with pytest.raises(ChecksumError, match=f"s3://{BUCKET}/k"):
        upload.send_part(1, b"abc")
        upload.complete()


def test_multipart_completed_again_after_a_lost_answer_is_done(s3: Any) -> None:
    upload = Multipart(s3, bucket=BUCKET, key="k")
    upload.send_part(1, b"abc")
    upload_id = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"][0]["UploadId"]
    parts = [{"PartNumber": 1, "ETag": hashlib.md5(b"abc").hexdigest()}]
    s3.complete_multipart_upload(
        Bucket=BUCKET, Key="k", UploadId=upload_id, MultipartUpload={"Parts": parts}
    )
    forget_uploads(s3)
    upload.complete()
    upload.abort()
    assert aws_s3.get_bytes(s3, bucket=BUCKET, key="k") == b"abc"


def test_multipart_that_was_aborted_elsewhere_is_no_success(s3: Any) -> None:
    aws_s3.put_bytes(s3, bucket=BUCKET, key="k", body=b"old")
    upload = Multipart(s3, bucket=BUCKET, key="k")
    upload.send_part(1, b"abc")
    forget_uploads(s3)
    with pytest.raises(ClientError, match="NoSuchUpload"):
        upload.complete()


def test_multipart_of_too_many_parts_is_refused(s3: Any) -> None:
    with pytest.raises(ValueError, match="needs more than 10000 parts"):
        Multipart(s3, bucket=BUCKET, key="k").send_part(10_001, b"")


def refused(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore
        "PutObject",
    )


@pytest.mark.parametrize(
    "error",
    [
        refused("BadDigest"),
        refused("SlowDown", 503),
        refused("", 500),
        ConnectionClosedError(endpoint_url="s3"),
        ChecksumError("k"),
    ],
)
def test_retry_calls_again_after_what_may_pass_and_waits_in_between(error: Exception) -> None:
    outcomes: list[Any] = [error, error, "done"]
    waits: list[float] = []

    def call() -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert retry(call, attempts=3, wait=waits.append) == "done"
    assert len(waits) == 2 and 0 <= waits[0] <= 0.4 and 0 <= waits[1] <= 0.8


@pytest.mark.parametrize("error", [refused("AccessDenied", 403), ValueError("mine")])
def test_retry_lets_what_will_not_pass_through_at_once(error: Exception) -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        retry(call, attempts=5, wait=lambda _: None)
    assert len(calls) == 1


def test_retry_gives_up_after_the_last_attempt() -> None:
    waits: list[float] = []

    def call() -> None:
        raise refused("SlowDown", 503)

    with pytest.raises(ClientError):
        retry(call, attempts=4, wait=waits.append)
    assert len(waits) == 3
