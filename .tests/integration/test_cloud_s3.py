"""The embedded cloud's S3, as boto3 sees it."""

from __future__ import annotations

import io
import os
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def s3(client: Callable[[str], Any]) -> Any:
    return client("s3")


@pytest.fixture
def bucket(s3: Any) -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    yield name


def read(s3: Any, bucket: str, key: str, **arguments: Any) -> bytes:
    content: bytes = s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()
    return content


def test_put_object_with_odd_names_and_metadata_reads_back(s3: Any, bucket: str) -> None:
    for key in ("a b+c&d=e%20f.txt", "Zoë/日本/ß", "dots/../kept", "trailing/", "a//b"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), Metadata={"who": "me"})
        assert read(s3, bucket, key) == key.encode()
        assert s3.head_object(Bucket=bucket, Key=key)["Metadata"] == {"who": "me"}


def test_put_object_empty_reads_back_empty(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert read(s3, bucket, "empty") == b""
    assert s3.head_object(Bucket=bucket, Key="empty")["ContentLength"] == 0


def test_get_object_with_a_range_gives_only_that(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    assert read(s3, bucket, "digits", Range="bytes=2-4") == b"234"
    assert read(s3, bucket, "digits", Range="bytes=-3") == b"789"
    with pytest.raises(ClientError, match="InvalidRange"):
        read(s3, bucket, "digits", Range="bytes=10-")


def test_get_object_missing_names_what_is_missing(s3: Any, bucket: str) -> None:
    with pytest.raises(s3.exceptions.NoSuchKey):
        read(s3, bucket, "nothing")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        read(s3, "no-such-bucket-here", "nothing")


def test_upload_in_parts_of_64_mib_reads_back_and_has_s3s_etag(s3: Any, bucket: str) -> None:
    content = os.urandom(64 * MIB)
    s3.upload_fileobj(io.BytesIO(content), bucket, "large")
    downloaded = io.BytesIO()
    s3.download_fileobj(bucket, "large", downloaded)
    assert downloaded.getvalue() == content
    assert s3.head_object(Bucket=bucket, Key="large")["ETag"].endswith('-8"')
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_complete_multipart_upload_with_a_small_part_is_refused(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    target = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(**target, PartNumber=n, Body=b"tiny")["ETag"]}
        for n in (1, 2)
    ]
    with pytest.raises(ClientError, match="EntityTooSmall"):
        s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})
    s3.abort_multipart_upload(**target)
    with pytest.raises(s3.exceptions.NoSuchKey):
        read(s3, bucket, "k")


def test_upload_part_copy_takes_a_range_of_another_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"x" * 6 * MIB + b"tail")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="joined")["UploadId"]
    target = {"Bucket": bucket, "Key": "joined", "UploadId": upload}
    copied = s3.upload_part_copy(
        **target,
        PartNumber=1,
        CopySource=f"{bucket}/source",
        CopySourceRange=f"bytes=0-{6 * MIB - 1}",
    )["CopyPartResult"]["ETag"]
    last = s3.upload_part(**target, PartNumber=2, Body=b"end")["ETag"]
    parts = [{"PartNumber": 1, "ETag": copied}, {"PartNumber": 2, "ETag": last}]
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})
    assert read(s3, bucket, "joined") == b"x" * 6 * MIB + b"end"


def test_copy_object_outlives_its_source(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"content", ContentType="text/x")
    s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")
    s3.put_object(Bucket=bucket, Key="a", Body=b"other")
    s3.delete_object(Bucket=bucket, Key="a")
    assert read(s3, bucket, "b") == b"content"
    assert s3.head_object(Bucket=bucket, Key="b")["ContentType"] == "text/x"


def test_list_objects_in_pages_gives_every_key_once_in_order(s3: Any, bucket: str) -> None:
    keys = sorted(f"p/{n % 3}/{n:03}" for n in range(25))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=b"1"), keys))
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix="p/", PaginationConfig={"PageSize": 7}
    )
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == keys
    folders = s3.list_objects_v2(Bucket=bucket, Prefix="p/", Delimiter="/")["CommonPrefixes"]
    assert [folder["Prefix"] for folder in folders] == ["p/0/", "p/1/", "p/2/"]


def test_delete_objects_removes_only_what_is_named(s3: Any, bucket: str) -> None:
    for key in ("a", "b", "c"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["c"]


def test_put_object_if_none_match_by_many_at_once_lets_one_win(s3: Any, bucket: str) -> None:
    def put(number: int) -> bool:
        try:
            s3.put_object(Bucket=bucket, Key="lock", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(put, range(16))) == 1


def test_versioned_bucket_keeps_what_is_overwritten_or_deleted(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    s3.delete_object(Bucket=bucket, Key="k")
    with pytest.raises(s3.exceptions.NoSuchKey):
        read(s3, bucket, "k")
    assert read(s3, bucket, "k", VersionId=first) == b"1"
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 2


def test_presigned_url_works_until_it_is_altered(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"shared")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url) as response:
        assert response.read() == b"shared"


def test_notification_to_a_queue_arrives(
    s3: Any, bucket: str, client: Callable[[str], Any]
) -> None:
    sqs = client("sqs")
    queue = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn["QueueArn"], "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    s3.put_object(Bucket=bucket, Key="news", Body=b"1")
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert any('"news"' in message["Body"] for message in messages)
