"""From a request to the permissions that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from local_cloud.iam.directory import Directory
from local_cloud.iam.requests import read_parameters
from local_cloud.iam.s3 import s3_permissions
from local_cloud.iam.table import Permission, permissions


def permissions_of(
    service: str,
    operation: str,
    environ: Mapping[str, Any],
    body: bytes,
    *,
    directory: Directory,
    user_id: str,
) -> list[Permission]:
    """What a request needs.

    Args:
        service: The name that the request is signed for.
        operation: As AWS names it; "" where it lies in method and path.
        user_id: The caller's, as ${aws:userid} gives it.

    Raises:
        UnknownOperationError: It is not known what it needs.
    """
    if service == "s3":
        return s3_permissions(environ, body, directory=directory)
    if service == "apigateway":
        return [_api_gateway(environ, directory)]
    operation, parameters = read_parameters(service, operation, environ, body)
    place = {"region": directory.region, "account": directory.account_id, "userid": user_id}
    return permissions(service, operation, parameters | place, directory.converters)


def _api_gateway(environ: Mapping[str, Any], directory: Directory) -> Permission:
    """The verb: "Actions, resources, and condition keys for API Gateway Management V2"."""
    path = unquote(environ["RAW_URI"].partition("?")[0]).removeprefix("/v2")
    resource = f"arn:aws:apigateway:{directory.region}::{path}"
    return Permission(f"apigateway:{environ['REQUEST_METHOD']}", resource)
