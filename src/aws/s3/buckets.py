"""How buckets are set up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def get_bucket_region(client: S3Client, *, bucket: str) -> str:
    """Where the bucket is.

    Raises:
        ClientError: 404 if there is no such bucket, 403 if it is someone else's or may not be seen.
    """
    answer = client.head_bucket(Bucket=bucket)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return headers.get("x-amz-bucket-region") or answer.get("BucketRegion", "")


def get_default_encryption(client: S3Client, *, bucket: str) -> str | None:
    """How objects are encrypted if nobody says, e.g. "AES256" or "aws:kms"; None for not at all."""
    try:
        found = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    except ClientError as error:
        if _code(error) == "ServerSideEncryptionConfigurationNotFoundError":
            return None
        raise
    rule = found["Rules"][0].get("ApplyServerSideEncryptionByDefault")
    return rule["SSEAlgorithm"] if rule else None


def blocks_public_access(client: S3Client, *, bucket: str) -> bool:
    """Whether the bucket blocks public access in all four ways."""
    try:
        found = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if _code(error) == "NoSuchPublicAccessBlockConfiguration":
            return False
        raise
    ways = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return all(found.get(way) for way in ways)


def is_versioned(client: S3Client, *, bucket: str) -> bool:
    """Whether the bucket keeps the versions that are replaced or deleted."""
    return client.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"


def get_lifecycle_rules(client: S3Client, *, bucket: str) -> list[Mapping[str, Any]]:
    """The bucket's lifecycle rules as S3 gives them."""
    try:
        return list(client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"])
    except ClientError as error:
        if _code(error) == "NoSuchLifecycleConfiguration":
            return []
        raise


def abort_days(rules: Iterable[Mapping[str, Any]]) -> int | None:
    """After how many days the parts of uploads that never ended go from all of the bucket; None
    for never."""
    days = [
        rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        for rule in rules
        if rule["Status"] == "Enabled"
        and "AbortIncompleteMultipartUpload" in rule
        and not _is_narrow(rule)
    ]
    return min(days, default=None)


def _is_narrow(rule: Mapping[str, Any]) -> bool:
    """Whether the rule is for some of the bucket's objects alone."""
    filter = rule.get("Filter", {})
    return bool(rule.get("Prefix") or filter.get("Prefix") or filter.keys() - {"Prefix"})


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
