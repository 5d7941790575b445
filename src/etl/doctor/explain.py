"""What an exception means to the one who reads the checks."""

from __future__ import annotations

from botocore.exceptions import (
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from etl.doctor.findings import Finding, fail
from etl.doctor.patient import Patient
from etl.errors import EtlError

DENIED = {"403", "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN_KEY = {
    "AuthFailure",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)

# The IAM action of each operation that the checks call (Service Authorization Reference).
_ACTIONS = {
    "AssumeRole": "sts:AssumeRole",
    "DescribeClusters": "redshift:DescribeClusters",
    "DescribeSecret": "secretsmanager:DescribeSecret",
    "DescribeStatement": "redshift-data:DescribeStatement",
    "ExecuteStatement": "redshift-data:ExecuteStatement",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "GetBucketVersioning": "s3:GetBucketVersioning",
    "GetClusterCredentials": "redshift:GetClusterCredentials",
    "GetClusterCredentialsWithIAM": "redshift:GetClusterCredentialsWithIAM",
    "GetCredentials": "redshift-serverless:GetCredentials",
    "GetDatabase": "glue:GetDatabase",
    "GetFunctionConfiguration": "lambda:GetFunctionConfiguration",
    "GetJob": "glue:GetJob",
    "GetNamespace": "redshift-serverless:GetNamespace",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "GetRole": "iam:GetRole",
    "GetStatementResult": "redshift-data:GetStatementResult",
    "GetWorkGroup": "athena:GetWorkGroup",
    "GetWorkgroup": "redshift-serverless:GetWorkgroup",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
}


def error_code(error: BaseException) -> str:
    """AWS's code of an error, "" if it is not AWS's."""
    if not isinstance(error, ClientError):
        return ""
    return error.response.get("Error", {}).get("Code", "")


def explain(error: Exception, patient: Patient) -> Finding:
    """The failed check that an exception stands for."""
    found = _explain_aws(error, patient)
    if found is None and isinstance(error.__cause__, Exception):
        found = _explain_aws(error.__cause__, patient)
    if found is not None:
        return found
    if isinstance(error, EtlError):
        return fail(one_line(error.message), error.fix)
    return fail(one_line(f"{type(error).__name__}: {error}"), "see what the message names")


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())


def _explain_aws(error: Exception, patient: Patient) -> Finding | None:
    if isinstance(error, ProfileNotFound):
        return fail(str(error), f"aws configure sso --profile {patient.settings.profile}")
    if isinstance(error, _NO_CREDENTIALS):
        return fail(f"no AWS credentials: {one_line(str(error))}", patient.sign_in())
    if isinstance(error, ConnectionError | HTTPClientError):
        return fail(
            f"no answer from AWS: {one_line(str(error))}",
            "check the network and AWS_ENDPOINT_URL (`make status` for the embedded cloud)",
        )
    code = error_code(error)
    if isinstance(error, ClientError) and code in DENIED:
        action = _ACTIONS.get(error.operation_name, error.operation_name)
        resource = patient.settings.role_arn if action == "sts:AssumeRole" else None
        return fail(f"access denied: {action} is missing", patient.allow(action, resource or "*"))
    if code in _EXPIRED or code in _UNKNOWN_KEY:
        return fail(f"AWS refused the credentials: {code}", patient.sign_in())
    return None
