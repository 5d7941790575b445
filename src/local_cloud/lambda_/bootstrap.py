"""The Python runtime in a function's process: asks the Runtime API for events, calls the handler.

It sees the standard library, the function's own code and the SDK that AWS's runtime brings; nothing
of the environment that the embedded cloud runs in. Standard library only.
"""

from __future__ import annotations

import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_END_OF_LOG = "\0end "  # then the request id: what the event logged has all been written
_DATE_FORMAT = "%Y-%m-%dT%H:%M:%S"


@dataclass
class Context:
    """What a handler is told about its invocation, as AWS Lambda names it."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    function_name: str = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    function_version: str = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
    memory_limit_in_mb: str = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    log_group_name: str = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
    log_stream_name: str = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
    client_context: None = None
    identity: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation times out."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


class RuntimeApi:
    """AWS's Lambda Runtime API, version 2018-06-01."""

    def __init__(self, address: str) -> None:
        host, _, prefix = address.partition("/")
        self._prefix = f"/{prefix}/2018-06-01/runtime"
        self._connection = http.client.HTTPConnection(host)

    def next_event(self) -> tuple[bytes, Any]:
        """Wait for an event: its body, and the headers about it."""
        self._connection.request("GET", f"{self._prefix}/invocation/next")
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            sys.exit(0)  # the embedded cloud stops
        return body, response.headers

    def post(self, path: str, body: bytes) -> None:
        """Answer an event, or say that there will be no answer."""
        self._connection.request("POST", f"{self._prefix}/{path}", body)
        self._connection.getresponse().read()


class _RequestId(logging.Filter):
    current = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.current
        return True


def _load_handler(name: str) -> Callable[[Any, Context], Any]:
    module, _, function = name.rpartition(".")
    try:
        imported = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        raise ImportError(f"Unable to import module '{module}': {error}") from error
    if not hasattr(imported, function):
        raise AttributeError(f"Handler '{function}' missing on module '{module}'")
    handler: Callable[[Any, Context], Any] = getattr(imported, function)
    return handler


def _report(error: BaseException, kind: str | None = None, **more: Any) -> bytes:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame[0]]
    report = {
        "errorMessage": str(error),
        "errorType": kind or type(error).__name__,
        **more,
        "stackTrace": traceback.format_list(own),
    }
    text = f"[ERROR] {report['errorType']}: {report['errorMessage']}\n"
    print(text + "Traceback (most recent call last):\n" + "".join(traceback.format_list(own)))
    return json.dumps(report).encode()


def _answer(handler: Callable[[Any, Context], Any], body: bytes, headers: Any) -> tuple[str, bytes]:
    """Call the handler once: "response" or "error", and what to post."""
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    context = Context(
        aws_request_id=request_id,
        invoked_function_arn=headers["Lambda-Runtime-Invoked-Function-Arn"],
        deadline_ms=int(headers["Lambda-Runtime-Deadline-Ms"]),
    )
    try:
        result = handler(json.loads(body), context)
    except Exception as error:
        return "error", _report(error, requestId=request_id)
    try:
        return "response", json.dumps(result, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        error.args = (f"Unable to marshal response: {error}",)
        return "error", _report(error, "Runtime.MarshalError", requestId=request_id)


def main() -> None:
    """Serve events until told to stop."""
    sys.path[:0] = os.environ.pop("_PYTHON_PATH").split(os.pathsep)
    request_id, log = _RequestId(), logging.StreamHandler(sys.stdout)
    log.addFilter(request_id)
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", _DATE_FORMAT
    )
    formatter.converter = time.gmtime
    log.setFormatter(formatter)
    logging.getLogger().addHandler(log)
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = _load_handler(os.environ["_HANDLER"])
    except ImportError as error:
        api.post("init/error", _report(error, "Runtime.ImportModuleError", requestId=""))
        sys.exit(1)
    except Exception as error:
        missing = isinstance(error, AttributeError) and "missing on module" in str(error)
        kind = "Runtime.HandlerNotFound" if missing else None
        api.post("init/error", _report(error, kind, requestId=""))
        sys.exit(1)
    while True:
        body, headers = api.next_event()
        request_id.current = headers["Lambda-Runtime-Aws-Request-Id"]
        outcome, content = _answer(handler, body, headers)
        sys.stderr.flush()
        print(_END_OF_LOG + request_id.current, flush=True)
        api.post(f"invocation/{request_id.current}/{outcome}", content)


if __name__ == "__main__":
    main()
