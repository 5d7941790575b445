"""The process that is the embedded cloud: starts the services, answers, stops when not needed."""

from __future__ import annotations

import gc
import importlib
import io
import os
import signal
import socket
import sqlite3
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO

from local_cloud import server, source_api, storage
from local_cloud.context import Cloud, Credentials
from local_cloud.errors import CloudError, unwritable
from local_cloud.home import Home, Owners, Running, asked_port
from local_cloud.provision import provisioning
from local_cloud.serving import Handler, Server
from local_cloud.shop_token import ShopToken
from local_cloud.state import Journal

_SERVICES = (
    "iam",
    "lambda_",
    "glue",
    "athena",
    "redshift",
    "s3_events",
    "events",
    "stepfunctions",
    "api_gateway",
    "terraform_seams",
)
_HOLD_SECONDS = 30.0
_LOOK_SECONDS = 0.2
_LOG = 2  # the number of standard error


class Log(io.TextIOBase):
    """Standard error, which no full disk turns into a failure of what is told."""

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError):
            os.write(_LOG, text.encode(errors="backslashreplace"))
        return len(text)


def serve(home: Home, report: IO[str]) -> None:
    """Be the embedded cloud of `home` until it is told to stop or nobody needs it.

    Args:
        report: Gets "ready", or why it cannot start.
    """
    os.umask(0o077)
    sys.stdout = sys.stderr = Log()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with report:
        try:
            lock = home.hold(timeout_seconds=_HOLD_SECONDS)
            home.pin(False)
            services = Services(home)
        except CloudError as error:
            report.write(str(error))
            sys.exit(1)
        except (OSError, sqlite3.Error) as error:
            traceback.print_exc()
            report.write(str(unwritable(home.path, error)))
            sys.exit(1)
        gc.freeze()
        gc.enable()
        report.write("ready")
    owners = Owners(home)
    while not stopping.wait(_LOOK_SECONDS) and not _is_unwanted(home, owners):
        services.tidy()
    home.announce(None)
    services.stop()
    lock.close()
    os._exit(0)  # a request that is still being answered must not keep the process


def _is_unwanted(home: Home, owners: Owners) -> bool:
    if owners.any():
        return False
    with home.registry():  # whoever comes now finds nothing announced, and starts another daemon
        wanted = owners.any()
        if not wanted:
            home.announce(None)
    return not wanted


class Services:
    """The services of one home, answering from the moment this exists."""

    def __init__(self, home: Home) -> None:
        listener = _listen(home)
        port = listener.getsockname()[1]
        os.environ["MOTO_PORT"] = str(port)
        self._home = home
        self._trouble = ""
        self._journal = Journal(home.path / "state.sqlite")
        self._cloud = cloud = Cloud(
            home=home.path,
            endpoint_url=f"http://127.0.0.1:{port}",
            credentials=Credentials(**home.credentials()),
            save=self._journal.save_service,
        )
        cloud.mounts["/_cloud/health"] = server.health(cloud)
        cloud.mounts["/_cloud/provision"] = provisioning(cloud, self._announce)
        cloud.mounts["/_source"] = source_api.guarded(ShopToken(cloud).admits)
        cloud.exports["ETL_PLACES__SHOP_API_URL"] = f"{cloud.endpoint_url}/_source/shop"
        storage.install(cloud, self._journal)
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda name: _install(name, cloud), _SERVICES))
            self._journal.load(before=cloud.use)
            storage.remove_leftovers()
            self._server = Server(
                "127.0.0.1",
                port,
                server.Application(cloud, self._journal),
                handler=Handler,
                fd=listener.detach(),
            )
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
            cloud.ready()
        except BaseException:
            cloud.stop()
            raise
        self._announce()

    def _announce(self) -> None:
        """Say that the cloud answers, and with which variables."""
        cloud = self._cloud
        variables = cloud.environment() | cloud.exports
        self._home.announce(Running(os.getpid(), cloud.endpoint_url, variables, cloud.guard.mode))

    def tidy(self) -> None:
        """What is done now and then."""
        try:
            self._journal.save_later()
            storage.empty_trash()
            self._trouble = ""
        except Exception as error:  # the services answer on; the next request that writes says it
            if self._trouble != str(
                error
            ):  # once: a log that tells it five times a second fills up
                traceback.print_exc()
            self._trouble = str(error)

    def stop(self) -> None:
        """Stop answering, end every child, save what is left."""
        self._server.shutdown()
        self._cloud.stop()
        self._journal.close()


def _install(name: str, cloud: Cloud) -> None:
    importlib.import_module(f"local_cloud.{name}").install(cloud)


def _listen(home: Home) -> socket.socket:
    """A listening socket: at the port asked for, else the one of last time, else a free one."""
    asked = asked_port("LOCAL_CLOUD_PORT")
    for port in (asked,) if asked else (home.port("aws"), 0):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
        except OSError as error:
            listener.close()
            why = error.strerror
            continue
        home.remember_port("aws", listener.getsockname()[1])
        return listener
    raise CloudError(
        f"cannot listen on 127.0.0.1:{asked}: {why}",
        fix="set LOCAL_CLOUD_PORT to a free port, or leave it out",
    )
