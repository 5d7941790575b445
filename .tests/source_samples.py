"""Contracts and servers for the tests of sources and staging."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from etl.model import Column, Contract, Places, Source, Type

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

RAW_BUCKET = "test-raw"


def make_contract(
    location: str = "http://127.0.0.1:9/orders",
    *,
    kind: Any = "api",
    format: Any = "json",
    options: dict[str, Any] | None = None,
    required: tuple[str, ...] = (),
) -> Contract:
    """A contract of which only the source and the raw place matter."""
    columns = (
        Column(name=name, type=Type(kind="string"), path=(name,), required=True)
        for name in required
    )
    return Contract(
        dataset="orders",
        version="1.0.0",
        domain="sales",
        columns=tuple(columns),
        primary_key=required[:1],
        latest_by=None,
        partition="ingest_date",
        load_mode="replace",
        source=Source(
            kind=kind, name="shop", location=location, format=format, options=options or {}
        ),
        places=Places(
            raw=f"s3://{RAW_BUCKET}/raw/shop/orders/",
            processed="s3://test-processed/processed/sales/orders/",
            quarantine="s3://test-quarantine/quarantine/sales/orders/",
            schema="public",
            table="orders",
            catalog_database="sales",
            catalog_table="orders",
        ),
    )


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def serve(app: WSGIApplication) -> Iterator[str]:
    """The base URL of a WSGI app that answers on a free port of 127.0.0.1."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
