"""Prefect's built-in server for a command, begun before Prefect is imported: both take seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from etl.errors import EtlError

_SCRIPT = Path(__file__).with_name("tasks") / "serve.py"
_begun: list[subprocess.Popen[str]] = []


def begin() -> None:
    """Start the server, and do not wait: `server_url` does."""
    if not _begun and not os.environ.get("PREFECT_API_URL"):
        _begun.append(_start())


def server_url() -> str | None:
    """Its API's URL once it answers; None where Prefect's settings name another server.

    It runs until this process has ended: the last that Prefect does is to send it logs.

    Raises:
        EtlError: It did not start.
    """
    if not _begun:
        _begun.append(_start())
    process = _begun[-1]
    assert process.stdout
    said = process.stdout.readline()  # "url …" once it answers, or "none"
    if not said:
        _begun.clear()
        raise EtlError(
            f"Prefect's built-in server did not start (exit code {process.wait()})",
            fix="see what it has written above; or name a server: PREFECT_API_URL",
        )
    return said.removeprefix("url ").strip() if said.startswith("url ") else None


def _start() -> subprocess.Popen[str]:
    # Its standard input is its lifeline. Out of Ctrl-C's reach, so that it can be told of a stop.
    return subprocess.Popen(
        [sys.executable, str(_SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
