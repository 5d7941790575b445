"""What a COPY or UNLOAD may do on S3: what the role or the key may that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local_cloud.context import Cloud
from local_cloud.iam import AccessDenied, Permission, authorize
from local_cloud.redshift.errors import SqlError, load_failure, not_embedded

_PRINCIPALS = {"redshift.amazonaws.com", "redshift-serverless.amazonaws.com"}
_ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/(?:[\w+=,.@/-]*/)?([\w+=,.@-]+)")


class Access:
    """The rights of a role, or of a key's holder."""

    def __init__(self, cloud: Cloud, *, role_arn: str = "", access_key_id: str = "") -> None:
        self.cloud = cloud
        self._role_arn, self._access_key_id = role_arn, access_key_id

    def check_list(self, bucket: str, prefix: str) -> None:
        """Ask before objects are listed, or looked for.

        Raises:
            SqlError: They may not be.
        """
        self._check("s3:ListBucket", bucket, context={"s3:prefix": prefix})

    def check_read(self, uri: str) -> None:
        """Ask before an object is read.

        Raises:
            SqlError: It may not be.
        """
        self._check("s3:GetObject", *split_uri(uri))

    def check_write(self, uri: str) -> None:
        """Ask before an object is written.

        Raises:
            SqlError: It may not be.
        """
        self._check("s3:PutObject", *split_uri(uri))

    def check_delete(self, uri: str) -> None:
        """Ask before an object is deleted.

        Raises:
            SqlError: It may not be.
        """
        self._check("s3:DeleteObject", *split_uri(uri))

    def _check(
        self, action: str, bucket: str, key: str = "", context: Mapping[str, str] | None = None
    ) -> None:
        resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
        try:
            if self._role_arn:
                authorize(self.cloud, self._role_arn, action, resource, context or {})
            else:
                permission = Permission(action, resource, dict(context or {}))
                self.cloud.guard.admit_as(self._access_key_id, permission)
        except AccessDenied as denied:
            raise load_failure(
                "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 0,ExtRid 0,"
                f"CanRetry 1: {denied}",
                code=8001,
                context=f"s3://{bucket}/{key}",
            ) from denied


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise SqlError(f"Invalid S3 path: {uri}")
    return bucket, key


def refuse_missing_bucket(cloud: Cloud, bucket: str) -> None:
    """Say it if there is no such bucket.

    Raises:
        SqlError: There is none.
    """
    try:
        cloud.client("s3").head_bucket(Bucket=bucket)
    except ClientError:
        raise load_failure(
            "S3ServiceException:The specified bucket does not exist,Status 404,Error NoSuchBucket,"
            f"Rid 0,ExtRid 0,CanRetry 1: {bucket}",
            code=8001,
        ) from None


def open_access(cloud: Cloud, options: Mapping[str, str]) -> Access:
    """What a statement may reach with the role or the key that it names.

    Raises:
        SqlError: There is no such role, Redshift may not assume it, or the key is unknown.
    """
    keys = dict(part.split("=", 1) for part in options.get("credentials", "").split(";") if part)
    role = options.get("iam_role") or keys.get("aws_iam_role")
    access_key = options.get("access_key_id") or keys.get("aws_access_key_id")
    if role:
        arns = [each.strip() for each in role.split(",")]
        for arn in arns:
            _check_role(cloud, arn)
        return Access(cloud, role_arn=arns[-1])
    if access_key:
        _check_key(cloud, access_key)
        return Access(cloud, access_key_id=access_key)
    raise SqlError("Must specify AWS credentials or IAM_ROLE to access S3", "42601")


def _check_role(cloud: Cloud, arn: str) -> None:
    if arn == "default":
        raise not_embedded("IAM_ROLE default: name the role")
    found = _ROLE.fullmatch(arn)
    if not found:
        raise SqlError(f"Invalid IAM_ROLE: '{arn}' is not the ARN of a role")
    try:
        role = cloud.client("iam").get_role(RoleName=found[1])["Role"]
    except ClientError:
        role = None
    if role is None or role["Arn"] != arn or not _trusts_redshift(role):
        user = f"arn:aws:redshift:{cloud.region}:{cloud.account_id}:dbuser:embedded/awsuser"
        raise load_failure(
            f"User {user} is not authorized to assume IAM Role {arn}",
            code=8001,
            context=f"IAM Role={arn}",
            location="xen_aws_credentials_mgr.cpp:402",
        )


def _trusts_redshift(role: Mapping[str, Any]) -> bool:
    statements = role["AssumeRolePolicyDocument"].get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else principal
        named = {services} if isinstance(services, str) else set(services)
        if statement.get("Effect") == "Allow" and named & (_PRINCIPALS | {"*"}):
            return True
    return False


def _check_key(cloud: Cloud, access_key: str) -> None:
    if access_key == cloud.credentials.access_key_id:
        return
    try:
        cloud.client("iam").get_access_key_last_used(AccessKeyId=access_key)
    except ClientError:
        raise load_failure(
            "S3ServiceException:The AWS Access Key Id you provided does not exist in our records.,"
            "Status 403,Error InvalidAccessKeyId,Rid 0,ExtRid 0,CanRetry 1",
            code=8001,
        ) from None
