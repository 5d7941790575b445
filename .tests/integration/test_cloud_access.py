"""Who may call the embedded cloud, and what it refuses rather than pretends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError


def connect(cloud: dict[str, str], service: str, **credentials: Any) -> Any:
    names = {
        "aws_access_key_id": cloud["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": cloud["AWS_SECRET_ACCESS_KEY"],
    }
    return boto3.client(  # type: ignore[call-overload]
        service, endpoint_url=cloud["AWS_ENDPOINT_URL"], **(names | credentials)
    )


def code_of(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    code: str = caught.value.response["Error"]["Code"]
    return code


LISTINGS = {
    "s3": "list_buckets",
    "glue": "get_databases",
    "lambda": "list_functions",
    "iam": "list_roles",
    "cloudwatch": "list_metrics",
}


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("s3", "InvalidAccessKeyId"),
        ("glue", "UnrecognizedClientException"),
        ("lambda", "UnrecognizedClientException"),
        ("iam", "InvalidClientTokenId"),
        ("cloudwatch", "UnrecognizedClientException"),
    ],
)
def test_call_with_an_unknown_key_is_refused(
    cloud: dict[str, str], service: str, code: str
) -> None:
    stranger = connect(cloud, service, aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
    assert code_of(getattr(stranger, LISTINGS[service])) == code


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("s3", "SignatureDoesNotMatch"),
        ("glue", "InvalidSignatureException"),
        ("lambda", "InvalidSignatureException"),
        ("iam", "SignatureDoesNotMatch"),
    ],
)
def test_call_with_a_wrong_secret_is_refused(
    cloud: dict[str, str], service: str, code: str
) -> None:
    stranger = connect(cloud, service, aws_secret_access_key="wrong")
    assert code_of(getattr(stranger, LISTINGS[service])) == code


def test_call_without_a_signature_is_refused(cloud: dict[str, str]) -> None:
    anonymous = connect(cloud, "s3", config=Config(signature_version=UNSIGNED))
    assert code_of(anonymous.list_objects_v2, Bucket="etl-local-raw") == "AccessDenied"


def test_key_of_an_iam_user_works_until_it_is_deleted(
    cloud: dict[str, str], client: Callable[[str], Any]
) -> None:
    iam = client("iam")
    iam.create_user(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]
    sts = connect(
        cloud,
        "sts",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    assert sts.get_caller_identity()["Arn"].endswith(":user/ana")
    iam.delete_access_key(UserName="ana", AccessKeyId=key["AccessKeyId"])
    assert code_of(sts.get_caller_identity) == "InvalidClientTokenId"


def test_temporary_credentials_of_a_role_work_with_their_token_only(
    cloud: dict[str, str], client: Callable[[str], Any]
) -> None:
    arn = "arn:aws:iam::123456789012:role/visitor"
    client("iam").create_role(
        RoleName="visitor",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}),
    )
    given = client("sts").assume_role(RoleArn=arn, RoleSessionName="visit")["Credentials"]
    keys = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
    }
    visitor = connect(cloud, "sts", aws_session_token=given["SessionToken"], **keys)
    assert visitor.get_caller_identity()["Arn"].endswith(":assumed-role/visitor/visit")
    assert code_of(connect(cloud, "sts", **keys).get_caller_identity) == "InvalidClientTokenId"


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("emr", "list_clusters", {}),
        ("ecs", "list_clusters", {}),
        ("batch", "submit_job", {"jobName": "j", "jobQueue": "q", "jobDefinition": "d"}),
        ("codebuild", "start_build", {"projectName": "p"}),
        ("ec2", "describe_instances", {}),
        ("glue", "start_crawler", {"Name": "c"}),
        ("glue", "create_crawler", {"Name": "c", "Role": "r", "Targets": {}}),
        ("lambda", "create_function_url_config", {"FunctionName": "f", "AuthType": "NONE"}),
        (
            "s3",
            "select_object_content",
            {
                "Bucket": "b",
                "Key": "k",
                "Expression": "SELECT 1",
                "ExpressionType": "SQL",
                "InputSerialization": {"CSV": {}},
                "OutputSerialization": {"CSV": {}},
            },
        ),
        ("sts", "get_session_token", {}),
        ("ssm", "send_command", {"DocumentName": "d"}),
        ("secretsmanager", "rotate_secret", {"SecretId": "s"}),
    ],
)
def test_what_is_not_executed_is_refused(
    client: Callable[[str], Any], service: str, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="The embedded cloud does not") as caught:
        getattr(client(service), operation)(**arguments)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


def test_operation_that_moto_lacks_is_no_success(client: Callable[[str], Any]) -> None:
    with pytest.raises(ClientError, match="NotImplemented"):
        client("glue").list_ml_transforms()
