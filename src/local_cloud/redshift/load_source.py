"""What a COPY reads: the objects it names, and the IAM role that may read them."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_cloud.context import Cloud
from local_cloud.redshift.errors import SqlError, load_failure, not_embedded
from local_cloud.redshift.plans import Copy

_PRINCIPALS = {"redshift.amazonaws.com", "redshift-serverless.amazonaws.com"}
_ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/(?:[\w+=,.@/-]*/)?([\w+=,.@-]+)")


@dataclass(frozen=True)
class Source:
    """One object to load; `path` is the file that holds its bytes."""

    uri: str
    path: Path


def find_sources(cloud: Cloud, plan: Copy) -> list[Source]:
    """The objects that a COPY names, in the order of their keys or of the manifest.

    Raises:
        SqlError: There are none, or one that the manifest calls mandatory is missing or of
            another size.
    """
    if "manifest" in plan.options:
        return _manifest_sources(cloud, plan)
    bucket, prefix = split_uri(plan.source)
    found = [
        Source(f"s3://{bucket}/{key}", path)
        for key, _, path in cloud.list_objects(bucket, prefix)
        if not key.endswith("/")
    ]
    if not found:
        refuse_missing_bucket(cloud, bucket)
        raise load_failure(f"The specified S3 prefix '{prefix}' does not exist", code=8001)
    return found


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise SqlError(f"Invalid S3 path: {uri}")
    return bucket, key


def https_uri(uri: str, region: str) -> str:
    """An object's address as Redshift's messages write it."""
    bucket, key = split_uri(uri)
    return f"https://s3.{region}.amazonaws.com/{bucket}/{urllib.parse.quote(key)}"


def read_object(cloud: Cloud, uri: str) -> bytes:
    """A small object's bytes.

    Raises:
        SqlError: There is no such object.
    """
    bucket, key = split_uri(uri)
    path = cloud.object_path(bucket, key)
    if path is None:
        refuse_missing_bucket(cloud, bucket)
        raise load_failure(
            "S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey,"
            f"Rid 0,ExtRid 0,CanRetry 1: {uri}",
            code=8001,
        )
    return path.read_bytes()


def _manifest_sources(cloud: Cloud, plan: Copy) -> list[Source]:
    try:
        manifest = json.loads(read_object(cloud, plan.source))
        entries = manifest["entries"]
    except (ValueError, KeyError, TypeError):
        raise load_failure(
            f"Manifest file is not in correct json format: {plan.source}",
            code=8001,
            location="s3_utility.cpp:340",
        ) from None
    found = [source for entry in entries if (source := _entry(cloud, plan, entry))]
    if not found:
        raise load_failure(f"No files found in manifest {plan.source}", code=8001)
    return found


def _entry(cloud: Cloud, plan: Copy, entry: Mapping[str, Any]) -> Source | None:
    uri = entry.get("url", "")
    bucket, key = split_uri(uri)
    is_columnar = plan.options.get("format") == "parquet"
    size = (entry.get("meta") or {}).get("content_length")
    if is_columnar and size is None:
        raise load_failure(
            (
                "File entry does not have 'meta' key."
                if not entry.get("meta")
                else "File entry does not have 'content_length' key."
            ),
            code=15003,
            context=uri,
            location="spectrum_manifest.cpp:204",
        )
    path = cloud.object_path(bucket, key)
    if path is None:
        if not entry.get("mandatory", False):
            return None
        refuse_missing_bucket(cloud, bucket)
        raise load_failure(
            f"Mandatory url is not present in manifest file. The file {uri} does not exist",
            code=8001,
            context=uri,
        )
    if is_columnar and path.stat().st_size != size:
        raise load_failure(
            "Spectrum Scan Error",
            code=15007,
            context=f"File {https_uri(uri, cloud.region)} has {path.stat().st_size} bytes, the"
            f" manifest's content_length says {size}",
            location="dory_util.cpp:1777",
        )
    return Source(uri, path)


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


def check_access(cloud: Cloud, options: Mapping[str, str]) -> None:
    """Refuse what Redshift could not read S3 with.

    Raises:
        SqlError: There is no such role, Redshift may not assume it, or the key is unknown.
    """
    keys = dict(part.split("=", 1) for part in options.get("credentials", "").split(";") if part)
    role = options.get("iam_role") or keys.get("aws_iam_role")
    access_key = options.get("access_key_id") or keys.get("aws_access_key_id")
    if role:
        for arn in role.split(","):
            _check_role(cloud, arn.strip())
    elif access_key:
        _check_key(cloud, access_key)
    else:
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
