"""Prefect's built-in server: begun with a command, gone with it, none where there is another."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from etl import prefect_server
from etl.errors import EtlError
from etl.tasks.serve import listen

SCRIPT = """
import sys
from etl import prefect_server
prefect_server.begin()
print(prefect_server.server_url(), flush=True)
sys.stdin.readline()
"""
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def _no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where nobody has set Prefect up."""
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_SERVER_EPHEMERAL_ENABLED", "true")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


@pytest.fixture
def command(_no_server: None) -> Iterator[subprocess.Popen[str]]:
    """A command that needs the server until it is sent a line."""
    words = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        yield started
        started.kill()


def wait_until_gone(processes: list[psutil.Process]) -> None:
    assert psutil.wait_procs(processes, timeout=60)[1] == []


def test_server_answers_until_the_command_ends(command: subprocess.Popen[str]) -> None:
    assert command.stdout
    url = command.stdout.readline().strip()
    servers = psutil.Process(command.pid).children()
    assert OPENER.open(f"{url}/health").read() == b"true"
    listening = [each.laddr.ip for each in servers[0].net_connections() if each.status == "LISTEN"]
    assert listening == ["127.0.0.1"]
    assert command.communicate("\n")[0] == ""
    wait_until_gone(servers)


def test_server_answers_at_once_on_a_connection_that_is_kept() -> None:
    """Not once what it said before is acknowledged, which may take 40 ms."""

    async def accepted() -> int:
        found: asyncio.Queue[int] = asyncio.Queue()

        def look(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted: socket.socket = writer.get_extra_info("socket")
            found.put_nowait(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(look, sock=listen()) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.close()
            return await found.get()

    assert asyncio.run(accepted()) != 0


def test_server_dies_with_a_command_that_is_killed(command: subprocess.Popen[str]) -> None:
    assert command.stdout
    assert command.stdout.readline().startswith("http://127.0.0.1:")
    servers = psutil.Process(command.pid).children()
    assert servers
    command.kill()
    wait_until_gone(servers)


def test_server_begun_for_nothing_dies_with_the_command(_no_server: None) -> None:
    script = "import sys, etl.prefect_server as p; p.begin(); print(p._begun[0].pid)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    deadline = time.monotonic() + 60
    while psutil.pid_exists(int(done.stdout)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(int(done.stdout))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFECT_API_URL", "http://127.0.0.1:9/api"),
        ("PREFECT_SERVER_EPHEMERAL_ENABLED", "false"),
    ],
)
def test_server_is_none_where_prefects_settings_say_otherwise(
    _no_server: None, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(prefect_server, "_begun", [])
    assert prefect_server.server_url() is None


def test_server_is_not_begun_where_the_environment_names_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    prefect_server.begin()
    assert prefect_server._begun == []


def test_server_that_does_not_start_is_told(
    _no_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "sqlite+aiosqlite:////no/folder/p.db")
    with pytest.raises(EtlError, match="did not start"):
        prefect_server.server_url()
