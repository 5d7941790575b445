"""HTTP servers that answer one scripted response after the other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

Response = tuple[str, list[tuple[str, str]], bytes]


class Scripted:
    """A WSGI app that answers one scripted response after the other, and notes the requests."""

    def __init__(self, *answers: Response) -> None:
        self.answers = iter(answers)
        self.queries: list[dict[str, str]] = []
        self.times: list[float] = []
        self.headers: list[WSGIEnvironment] = []
        self.bodies: list[bytes] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        query = parse_qs(environ["QUERY_STRING"])
        self.queries.append({name: values[0] for name, values in query.items()})
        self.times.append(time.monotonic())
        self.headers.append(environ)
        self.bodies.append(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        status, headers, body = next(self.answers)
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]


def ok(body: str | bytes, *headers: tuple[str, str]) -> Response:
    """A page."""
    raw = body if isinstance(body, bytes) else body.encode()
    return "200 OK", [("Content-Type", "application/json"), *headers], raw


def refusal(status: str, *headers: tuple[str, str], body: bytes = b"{}") -> Response:
    """Anything but a page."""
    return status, list(headers), body


EMPTY = ok('{"data": [], "next_cursor": null}')
