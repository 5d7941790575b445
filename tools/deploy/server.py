"""Prefect on this machine, ready to click: server, deployments, worker and the embedded cloud.

    python -m tools.deploy.server --port 4200

All of it ends with this command; what was recorded is there again the next time.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from etl.cli import run_command
from etl.environment import enter
from etl.errors import EtlError, UsageError
from etl.root import ROOT
from local_cloud.context import Child
from local_cloud.home import Home

_START_SECONDS = 120
_STOP_SECONDS = 15
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServerError(EtlError):
    """The server or the worker has ended, and should not have."""


def serve(port: int) -> None:
    """Run until Ctrl-C.

    Raises:
        UsageError: Something else listens on the port.
        ServerError: The server or the worker does not start, or ends.
    """
    _refuse_used(port)
    settings = enter("local", assume_role=False)
    home = Home.open().path / "prefect"
    home.mkdir(exist_ok=True)
    environ = _environ(home, port)
    with _started(["server", "start"], environ, home / "server.log") as server:
        _wait_for_answer(server, environ["PREFECT_API_URL"], home / "server.log")
        _deploy(environ)
        start = ["worker", "start", "--pool", settings.name, "--type", "process", "--name", "local"]
        with _started(start, environ, home / "worker.log") as worker:
            _print_next(port, home)
            _watch({"server": server, "worker": worker}, home)


def _refuse_used(port: int) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(
                f"port {port} of this machine cannot be had: {error.strerror}",
                fix=f"make server PORT={port + 1}, or stop what listens there",
            ) from error


def _environ(home: Path, port: int) -> dict[str, str]:
    """This environment, without what leads to another server or account."""
    others = ("PREFECT_API_KEY", "PREFECT_PROFILE")
    kept = {name: value for name, value in os.environ.items() if name not in others}
    return kept | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }


@contextmanager
def _started(arguments: list[str], environ: Mapping[str, str], log: Path) -> Iterator[Child]:
    """A command of Prefect's that ends with the block, and with all that it has started."""
    with log.open("w") as file:
        command = [sys.executable, "-m", "prefect", *arguments]
        child = Child(command, env=environ, cwd=ROOT, stdout=file, stderr=file)
    try:
        yield child
    finally:
        _end(child)


def _end(child: Child) -> None:
    # A worker gives its flow runs sessions of their own, and waits for them when it is to stop.
    minder = psutil.Process(child.pid)
    (command,) = minder.children() or [minder]
    runs = command.children(recursive=True)
    child.terminate()
    for process in runs:
        with _gone_is_fine():
            process.terminate()
    _, left = psutil.wait_procs([*runs, minder], timeout=_STOP_SECONDS)
    for process in left:
        if process != minder:  # which ends the command when this process lets go of it
            with _gone_is_fine():
                process.kill()
    child.kill()
    child.wait(timeout=_STOP_SECONDS)


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess:
        pass


def _wait_for_answer(server: Child, api_url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with _DIRECT.open(f"{api_url}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise ServerError("Prefect's server does not answer", fix=f"see {log}")


def _deploy(environ: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.deploy", "--env", "local"], cwd=ROOT, env=environ
    )
    if done.returncode != 0:
        raise ServerError("the deployments were refused", fix="mend what is told above")


def _print_next(port: int, home: Path) -> None:
    print(
        f"""
Prefect is at http://127.0.0.1:{port}   logs: {home}/*.log   Ctrl-C ends it
  Deployments > orders-local > Run, or from another terminal:
  export PREFECT_API_URL=http://127.0.0.1:{port}/api; . .venv/bin/activate
  prefect deployment run full-pipeline/orders-local --param run_date=2026-01-01 --watch
  prefect deployment run archive/archive-local --param dry_run=true --start-in "1 minute"
""",
        flush=True,
    )


def _watch(children: Mapping[str, Child], home: Path) -> None:
    while True:
        for name, child in children.items():
            if child.poll() is not None:
                raise ServerError(f"Prefect's {name} has ended", fix=f"see {home}/{name}.log")
        time.sleep(1)


def _hang_up(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Serve until Ctrl-C, SIGTERM, or the terminal is closed."""
    parser = argparse.ArgumentParser(prog="python -m tools.deploy.server", description=__doc__)
    parser.add_argument("--port", type=int, default=4200, help="on 127.0.0.1, by default 4200")
    options = parser.parse_args()
    signal.signal(signal.SIGHUP, _hang_up)
    return run_command(
        lambda: serve(options.port), again="make server", stopped="stopped; its records stay."
    )


if __name__ == "__main__":
    sys.exit(main())
