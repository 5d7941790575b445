"""What Athena does with its caller's permissions: nobody reads by a query what else is denied."""

from __future__ import annotations

from typing import Any

from local_cloud.athena.errors import InvalidRequestError, QueryFailure
from local_cloud.athena.partitions import split_uri
from local_cloud.callers import secret_of
from local_cloud.context import Cloud
from local_cloud.iam import AccessDenied, Permission


class Access:
    """What the holder of a key may reach."""

    def __init__(self, cloud: Cloud, access_key_id: str) -> None:
        self._cloud, self._key = cloud, access_key_id

    @classmethod
    def of_request(cls, cloud: Cloud) -> Access:
        """Of who sent the request that this thread answers."""
        return cls(cloud, cloud.guard.access_key_id)

    def client(self, service: str) -> Any:
        """A boto3 client that calls as the holder."""
        secret, token = secret_of(self._cloud, self._key)
        variables = {"AWS_ACCESS_KEY_ID": self._key, "AWS_SECRET_ACCESS_KEY": secret or ""}
        if token:
            variables["AWS_SESSION_TOKEN"] = token
        return self._cloud.client_with(service, variables)

    def check_list(self, bucket: str, prefix: str) -> None:
        """Ask before objects are listed.

        Raises:
            QueryFailure: They may not be.
        """
        permission = Permission("s3:ListBucket", _bucket(bucket), {"s3:prefix": prefix})
        self._check_data(permission, f"s3://{bucket}/{prefix}")

    def check_read(self, bucket: str, key: str) -> None:
        """Ask before an object is read.

        Raises:
            QueryFailure: It may not be.
        """
        permission = Permission("s3:GetObject", f"{_bucket(bucket)}/{key}")
        self._check_data(permission, f"s3://{bucket}/{key}")

    def check_output(self, location: str) -> None:
        """Ask before a query is begun.

        Raises:
            InvalidRequestError: The place for its result may not be looked for.
        """
        bucket, _ = split_uri(location)
        self._check_request(
            Permission("s3:GetBucketLocation", _bucket(bucket)),
            f"Unable to verify/create output bucket {bucket}.",
        )

    def check_result(self, location: str) -> None:
        """Ask before a result is given.

        Raises:
            InvalidRequestError: It may not be read.
        """
        bucket, key = split_uri(location)
        self._check_request(
            Permission("s3:GetObject", f"{_bucket(bucket)}/{key}"),
            f"Access denied when reading {location}.",
        )

    def _check_data(self, permission: Permission, uri: str) -> None:
        try:
            self._cloud.guard.admit_as(self._key, permission)
        except AccessDenied as denied:
            raise QueryFailure(
                "PERMISSION_DENIED", f"Permission denied on S3 path: {uri}. {denied}"
            ) from denied

    def _check_request(self, permission: Permission, what: str) -> None:
        try:
            self._cloud.guard.admit_as(self._key, permission)
        except AccessDenied as denied:
            raise InvalidRequestError(f"{what} {denied}") from denied


def _bucket(name: str) -> str:
    return f"arn:aws:s3:::{name}"
