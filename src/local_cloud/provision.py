"""What Terraform does on AWS, for the embedded cloud: everything that config/local.yml names."""

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING

from local_cloud.context import Cloud

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def provision(cloud: Cloud) -> None:
    """Create what is missing and update what differs."""


def provisioning(cloud: Cloud) -> WSGIApplication:
    """The application behind /_cloud/provision: 204, or 500 and why as text."""
    lock = threading.Lock()

    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        try:
            with lock:
                provision(cloud)
        except Exception as error:
            traceback.print_exc()
            content = f"provisioning failed: {error}".encode()
            start_response("500 Internal Server Error", [("Content-Length", str(len(content)))])
            return [content]
        start_response("204 No Content", [])
        return []

    return application
