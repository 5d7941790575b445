"""The Lambda Runtime API (version 2018-06-01), as AWS documents it: workers ask for events.

A worker's address is /_lambda/<its id>/2018-06-01/runtime/…: only it knows its id.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from local_cloud.lambda_.pool import Pool
from local_cloud.lambda_.workers import Worker

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_MAX_RESPONSE_BYTES = 6_291_556  # AWS Lambda quotas: invocation payload, synchronous
_TOO_LARGE = {
    "errorType": "Function.ResponseSizeTooLarge",
    "errorMessage": "Response payload size exceeded maximum allowed payload size"
    f" ({_MAX_RESPONSE_BYTES} bytes).",
}


class RuntimeApi:
    """A WSGI application for all workers of a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer a worker."""
        _, worker_id, _, _, *action = environ["PATH_INFO"].split("/")
        worker = self._pool.workers.get(worker_id)
        if worker is None:
            return _reply(start_response, "410 Gone")
        if action == ["invocation", "next"]:
            return _next(worker, start_response)
        self._finish(worker, action, environ["wsgi.input"].read())
        return _reply(start_response, "202 Accepted", b'{"status":"OK"}')

    def _finish(self, worker: Worker, action: list[str], body: bytes) -> None:
        invocation = worker.current
        if action == ["init", "error"]:
            invocation = invocation or worker.events.get()
        elif invocation and invocation.request_id != action[1]:
            return  # too late: it has timed out
        if invocation is None or invocation.done.is_set():
            return
        failed = action[-1] == "error"
        if len(body) > _MAX_RESPONSE_BYTES:
            failed, body = True, json.dumps(_TOO_LARGE).encode()
        invocation.answer = failed, body
        invocation.done.set()


def _next(worker: Worker, start_response: StartResponse) -> list[bytes]:
    invocation = worker.events.get()
    if invocation is None:
        return _reply(start_response, "410 Gone")
    invocation.taken_at = time.monotonic()
    deadline_ms = int((time.time() + invocation.timeout_seconds) * 1000)
    about = {
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
    }
    return _reply(start_response, "200 OK", invocation.event, about)


def _reply(
    start_response: StartResponse,
    status: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> list[bytes]:
    start_response(status, [("Content-Length", str(len(body))), *(headers or {}).items()])
    return [body]
