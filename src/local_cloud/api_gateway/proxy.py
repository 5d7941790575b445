"""From a request to a function's event, and from its result to a response: payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

Response = tuple[str, list[tuple[str, str]], bytes]

_VARIABLE = re.compile(r"\{([^}+]+)(\+?)\}")


def match_route(routes: list[Any], method: str, path: str) -> tuple[Any, dict[str, str]] | None:
    """The most specific route of a request, and the values of its path's variables."""
    found: list[tuple[tuple[int, int, bool], Any, dict[str, str]]] = []
    for route in routes:
        wanted, _, template = route.route_key.partition(" ")
        if route.route_key == "$default":
            found.append(((-1, 0, False), route, {}))
        elif wanted in (method, "ANY") and (values := _values(template, path)) is not None:
            plainness = 0 if "+}" in template else 1
            found.append(((plainness, -len(values), wanted == method), route, values))
    if not found:
        return None
    _, route, values = max(found, key=lambda each: each[0])
    return route, values


def _values(template: str, path: str) -> dict[str, str] | None:
    pattern, at = "", 0
    for variable in _VARIABLE.finditer(template):
        pattern += re.escape(template[at : variable.start()])
        pattern += f"(?P<{variable[1]}>{'.+' if variable[2] else '[^/]+'})"
        at = variable.end()
    matched = re.fullmatch(pattern + re.escape(template[at:]), path)
    return {k: unquote(v) for k, v in matched.groupdict().items()} if matched else None


def make_event(
    environ: WSGIEnvironment,
    body: bytes,
    *,
    api_id: str,
    route_key: str,
    path: str,
    values: dict[str, str],
    caller: dict[str, Any] | None,
) -> dict[str, Any]:
    """The event of one request."""
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    query = environ.get("QUERY_STRING", "")
    now = time.time()
    context: dict[str, Any] = {
        "accountId": "anonymous",
        "apiId": api_id,
        "domainName": environ.get("HTTP_HOST", ""),
        "http": {
            "method": environ["REQUEST_METHOD"],
            "path": path,
            "protocol": environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
            "sourceIp": environ.get("REMOTE_ADDR", "127.0.0.1"),
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": uuid.uuid4().hex,
        "routeKey": route_key,
        "stage": "$default",
        "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * 1000),
    }
    if caller:
        context["authorizer"] = caller
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": context,
        "isBase64Encoded": False,
    }
    if query:
        pairs: dict[str, str] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            pairs[name] = f"{pairs[name]},{value}" if name in pairs else value
        event["queryStringParameters"] = pairs
    if values:
        event["pathParameters"] = values
    if body:
        try:
            event["body"] = body.decode()
        except UnicodeDecodeError:
            event["body"], event["isBase64Encoded"] = base64.b64encode(body).decode(), True
    return event


def make_response(payload: bytes) -> Response:
    """What a function's result is as a response.

    Raises:
        ValueError: It is none.
    """
    result = json.loads(payload or b"null")
    if not isinstance(result, dict) or "statusCode" not in result:
        plain = result if isinstance(result, str) else json.dumps(result)
        return "200 OK", [("content-type", "application/json")], plain.encode()
    status = int(result["statusCode"])
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Status"
    headers = {str(name).lower(): str(value) for name, value in result.get("headers", {}).items()}
    headers.setdefault("content-type", "text/plain; charset=utf-8")
    text = result.get("body") or ""
    body = base64.b64decode(text) if result.get("isBase64Encoded") else str(text).encode()
    cookies = [("set-cookie", str(each)) for each in result.get("cookies", [])]
    return f"{status} {phrase}", [*headers.items(), *cookies], body
