"""Redshift as a service of the embedded cloud: brought up, plugged in, taken down."""

from __future__ import annotations

import importlib
import json
import secrets
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType
from typing import Any

from local_cloud.context import Cloud
from local_cloud.errors import CloudError
from local_cloud.home import asked_port
from local_cloud.redshift import data_api, serverless
from local_cloud.redshift.credentials import Credentials
from local_cloud.redshift.load import Loader
from local_cloud.redshift.postgres import ADMIN, DEFAULT_DATABASE, Postgres
from local_cloud.redshift.server import Server, listen
from local_cloud.redshift.tls import ensure_certificates, write_private

_PORT_VARIABLE = "LOCAL_CLOUD_REDSHIFT_PORT"


class Redshift:
    """The one engine behind the endpoint, the clusters and the workgroups of a cloud.

    Attributes:
        host, port: Where clients connect.
        ready: Done when statements can run; holds the exception if they never will.
    """

    host = "127.0.0.1"

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.folder = cloud.home / "redshift"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.certificates = ensure_certificates(self.folder / "tls")
        listener = _listen(self.folder)
        self.port: int = listener.getsockname()[1]
        self.ready: Future[None] = Future()
        self.postgres = Postgres(cloud, self.folder)
        self.credentials = Credentials(self.postgres, self._masters)
        self._password = _ensure_password(self.folder / "password")
        self._server = Server(
            listener,
            self.certificates.context(),
            self.postgres,
            self.credentials,
            Loader(cloud, self.postgres),
            self.ready,
        )
        write_private(self.folder / "connection.json", json.dumps({"port": self.port}).encode())

    def _masters(self) -> Iterator[tuple[str, str]]:
        place = self.cloud.account_id, self.cloud.region
        yield from serverless.masters(*place)
        if not self.cloud.is_put_off("redshift"):
            yield from _clusters().masters(*place)

    def has_cluster(self, account_id: str, region: str, name: str) -> bool:
        """Whether there is such a provisioned cluster."""
        self.cloud.use("redshift")
        return bool(_clusters().has_cluster(account_id, region, name))

    def start(self) -> None:
        """Accept clients now; PostgreSQL comes up meanwhile."""
        self._server.start()
        threading.Thread(target=self._start_postgres, name="redshift-start", daemon=True).start()

    def _start_postgres(self) -> None:
        try:
            self.postgres.start(self._password)
        except BaseException as error:
            self.ready.set_exception(error)
        else:
            self.ready.set_result(None)

    def stop(self) -> None:
        """Leave the clients, then shut PostgreSQL down."""
        self._server.stop()
        self.postgres.stop()

    def ensure_database(self, name: str) -> None:
        """Create a database unless it exists, once PostgreSQL is up."""
        self.ready.result()
        self.postgres.ensure_database(name)


def install(cloud: Cloud) -> None:
    """Plug Redshift into the cloud and start it; it is ready when it is first used."""
    redshift = Redshift(cloud)
    cloud.on_first_use("redshift", lambda: _clusters().install(redshift))
    serverless.install(redshift)
    data_api.install(redshift)
    cloud.exports |= _exports(redshift)
    cloud.on_stop(redshift.stop)
    redshift.start()


def _clusters() -> ModuleType:
    """What moto needs for provisioned clusters takes a second to import."""
    return importlib.import_module("local_cloud.redshift.clusters")


def connection_info(home: Path) -> dict[str, Any]:
    """What a client needs to connect as the administrator.

    Returns:
        host, port, database, user, password, password_file, sslmode, sslrootcert.
    """
    folder = home / "redshift"
    password_file = folder / "password"
    return {
        "host": Redshift.host,
        "port": _kept(folder)["port"],
        "database": DEFAULT_DATABASE,
        "user": ADMIN,
        "password": password_file.read_text(),
        "password_file": str(password_file),
        "sslmode": "verify-full",
        "sslrootcert": str(folder / "tls" / "ca.pem"),
    }


def _listen(folder: Path) -> socket.socket:
    """At the port asked for, else at the one of last time, else at any."""
    asked = asked_port(_PORT_VARIABLE)
    listener = listen([asked] if asked else [_kept(folder).get("port", 0), 0])
    if listener is None:
        raise CloudError(
            f"the embedded Redshift cannot listen on 127.0.0.1:{asked}: it is in use",
            fix=f"set {_PORT_VARIABLE} to a free port, or leave it out",
        )
    return listener


def _exports(redshift: Redshift) -> dict[str, str]:
    found = connection_info(redshift.cloud.home)
    return {
        "ETL_WAREHOUSE__HOST": found["host"],
        "ETL_WAREHOUSE__PORT": str(found["port"]),
        "ETL_WAREHOUSE__SSLROOTCERT": found["sslrootcert"],
        "PGHOST": found["host"],
        "PGPORT": str(found["port"]),
        "PGDATABASE": found["database"],
        "PGUSER": found["user"],
        "PGPASSWORD": found["password"],
        "PGSSLMODE": found["sslmode"],
        "PGSSLROOTCERT": found["sslrootcert"],
    }


def _kept(folder: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads((folder / "connection.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return kept


def _ensure_password(path: Path) -> str:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24).encode())
    return path.read_text()
