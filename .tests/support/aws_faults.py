"""An AWS that has faults: a proxy before the embedded cloud, which harms some of the calls.

Clients find it by `FaultyAws.environ`. They sign for the name that they call, which is passed on
as it stands, so the cloud finds the signatures genuine.
"""

from __future__ import annotations

import http.client
import os
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from support.aws_calls import name_call
from support.aws_refusals import REFUSALS

from local_cloud import answers

SERVICES = ("ATHENA", "GLUE", "LAMBDA", "REDSHIFT_DATA", "REDSHIFT_SERVERLESS", "S3", "STS")
_SLOW_SECONDS = 1.0
_NOT_PASSED_ON = {"connection", "transfer-encoding", "content-length"}
_LISTED = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)
_MODIFIED = re.compile(rb"<LastModified>(.*?)</LastModified>")


@dataclass(frozen=True)
class Fault:
    """What happens to some of the calls that a pattern finds.

    Attributes:
        kind: One of `REFUSALS`; "reset before" and "reset after" the call is made; "cut", in the
            middle of its answer; "slow"; or "unlisted", where listings leave out what is new.
        calls: For `re.match`, of calls as "s3 PutObject" or "glue StartJobRun".
        rate: Which share of them it happens to.
        most: How often it happens at most.
    """

    kind: str
    calls: str = ""
    rate: float = 1.0
    most: int = 1_000_000


class FaultyAws:
    """The proxy; a context manager.

    Which calls are harmed is a matter of the seed, of the call and of how many of that call there
    were: threads that call side by side change nothing.

    Attributes:
        made: The faults so far, as (kind, call).
    """

    def __init__(self, *faults: Fault, seed: int = 1, unlisted_seconds: float = 0) -> None:
        self.made: Counter[tuple[str, str]] = Counter()
        self._faults = faults
        self._seed = seed
        self._unlisted = timedelta(seconds=unlisted_seconds)
        self._calls: Counter[str] = Counter()
        self._done: Counter[Fault] = Counter()
        self._lock = threading.Lock()
        target = urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
        handler = type("Handler", (_Handler,), {"aws": self, "target": target})
        self._server = _Server(("127.0.0.1", 0), handler)

    def __enter__(self) -> FaultyAws:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environ(self) -> dict[str, str]:
        """The variables that lead the pipeline's calls here."""
        return {f"AWS_ENDPOINT_URL_{service}": self.url for service in SERVICES}

    def due(self, call: str) -> str:
        """What happens to this call; "" for nothing."""
        with self._lock:
            self._calls[call] += 1
            for fault in self._faults:
                if self._done[fault] < fault.most and self._strikes(fault, call):
                    self._done[fault] += 1
                    self.made[fault.kind, call] += 1
                    return fault.kind
        return ""

    def _strikes(self, fault: Fault, call: str) -> bool:
        if not re.match(fault.calls, call):
            return False
        chance = random.Random(f"{self._seed} {fault.kind} {call} {self._calls[call]}")
        return chance.random() < fault.rate

    def without_new(self, listing: bytes) -> bytes:
        """A listing of S3's as it would have been a while ago."""
        since = datetime.now(UTC) - self._unlisted

        def keep(found: re.Match[bytes]) -> bytes:
            modified = _MODIFIED.search(found[0])
            assert modified
            is_new = datetime.fromisoformat(modified[1].decode()) > since
            return b"" if is_new else found[0]

        return _LISTED.sub(keep, listing)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone away by now: functions do that whose time is over."""


class _Handler(BaseHTTPRequestHandler):
    """Passes requests on, or harms them."""

    aws: FaultyAws
    target: str
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # else headers and body are packets of their own

    def answer(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = name_call(self.command, self.path, self.headers)
        fault = self.aws.due(call)
        if fault in REFUSALS:
            self._send(*self._refusal(fault, call))
            return
        if fault == "reset before":
            self._reset()
            return
        if fault == "slow":
            time.sleep(_SLOW_SECONDS)
        status, headers, content = self._pass_on(body)
        if fault == "unlisted":
            content = self.aws.without_new(content)
            headers = [*headers[:-1], ("Content-Length", str(len(content)))]
        if fault == "reset after" or (fault == "cut" and len(content) < 2):
            self._reset()
            return
        self._send(status, headers, content, cut=fault == "cut")

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer

    def handle_expect_100(self) -> bool:
        """Ask for the body at once."""
        done = super().handle_expect_100()
        self.wfile.flush()
        return done

    def _pass_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        with closing(http.client.HTTPConnection(self.target, timeout=120)) as there:
            there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    there.putheader(name, value)
            there.endheaders(body)
            found = there.getresponse()
            content = found.read()
        headers = [each for each in found.getheaders() if each[0].lower() not in _NOT_PASSED_ON]
        length = found.getheader("Content-Length") if self.command == "HEAD" else None
        return found.status, [*headers, ("Content-Length", length or str(len(content)))], content

    def _refusal(self, fault: str, call: str) -> tuple[int, list[tuple[str, str]], bytes]:
        of_s3, of_others = REFUSALS[fault]
        service = call.partition(" ")[0]
        kind = self.headers.get("Content-Type", "")
        environ: dict[str, Any] = {"CONTENT_TYPE": kind}
        wanted = of_s3 if service == "s3" else of_others
        status, headers, content = answers.error(environ, service, *wanted)
        return int(status.partition(" ")[0]), headers, content

    def _send(
        self, status: int, headers: list[tuple[str, str]], content: bytes, *, cut: bool = False
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        self.wfile.flush()
        if cut:
            self.close_connection = True

    def _reset(self) -> None:
        """End the connection as a machine does that knows of none."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
