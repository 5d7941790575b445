from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from aws import s3 as aws_s3
from aws.s3 import Upload

MIB = 1024 * 1024
BUCKET = "test-bucket"


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


def test_upload_of_a_small_object_is_one_put(s3: Any) -> None:
    made = operations(s3)
    with Upload(s3, bucket=BUCKET, key="k") as upload:
        upload.write(b"ab")
        upload.write(b"c")
        sent = upload.commit()
    assert made == ["PutObject"]
    assert aws_s3.get_bytes(s3, bucket=BUCKET, key="k") == b"abc"
    assert (sent.size, sent.sha256) == (3, hashlib.sha256(b"abc").hexdigest())


def test_upload_of_a_large_object_is_in_parts_and_whole(s3: Any) -> None:
    made = operations(s3)
    body = bytes(range(256)) * (12 * MIB // 256)
    with Upload(s3, bucket=BUCKET, key="k", part_mib=5) as upload:
        for at in range(0, len(body), MIB):
            upload.write(body[at : at + MIB])
        sent = upload.commit()
    assert made == [
        "CreateMultipartUpload",
        *["UploadPart"] * 3,
        "CompleteMultipartUpload",
    ]
    assert aws_s3.get_bytes(s3, bucket=BUCKET, key="k") == body
    assert sent.sha256 == hashlib.sha256(body).hexdigest()


def test_upload_before_commit_is_not_visible(s3: Any) -> None:
    with Upload(s3, bucket=BUCKET, key="k", part_mib=5) as upload:
        upload.write(bytes(6 * MIB))
        upload.flush()
        assert aws_s3.head_object(s3, bucket=BUCKET, key="k") is None
        upload.commit()
    assert aws_s3.head_object(s3, bucket=BUCKET, key="k") is not None


def test_upload_that_fails_leaves_the_old_object_and_nothing_else(s3: Any) -> None:
    aws_s3.put_bytes(s3, bucket=BUCKET, key="k", body=b"old")
    with pytest.raises(RuntimeError, match="source broke"):
        with Upload(s3, bucket=BUCKET, key="k", part_mib=5) as upload:
            upload.write(bytes(6 * MIB))
            assert pending_uploads(s3) == 1
            raise RuntimeError("source broke")
    assert aws_s3.get_bytes(s3, bucket=BUCKET, key="k") == b"old"
    assert pending_uploads(s3) == 0


def test_upload_not_committed_is_aborted(s3: Any) -> None:
    with Upload(s3, bucket=BUCKET, key="k", part_mib=5) as upload:
        upload.write(bytes(6 * MIB))
    assert pending_uploads(s3) == 0
    assert aws_s3.head_object(s3, bucket=BUCKET, key="k") is None


def test_upload_whose_abort_fails_shows_the_first_error(s3: Any) -> None:
    with pytest.raises(RuntimeError, match="source broke"):
        with Upload(s3, bucket=BUCKET, key="k", part_mib=5) as upload:
            upload.write(bytes(6 * MIB))
            s3.delete_bucket(Bucket=BUCKET)
            raise RuntimeError("source broke")


def test_upload_with_parts_that_s3_would_refuse_is_refused_at_once(s3: Any) -> None:
    with pytest.raises(ValueError, match="at least 5"):
        Upload(s3, bucket=BUCKET, key="k", part_mib=4)
