"""The endpoint: accepts clients over TLS, checks who they are, gives each a session."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import struct
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress

from local_cloud.errors import CloudError
from local_cloud.redshift import messages
from local_cloud.redshift.backend import Backend, BackendLost
from local_cloud.redshift.credentials import Credentials
from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.postgres import Postgres
from local_cloud.redshift.session import Loader, Session
from local_cloud.redshift.translate import Translator

_log = logging.getLogger(__name__)
_KEPT_PARAMETERS = frozenset(
    {"application_name", "options", "datestyle", "timezone", "extra_float_digits", "search_path"}
)
_AUTHENTICATION_SECONDS = 30
_LOST = SqlError("terminating connection: the embedded Redshift's PostgreSQL has ended it", "57P02")


class Server:
    """Listens from the start; clients wait until PostgreSQL is ready.

    Args:
        ready: PostgreSQL's start; its exception if it failed.
    """

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        postgres: Postgres,
        credentials: Credentials,
        loader: Loader,
        ready: Future[None],
    ) -> None:
        self._listener = listener
        self._context = context
        self._postgres = postgres
        self._credentials = credentials
        self._loader = loader
        self._ready = ready
        self._super_oid = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="redshift", daemon=True)

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more clients and leave those there are."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        starting = asyncio.start_server(self._accept, sock=self._listener, limit=1024 * 1024)
        server = self._loop.run_until_complete(starting)
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backend: Backend | None = None
        try:
            backend = await self._open(reader, writer)
            if backend:
                translator = Translator(self._super_oid)
                await Session(reader, writer, backend, translator, self._loader).run()
        except SqlError as error:
            writer.write(messages.error_response(error, severity="FATAL"))
        except CloudError as error:
            writer.write(messages.error_response(SqlError(str(error)), severity="FATAL"))
        except BackendLost:
            writer.write(messages.error_response(_LOST, severity="FATAL"))
        except (OSError, EOFError, TimeoutError, asyncio.CancelledError) as error:
            _log.debug("a client left: %r", error)
        except Exception as error:  # a fault of ours must be seen by the client, not hang it
            _log.exception("a session failed")
            fault = SqlError(f"the embedded Redshift failed: {error!r}")
            writer.write(messages.error_response(fault, severity="FATAL"))
        finally:
            if backend:
                backend.close()
            with suppress(OSError, RuntimeError):
                writer.close()

    async def _open(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Backend | None:
        """Log a client in; None if it did not come to stay."""
        async with asyncio.timeout(_AUTHENTICATION_SECONDS):
            parameters = await self._startup(reader, writer)
            if parameters is None:
                return None
            await asyncio.wrap_future(self._ready)
            user, database = parameters["user"], parameters.get("database", parameters["user"])
            writer.write(messages.message(b"R", struct.pack("!I", 3)))
            await writer.drain()
            kind, payload = await messages.read_message(reader)
        if kind != b"p":
            return None
        role = await asyncio.to_thread(
            self._credentials.authenticate, user, payload[:-1].decode(), database
        )
        kept = {name: v for name, v in parameters.items() if name.lower() in _KEPT_PARAMETERS}
        backend = await Backend.connect(
            self._postgres.socket,
            {"user": role, "database": database, "client_encoding": "UTF8"} | kept,
        )
        await self._greet(writer, backend, is_psql=parameters.get("application_name") == "psql")
        return backend

    async def _startup(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> dict[str, str] | None:
        encrypted = False
        while True:
            code, rest = await messages.read_startup(reader)
            if code == messages.CANCEL_REQUEST:
                await self._cancel(rest)
                return None
            if code == messages.SSL_REQUEST and not encrypted:
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self._context)
                encrypted = True
            elif code == messages.GSS_REQUEST:
                writer.write(b"N")
                await writer.drain()
            elif code >> 16 == 3:
                parts = rest.rstrip(b"\0").decode().split("\0")
                parameters = dict(zip(parts[::2], parts[1::2], strict=False))
                if not encrypted:
                    raise SqlError(
                        f'no pg_hba.conf entry for host "127.0.0.1", user'
                        f' "{parameters.get("user")}", SSL off',
                        "28000",
                    )
                if code & 0xFFFF:  # a newer minor version: say that we speak 3.0
                    writer.write(messages.message(b"v", struct.pack("!II", 0, 0)))
                return parameters
            else:
                raise SqlError(f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}")

    async def _greet(
        self, writer: asyncio.StreamWriter, backend: Backend, *, is_psql: bool
    ) -> None:
        """Pass on what PostgreSQL says at the start of a session."""
        translator = Translator(self._super_oid, is_psql=is_psql)
        answer = b""
        while True:
            data, marks = await backend.frames()
            for kind, start, end in marks:
                answer += translator.frame(kind, data[start + 5 : end])
            if marks[-1][0] == b"E":
                writer.write(answer)
                raise EOFError("PostgreSQL refused the session")
            if marks[-1][0] == b"Z":
                break
        if not self._super_oid:
            (row,) = (await backend.query("SELECT 'super'::regtype::oid")).rows
            self._super_oid = int(row[0] or 0)
        writer.write(answer)

    async def _cancel(self, key: bytes) -> None:
        """Hand a cancel request on; its key is PostgreSQL's own."""
        _, writer = await asyncio.open_unix_connection(str(self._postgres.socket))
        writer.write(struct.pack("!II", 8 + len(key), messages.CANCEL_REQUEST) + key)
        await writer.drain()
        writer.close()


def listen(ports: Iterable[int]) -> socket.socket | None:
    """A listening socket on loopback, on the first of these ports that is free; 0 is any."""
    for port in ports:
        # With its protocol named, asyncio turns off Nagle's delay: 40 ms a statement.
        listener = socket.socket(proto=socket.IPPROTO_TCP)
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            continue
        listener.listen(128)
        return listener
    return None
