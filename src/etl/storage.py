"""What S3's refusals mean to a person: `StorageError`s that name the place and the fix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
)

from aws.s3 import get_bytes, put_bytes
from etl.describe import find_fix
from etl.errors import StorageError
from etl.keys import parse_s3_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CREDENTIALS_FIX = "check the profile or role in config/<environment>.yml, or sign in again"
_BAD_CREDENTIALS = {
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
}


# S3's operations and the IAM actions that allow them differ in these (Service Authorization
# Reference, "Actions, resources, and condition keys for Amazon S3").
_ACTIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "UploadPart": "PutObject",
}


def write_json(s3: S3Client, uri: str, text: str) -> None:
    """Write a small JSON document, in place of an earlier one.

    Raises:
        StorageError: The bucket is missing or refuses access.
    """
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        put_bytes(s3, bucket=bucket, key=key, body=text.encode(), content_type="application/json")


def read_json(s3: S3Client, uri: str) -> dict[str, Any]:
    """A small JSON document; empty if there is none, or none that can be read.

    Raises:
        StorageError: The bucket is missing or refuses access.
    """
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        try:
            found: dict[str, Any] = json.loads(get_bytes(s3, bucket=bucket, key=key))
        except (ValueError, s3.exceptions.NoSuchKey):
            return {}
    return found


@contextmanager
def explain_storage_errors(uri: str) -> Iterator[None]:
    """Turn S3 errors that a person can act on into `StorageError`; let the others through."""
    try:
        yield
    except ClientError as error:
        explained = _explain(error, uri)
        if explained is None:
            raise
        raise explained from error
    except (
        CredentialRetrievalError,
        NoCredentialsError,
        PartialCredentialsError,
        SSOError,
    ) as error:
        raise StorageError(
            f"no AWS credentials to reach {uri}: {error}", fix=_CREDENTIALS_FIX
        ) from error
    except ConnectionError as error:
        raise StorageError(
            f"cannot reach S3 for {uri}: {error}",
            fix="check the network and AWS_ENDPOINT_URL (`make status` for the embedded cloud)",
        ) from error


def _explain(error: ClientError, uri: str) -> StorageError | None:
    bucket, _ = parse_s3_uri(uri)
    code = error.response.get("Error", {}).get("Code", "")
    action = error.operation_name
    if code == "NoSuchBucket":
        return StorageError(
            f"bucket {bucket} does not exist ({action} on {uri})",
            fix="create it (terraform apply), or correct `buckets` in config/<environment>.yml",
        )
    if code in ("AccessDenied", "403"):
        return StorageError(
            f"access to bucket {bucket} is denied ({action} on {uri})",
            fix=f"allow s3:{_ACTIONS.get(action, action)} on {bucket}, or use another profile",
        )
    if code in ("NoSuchKey", "404"):
        return StorageError(f"{uri} does not exist", fix="run the step that writes it first")
    if code == "InvalidObjectState":
        return StorageError(
            f"{uri} lies in Glacier and cannot be read",
            fix="restore it (aws s3api restore-object), wait until it is, and read again",
        )
    if code == "RequestTimeTooSkewed":
        return StorageError(f"S3 refused the time of a request for {uri}", fix=find_fix(error))
    if code in _BAD_CREDENTIALS:
        return StorageError(f"AWS refused the credentials ({code}) for {uri}", fix=_CREDENTIALS_FIX)
    return None
