"""What a request says: its operation and its parameters, by the protocol it comes in.

S3 is not among them: its permissions follow from method, path and headers; see s3.py.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import botocore.session
from botocore.parsers import RpcV2CBORParser

_MEMBER = re.compile(r"([\w.]+?)\.(?:member|[A-Z]\w*)?\.?\d+(?:\.|$)")
_VARIABLE = re.compile(r"\{(\w+)\+?\}")
_REST_MODELS = {"lambda": "lambda"}  # signed for, and botocore's name


def read_parameters(
    service: str, operation: str, environ: Mapping[str, Any], body: bytes
) -> tuple[str, dict[str, Any]]:
    """The operation's name and its parameters.

    Args:
        operation: "" where it lies in method and path.
    """
    if service in _REST_MODELS:
        return _read_rest(_REST_MODELS[service], environ, body)
    if "HTTP_SMITHY_PROTOCOL" in environ:
        parser: Any = RpcV2CBORParser()
        return operation, (
            parser.parse_data_item(io.BufferedReader(io.BytesIO(body))) if body else {}
        )
    if "urlencoded" in environ.get("CONTENT_TYPE", ""):
        return operation, _read_form(body)
    return operation, _read_json(body)


def _read_form(body: bytes) -> dict[str, Any]:
    """A form's fields; those of a list under the name of the list."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode(errors="replace"), keep_blank_values=True):
        if member := _MEMBER.match(name):
            found.setdefault(member[1], []).append(value)
        else:
            found[name] = value
    return found


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _read_rest(model: str, environ: Mapping[str, Any], body: bytes) -> tuple[str, dict[str, Any]]:
    path, _, query = environ["RAW_URI"].partition("?")
    for method, pattern, operation in _routes(model):
        matched = method == environ["REQUEST_METHOD"] and pattern.fullmatch(path)
        if matched:
            given = {name: unquote(value) for name, value in matched.groupdict().items()}
            fields = {} if operation.startswith("Invoke") else _read_json(body)
            return operation, _qualified({**fields, **dict(parse_qsl(query)), **given})
    return "", {}


def _qualified(parameters: dict[str, Any]) -> dict[str, Any]:
    """A function's version or alias is a part of its ARN."""
    name, qualifier = parameters.get("FunctionName"), parameters.get("Qualifier")
    if name and qualifier:
        parameters["FunctionName"] = f"{name}:{qualifier}"
    return parameters


@cache
def _routes(model: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Method, path and operation, the paths with the fewest variables first."""
    service = botocore.session.get_session().get_service_model(model)
    found = []
    for name in service.operation_names:
        http = service.operation_model(name).http
        path = http["requestUri"].partition("?")[0].rstrip("/")
        expression = _VARIABLE.sub(r"(?P<\1>[^/]+)", path) + "/?"
        found.append((path.count("{"), http["method"], re.compile(expression), name))
    return [route[1:] for route in sorted(found, key=lambda each: each[0])]
