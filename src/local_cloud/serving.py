"""The HTTP server: werkzeug's threads, with connections that are kept.

werkzeug closes each connection after one answer and first waits 10 ms for what the client may still
send. A run makes hundreds of calls, so here a request's body is counted instead.
"""

from __future__ import annotations

import io
import traceback
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

_DRAIN_BYTES = 16 * 1024 * 1024


class Server(ThreadedWSGIServer):
    """One thread a connection."""

    daemon_threads = True
    request_queue_size = 128


class Handler(MotoRequestHandler):
    """Speaks HTTP/1.1 and keeps the connection where the next request's start is known."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = 120.0  # seconds an idle connection is kept

    def handle_expect_100(self) -> bool:
        """Ask for the body at once: a client waits a second for this otherwise."""
        done = super().handle_expect_100()
        self.wfile.flush()
        return done

    def run_wsgi(self) -> None:
        """Answer one request."""
        self.environ = environ = self.make_environ()
        body = None
        if not environ.get("wsgi.input_terminated"):
            body = _Body(self.rfile, int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = body
            environ["wsgi.input_terminated"] = True
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc: Any = None) -> Any:
            started[:] = [status, headers]

        try:
            chunks: Iterable[bytes] = self.server.app(environ, start_response)
            try:
                self._send(started[0], started[1], chunks)
            finally:
                getattr(chunks, "close", lambda: None)()
        except OSError:
            self.close_connection = True  # the client went away
            return
        except Exception:
            self.log_error("%s", traceback.format_exc())
            self.close_connection = True
            return
        if body is None or not body.drain(_DRAIN_BYTES):
            self.close_connection = True

    def _send(self, status: str, headers: list[tuple[str, str]], chunks: Iterable[bytes]) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        names = {name.lower() for name, _ in headers}
        for name, value in headers:
            self.send_header(name, value)
        bare = self.command == "HEAD" or code in ("204", "304")
        chunked = "content-length" not in names and not bare
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            if chunk and not bare:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of what went well."""
        if str(code)[0] == "5":
            super().log_request(code, size)


class _Body(io.RawIOBase):
    """A request's body: ends where its Content-Length says."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream, self._left = stream, length

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """As much as asked for, or what is left."""
        wanted = self._left if size < 0 else min(size, self._left)
        content: bytes = self._stream.read(wanted)
        if len(content) < wanted:
            raise ConnectionError("the client stopped sending")
        self._left -= wanted
        return content

    def drain(self, at_most: int) -> bool:
        """Skip what nobody read; False if that is too much."""
        if self._left <= at_most:
            self.read()
        return self._left == 0
