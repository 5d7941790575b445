"""Copy or delete one object, only if it is the version that is meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# CopyObject copies up to 5 GB (Amazon S3 User Guide, "Copying, moving, and renaming objects").
_COPY_LIMIT_BYTES = 5 * 10**9
_WITH_SHA256 = {"ChecksumAlgorithm": "SHA256"}
_ANOTHER = ("404", "412", "ConditionalRequestConflict", "NoSuchKey", "PreconditionFailed")


def copy_object(
    client: S3Client,
    *,
    bucket: str,
    key: str,
    etag: str,
    size: int,
    to_bucket: str,
    to_key: str,
    changes: Mapping[str, Any] = _WITH_SHA256,
) -> bool:
    """Copy an object inside S3, metadata and all; S3 computes and keeps the copy's SHA-256.

    Args:
        etag, size: Of the version to copy.
        changes: What the copy gets, as CopyObject names it, e.g. {"StorageClass": "STANDARD_IA"}.

    Returns:
        Whether it is copied; False if it is gone or another version.
    """
    try:
        if size <= _COPY_LIMIT_BYTES:
            client.copy_object(
                Bucket=to_bucket,
                Key=to_key,
                CopySource={"Bucket": bucket, "Key": key},
                CopySourceIfMatch=f'"{etag}"',
                **changes,
            )
        else:
            client.copy(  # in parts, side by side
                {"Bucket": bucket, "Key": key},
                to_bucket,
                to_key,
                ExtraArgs={"CopySourceIfMatch": f'"{etag}"', **changes},
            )
    except ClientError as error:
        if error.response["Error"]["Code"] in _ANOTHER:
            return False
        raise
    return True


def delete_object(client: S3Client, *, bucket: str, key: str, etag: str) -> bool:
    """Delete an object.

    Args:
        etag: Of the version to delete.

    Returns:
        Whether it is deleted; False if it is gone or another version.
    """
    try:
        client.delete_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"')
    except ClientError as error:
        if error.response["Error"]["Code"] in _ANOTHER:
            return False
        raise
    return True
