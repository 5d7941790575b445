"""Which permissions a call of boto3 needs, without a cloud."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config

from local_cloud.iam.directory import Directory
from local_cloud.iam.mapping import permissions_of

ACCOUNT, REGION = "123456789012", "us-east-1"
USER_ID = "AROAX:run"
_SERVICE = r"\1"
_BEGINNING = re.compile(r"arn:aws:(?:s3:::|([\w-]+:)[\w-]*:\d*:)")


class Known(Directory):
    """A cloud with one bucket, and an object of every name but "missing"."""

    def has_bucket(self, bucket: str) -> bool:
        return bucket == "raw"

    def has_object(self, bucket: str, key: str) -> bool:
        return key != "missing"

    def secret(self, name: str) -> str:
        return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"

    def workgroup_of_query(self, query_id: str) -> str:
        return f"of-{query_id}"

    def owner_of_statement(self, statement_id: str) -> str:
        return "AROAX:owner"


class _Sent(Exception):
    """Ends a call before it is sent."""


@cache
def _client(service: str) -> Any:
    client = boto3.client(  # type: ignore[call-overload]
        service,
        region_name=REGION,
        endpoint_url="http://127.0.0.1",
        aws_access_key_id="AKIA",
        aws_secret_access_key="secret",
        config=Config(s3={"addressing_style": "path"}),
    )
    client.meta.events.register("before-send", _keep)
    return client


def _keep(request: AWSPreparedRequest, **_: Any) -> None:
    raise _Sent(request)


def _request(client: Any, call: str, arguments: dict[str, Any]) -> Any:
    try:
        getattr(client, call)(**arguments)
    except _Sent as sent:
        return sent.args[0]
    raise AssertionError("nothing was sent")


def needed(service: str, call: str, **arguments: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Action, resource and context of each permission."""
    client = _client(service)
    request = _request(client, call, arguments)
    body = request.body.read() if hasattr(request.body, "read") else request.body or b""
    is_rest = service in ("s3", "lambda", "apigatewayv2")
    found = permissions_of(
        client.meta.service_model.signing_name,
        "" if is_rest else client.meta.method_to_api_mapping[call],
        _as_environ(request),
        body.encode() if isinstance(body, str) else bytes(body),
        directory=Known(ACCOUNT, REGION),
        user_id=USER_ID,
    )
    return [(each.action, each.resource, dict(each.context)) for each in found]


def _as_environ(request: AWSPreparedRequest) -> dict[str, Any]:
    url = urlsplit(request.url)
    environ = {
        "REQUEST_METHOD": request.method,
        "RAW_URI": url.path + (f"?{url.query}" if url.query else ""),
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        environ[key] = value.decode() if isinstance(value, bytes) else value
    return environ


def pairs(service: str, call: str, **arguments: Any) -> list[str]:
    """Each permission as "action resource"; of an ARN its service and what names the resource."""
    return [
        f"{action} {_BEGINNING.sub(_SERVICE, resource)}"
        for action, resource, _ in needed(service, call, **arguments)
    ]
