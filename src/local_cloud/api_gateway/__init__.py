"""API Gateway: HTTP APIs, made by import of an OpenAPI file, served under /_api/<id>/."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from moto.apigatewayv2 import models

from local_cloud.api_gateway.authorize import DeniedError, authorize, execution_arn
from local_cloud.api_gateway.imports import read_security
from local_cloud.api_gateway.proxy import Response, make_event, make_response, match_route
from local_cloud.context import Cloud
from local_cloud.iam import AccessDenied, Permission

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_MOUNT = "/_api"
_BODY_LIMIT_BYTES = 10 * 1024 * 1024
_LONGEST_SECONDS = 30
_CORS = {
    "allowOrigins": "access-control-allow-origin",
    "allowMethods": "access-control-allow-methods",
    "allowHeaders": "access-control-allow-headers",
}


class Gateway:
    """Serves the APIs of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._buckets: dict[str, _Bucket] = {}
        self._functions = _make_functions_client(cloud)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request to /<api id>/<path>."""
        try:
            status, headers, content = self._answer(environ)
        except DeniedError as error:
            status, headers = error.status, [("content-type", "application/json")]
            content = json.dumps({"message": error.message}).encode()
        start_response(status, [*headers, ("Content-Length", str(len(content)))])
        return [content]

    def _answer(self, environ: WSGIEnvironment) -> Response:
        raw = environ["RAW_URI"].partition("?")[0].removeprefix(_MOUNT)
        _, api_id, *rest = raw.split("/")
        path = "/" + "/".join(rest)
        backend = models.apigatewayv2_backends[self._cloud.account_id][self._cloud.region]
        api = backend.apis.get(unquote(api_id))
        if api is None or "$default" not in api.stages:
            raise DeniedError("404 Not Found", "Not Found")
        size = int(environ.get("CONTENT_LENGTH") or 0)
        if size > _BODY_LIMIT_BYTES:
            raise DeniedError("413 Request Entity Too Large", "Request Too Long")
        body = environ["wsgi.input"].read()
        method = environ["REQUEST_METHOD"]
        matched = match_route(list(api.routes.values()), method, path)
        if matched is None:
            raise DeniedError("404 Not Found", "Not Found")
        route, values = matched
        caller = authorize(self._cloud, api, route, environ, body)
        self._throttle(api, route)
        event = make_event(
            environ,
            body,
            api_id=api.api_id,
            route_key=route.route_key,
            path=path,
            values=values,
            caller=caller,
        )
        status, headers, content = self._run(api, route, f"{method}{path}", event)
        return status, headers + _cors_headers(api, environ), content

    def _throttle(self, api: Any, route: Any) -> None:
        stage = api.stages["$default"]
        limits = {**stage.default_route_settings, **stage.route_settings.get(route.route_key, {})}
        rate = limits.get("throttlingRateLimit")
        if rate is None:
            return
        burst = limits.get("throttlingBurstLimit") or rate
        bucket = self._buckets.setdefault(f"{api.api_id} {route.route_key}", _Bucket(burst))
        if not bucket.take(float(rate), float(burst)):
            raise DeniedError("429 Too Many Requests", "Too Many Requests")

    def _run(self, api: Any, route: Any, called: str, event: dict[str, Any]) -> Response:
        integration = api.integrations[route.target.removeprefix("integrations/")]
        function = integration.integration_uri
        if "/functions/" in function:
            function = function.partition("/functions/")[2].removesuffix("/invocations")
        try:
            self._cloud.guard.check_service(
                "apigateway.amazonaws.com",
                Permission("lambda:InvokeFunction", function),
                source_arn=f"{execution_arn(self._cloud, api)}/{called}",
            )
            answer = self._functions.invoke(
                FunctionName=function, Payload=json.dumps(event).encode()
            )
            if answer.get("FunctionError"):
                raise DeniedError("500 Internal Server Error", "Internal Server Error")
            return make_response(answer["Payload"].read())
        except ReadTimeoutError as error:
            raise DeniedError("503 Service Unavailable", "Service Unavailable") from error
        except (AccessDenied, BotoCoreError, ClientError, ValueError) as error:
            raise DeniedError("500 Internal Server Error", "Internal Server Error") from error


def _make_functions_client(cloud: Cloud) -> Any:
    session = boto3.session.Session(
        aws_access_key_id=cloud.credentials.access_key_id,
        aws_secret_access_key=cloud.credentials.secret_access_key,
        region_name=cloud.region,
    )
    config = Config(
        proxies={},
        max_pool_connections=50,
        read_timeout=_LONGEST_SECONDS,
        retries={"total_max_attempts": 1},
    )
    return session.client("lambda", endpoint_url=cloud.endpoint_url, config=config)


class _Bucket:
    """A token bucket."""

    def __init__(self, burst: float) -> None:
        self._tokens, self._at = float(burst), time.monotonic()
        self._lock = threading.Lock()

    def take(self, rate: float, burst: float) -> bool:
        """Whether there was a token."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(burst, self._tokens + (now - self._at) * rate)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


def _cors_headers(api: Any, environ: WSGIEnvironment) -> list[tuple[str, str]]:
    configured = api.cors_configuration
    origin = environ.get("HTTP_ORIGIN")
    if not configured or not origin:
        return []
    allowed = configured.get("allowOrigins", [])
    if origin not in allowed and "*" not in allowed:
        return []
    found = {"access-control-allow-origin": origin if "*" not in allowed else "*"}
    for name, header in _CORS.items():
        if name != "allowOrigins" and configured.get(name):
            found[header] = ",".join(configured[name])
    return list(found.items())


def install(cloud: Cloud) -> None:
    """Serve the HTTP APIs that are made."""
    import_api = models.Api.import_api
    create = models.Api.__init__

    def import_secured(api: Any, body_str: str, fail_on_warnings: bool) -> None:
        stages = dict(api.stages)  # moto's import forgets them
        import_api(api, body_str, fail_on_warnings)
        api.stages.update(stages)
        read_security(api, body_str)

    def create_here(api: Any, *args: Any, **kwargs: Any) -> None:
        create(api, *args, **kwargs)
        if api.protocol_type != "HTTP":
            raise NotImplementedError("API Gateway runs HTTP APIs here, not WebSocket APIs")
        api.api_endpoint = f"{cloud.endpoint_url}{_MOUNT}/{api.api_id}"

    setattr(models.Api, import_api.__name__, import_secured)
    setattr(models.Api, "__init__", create_here)
    cloud.mounts[_MOUNT] = Gateway(cloud)
