"""Prefect's built-in server, for flows that are run without another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)

from etl.prefect_server import server_url


@contextmanager
def command_line() -> Iterator[None]:
    """What a flow needs that a command line runs, instead of a worker.

    Prefect's built-in server runs, unless another is configured; and the flow's heart does not
    beat: that is for a run whose worker may vanish, and takes up to a second to end.

    Raises:
        EtlError: The server did not start.
    """
    settings: dict[Any, Any] = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    if not PREFECT_API_URL.value():
        settings[PREFECT_API_URL] = server_url()
    with temporary_settings(settings):
        yield
