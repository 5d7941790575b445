"""Which permissions requests to S3 need, as boto3 sends them."""

from __future__ import annotations

from typing import Any

import pytest
from support.iam_requests import needed, pairs

from local_cloud.iam.table import UnknownOperationError

RAW = {"Bucket": "raw"}
OBJECT = {"Bucket": "raw", "Key": "a/b c+ü"}
MISSING = {"Bucket": "raw", "Key": "missing"}
UPLOAD = OBJECT | {"UploadId": "u"}
KEY = "raw/a/b c+ü"


@pytest.mark.parametrize(
    ("call", "arguments", "expected"),
    [
        ("list_buckets", {}, ["s3:ListAllMyBuckets *"]),
        ("create_bucket", {"Bucket": "fresh"}, ["s3:CreateBucket fresh"]),
        ("delete_bucket", RAW, ["s3:DeleteBucket raw"]),
        ("head_bucket", RAW, ["s3:ListBucket raw"]),
        ("list_objects_v2", RAW, ["s3:ListBucket raw"]),
        ("list_objects", RAW, ["s3:ListBucket raw"]),
        ("list_object_versions", RAW, ["s3:ListBucketVersions raw"]),
        ("list_multipart_uploads", RAW, ["s3:ListBucketMultipartUploads raw"]),
        ("get_bucket_versioning", RAW, ["s3:GetBucketVersioning raw"]),
        (
            "put_bucket_versioning",
            RAW | {"VersioningConfiguration": {"Status": "Enabled"}},
            ["s3:PutBucketVersioning raw"],
        ),
        ("get_bucket_encryption", RAW, ["s3:GetEncryptionConfiguration raw"]),
        ("get_bucket_lifecycle_configuration", RAW, ["s3:GetLifecycleConfiguration raw"]),
        ("delete_bucket_lifecycle", RAW, ["s3:PutLifecycleConfiguration raw"]),
        ("get_public_access_block", RAW, ["s3:GetBucketPublicAccessBlock raw"]),
        ("get_bucket_notification_configuration", RAW, ["s3:GetBucketNotification raw"]),
        ("get_bucket_policy", RAW, ["s3:GetBucketPolicy raw"]),
        ("delete_bucket_policy", RAW, ["s3:DeleteBucketPolicy raw"]),
        ("delete_bucket_tagging", RAW, ["s3:PutBucketTagging raw"]),
        ("get_object", OBJECT, [f"s3:GetObject {KEY}"]),
        ("head_object", OBJECT, [f"s3:GetObject {KEY}"]),
        ("get_object", MISSING, ["s3:GetObject raw/missing", "s3:ListBucket raw"]),
        ("get_object", OBJECT | {"VersionId": "v"}, [f"s3:GetObjectVersion {KEY}"]),
        ("get_object_tagging", OBJECT, [f"s3:GetObjectTagging {KEY}"]),
        (
            "get_object_tagging",
            OBJECT | {"VersionId": "v"},
            [f"s3:GetObjectVersionTagging {KEY}"],
        ),
        (
            "get_object_attributes",
            OBJECT | {"ObjectAttributes": ["ETag"]},
            [f"s3:GetObject {KEY}", f"s3:GetObjectAttributes {KEY}"],
        ),
        ("put_object", OBJECT, [f"s3:PutObject {KEY}"]),
        ("put_object", MISSING, ["s3:PutObject raw/missing"]),
        (
            "put_object",
            OBJECT | {"Tagging": "a=b", "ACL": "private"},
            [f"s3:PutObject {KEY}", f"s3:PutObjectAcl {KEY}", f"s3:PutObjectTagging {KEY}"],
        ),
        ("put_object", OBJECT | {"IfNoneMatch": "*"}, [f"s3:PutObject {KEY}"]),
        (
            "put_object",
            OBJECT | {"IfMatch": '"e"'},
            [f"s3:PutObject {KEY}", f"s3:GetObject {KEY}"],
        ),
        ("create_multipart_upload", OBJECT, [f"s3:PutObject {KEY}"]),
        ("upload_part", UPLOAD | {"PartNumber": 1}, [f"s3:PutObject {KEY}"]),
        ("complete_multipart_upload", UPLOAD, [f"s3:PutObject {KEY}"]),
        ("abort_multipart_upload", UPLOAD, [f"s3:AbortMultipartUpload {KEY}"]),
        ("list_parts", UPLOAD, [f"s3:ListMultipartUploadParts {KEY}"]),
        (
            "copy_object",
            OBJECT | {"CopySource": {"Bucket": "raw", "Key": "x/ÿ"}},
            [f"s3:PutObject {KEY}", "s3:GetObject raw/x/ÿ"],
        ),
        (
            "upload_part_copy",
            UPLOAD
            | {"PartNumber": 1, "CopySource": {"Bucket": "raw", "Key": "x", "VersionId": "v"}},
            [f"s3:PutObject {KEY}", "s3:GetObjectVersion raw/x"],
        ),
        ("delete_object", OBJECT, [f"s3:DeleteObject {KEY}"]),
        ("delete_object", OBJECT | {"VersionId": "v"}, [f"s3:DeleteObjectVersion {KEY}"]),
        (
            "delete_object",
            OBJECT | {"IfMatch": '"e"'},
            [f"s3:DeleteObject {KEY}", f"s3:GetObject {KEY}"],
        ),
        (
            "delete_objects",
            RAW | {"Delete": {"Objects": [{"Key": "x<&"}, {"Key": "y", "VersionId": "v"}]}},
            ["s3:DeleteObject raw/x<&", "s3:DeleteObjectVersion raw/y"],
        ),
        ("get_object", {"Bucket": "nowhere", "Key": "k"}, []),
    ],
)
def test_s3_request_needs(call: str, arguments: dict[str, Any], expected: list[str]) -> None:
    assert pairs("s3", call, **arguments) == expected


def test_s3_request_says_what_conditions_ask_for() -> None:
    [listing] = needed("s3", "list_objects_v2", Bucket="raw", Prefix="a b/", Delimiter="/")
    assert listing[2] == {"s3:prefix": "a b/", "s3:delimiter": "/"}
    [writing] = needed(
        "s3", "put_object", **OBJECT, ServerSideEncryption="aws:kms", SSEKMSKeyId="k"
    )
    assert writing[2] == {
        "s3:x-amz-server-side-encryption": "aws:kms",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": "k",
    }


def test_s3_request_of_which_nothing_is_known_is_refused() -> None:
    with pytest.raises(UnknownOperationError, match=r"POST /raw/a.*\?select.*/s3\.py"):
        needed(
            "s3",
            "select_object_content",
            **OBJECT,
            Expression="SELECT 1",
            ExpressionType="SQL",
            InputSerialization={},
            OutputSerialization={},
        )
