from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError

from etl.errors import StorageError
from etl.storage import explain_storage_errors

URI = "s3://test-bucket/some/key"


def refuse(code: str, operation: str) -> Callable[[], None]:
    def call() -> None:
        raise ClientError({"Error": {"Code": code, "Message": "…"}}, operation)

    return call


def explained(call: Callable[[], Any]) -> StorageError:
    with pytest.raises(StorageError) as caught:
        with explain_storage_errors(URI):
            call()
    assert caught.value.__cause__ is not None
    return caught.value


@pytest.mark.parametrize(
    ("code", "operation", "message", "fix"),
    [
        ("NoSuchBucket", "ListObjectsV2", "bucket test-bucket does not exist", "terraform apply"),
        ("AccessDenied", "ListObjectsV2", "access to bucket test-bucket", "allow s3:ListBucket "),
        ("AccessDenied", "UploadPart", "access to bucket test-bucket", "allow s3:PutObject on"),
        ("403", "HeadObject", "access to bucket test-bucket", "allow s3:GetObject on test-bucket"),
        ("NoSuchKey", "GetObject", f"{URI} does not exist", "first"),
        ("ExpiredToken", "GetObject", "refused the credentials (ExpiredToken)", "sign in again"),
    ],
)
def test_storage_error_names_the_place_and_the_fix(
    code: str, operation: str, message: str, fix: str
) -> None:
    error = explained(refuse(code, operation))
    assert message in error.message and fix in error.fix


def test_storage_error_without_credentials_says_so() -> None:
    def call() -> None:
        raise NoCredentialsError

    assert "no AWS credentials" in explained(call).message


def test_storage_error_of_an_endpoint_that_is_down_names_it() -> None:
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}),
    )
    assert "127.0.0.1:9" in explained(client.list_buckets).message


def test_storage_error_that_nobody_can_act_on_passes_through() -> None:
    with pytest.raises(ClientError, match="SlowDown"):
        with explain_storage_errors(URI):
            refuse("SlowDown", "PutObject")()
