"""From an HTTP request to moto and back: who calls, may it run, and what did it change."""

from __future__ import annotations

import functools
import io
import re
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local_cloud import answers
from local_cloud.callers import Refusal, authenticate
from local_cloud.context import Cloud
from local_cloud.errors import is_full_disk, unwritable
from local_cloud.iam import AccessDenied
from local_cloud.refusals import name_refused, refusal
from local_cloud.signatures import read_signature
from local_cloud.state import Journal

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

# Operations that change nothing that has to be there after a crash.
_READS = re.compile(
    r"(BatchGet|Check|Decrypt|Describe|Encrypt|Filter|Generate|Get|Head|List|Lookup|Receive|Search"
    r"|Simulate|Test|Validate|Verify)[A-Z]"
)
_INVOCATION = re.compile(r"/2015-03-31/functions/[^/]+/invocations$")
_WRITES_IAM = {"iam", "sts"}  # every request looks at IAM; only these change it
_KEY_LOCKS = [threading.Lock() for _ in range(64)]


class Application:
    """The WSGI application of one embedded cloud."""

    def __init__(self, cloud: Cloud, journal: Journal) -> None:
        self._cloud = cloud
        self._journal = journal
        self._moto = DomainDispatcherApplication(create_backend_app)
        # moto looks through its own source folder each time, a third of what a request takes
        find = self._moto.get_backend_for_host
        self._moto.get_backend_for_host = functools.cache(find)  # type: ignore[method-assign]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"]
        for prefix, mounted in self._cloud.mounts.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                environ["SCRIPT_NAME"], environ["PATH_INFO"] = prefix, path[len(prefix) :]
                return mounted(environ, start_response)
        signature = read_signature(environ)
        service = signature.service if signature else "s3"
        try:
            body = _read_body(environ) if _is_read(service, environ) else b""
            signature = authenticate(self._cloud, signature, environ, body)
            operation = _operation(environ, body) or name_refused(
                service, environ["REQUEST_METHOD"], environ["RAW_URI"]
            )
            if reason := refusal(service, operation):
                raise Refusal("501 Not Implemented", "NotImplemented", reason)
            self._cloud.guard.admit(signature.access_key_id, service, operation, environ, body)
            return self._run(service, operation, environ, start_response)
        except Refusal as refused:
            why = refused.status, refused.code, refused.message
        except AccessDenied as denied:
            why = *answers.denial(service), str(denied)
        except NotImplementedError as error:
            why = "501 Not Implemented", "NotImplemented", f"The embedded cloud: {error}"
        except Exception as error:
            why = self._failure(error)
        status, headers, content = answers.error(environ, service, *why)
        start_response(status, headers)
        return [content]

    def _failure(self, error: Exception) -> tuple[str, str, str]:
        if isinstance(error, (OSError, sqlite3.Error)) and is_full_disk(error):
            # No status that botocore tries again: it would take a minute to tell.
            message = " ".join(str(unwritable(self._cloud.home, error)).split())
            return "507 Insufficient Storage", "InsufficientStorage", message
        traceback.print_exc(file=sys.stderr)
        return "500 Internal Server Error", "InternalFailure", f"{type(error).__name__}: {error}"

    def _run(
        self,
        service: str,
        operation: str,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        self._cloud.use(service)
        writes = environ["REQUEST_METHOD"] not in ("GET", "HEAD") and not (
            _READS.match(operation) or _INVOCATION.match(environ["PATH_INFO"])
        )
        ignored = set() if service in _WRITES_IAM else {"iam", "sts"}
        bucket, _, key = _s3_path(environ) if service == "s3" else ("", "", "")
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        lock: AbstractContextManager[Any] = nullcontext()
        if key or "delete" in query:
            ignored.add("s3")
        if key and writes and "uploadId" not in query:
            lock = _KEY_LOCKS[hash((bucket, key)) % len(_KEY_LOCKS)]  # for If-Match and the like
        with lock, self._journal.recording(ignored=frozenset(ignored), commit=writes):
            if key and writes:
                self._journal.touch("object", bucket, key)
                for upload_id in query.get("uploadId", []):
                    self._journal.touch("upload", bucket, upload_id)
            return self._moto(environ, start_response)  # type: ignore[no-any-return]


def health(cloud: Cloud) -> Any:
    """An application that says that the cloud is up."""
    started = time.time()

    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        content = b'{"seconds_up": %d, "home": "%b"}' % (time.time() - started, bytes(cloud.home))
        start_response("200 OK", [("Content-Length", str(len(content)))])
        return [content]

    return application


def _is_read(service: str, environ: WSGIEnvironment) -> bool:
    """Whether a body has to be known: not what becomes an object, but which objects to delete."""
    if service != "s3":
        return True
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return environ["REQUEST_METHOD"] == "POST" and "delete" in query


def _read_body(environ: WSGIEnvironment) -> bytes:
    """The whole body, put back for moto to read again."""
    body: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def _operation(environ: WSGIEnvironment, body: bytes) -> str:
    """The operation's name where the protocol says it; "" where it lies in method and path."""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    if "HTTP_SMITHY_PROTOCOL" in environ:
        return str(environ["PATH_INFO"]).rpartition("/")[2]
    if "urlencoded" in environ.get("CONTENT_TYPE", "") and body:
        return parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
    return ""


def _s3_path(environ: WSGIEnvironment) -> tuple[str, str, str]:
    path = unquote(environ["RAW_URI"].partition("?")[0])
    return path.lstrip("/").partition("/")
