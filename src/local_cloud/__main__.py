"""The embedded cloud's command line: python -m local_cloud up|down|status|env|attach."""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

import psutil

from local_cloud.errors import CloudError, unwritable
from local_cloud.home import REPOSITORY, Home, Running

_START_SECONDS = 120.0
_STOP_SECONDS = 15.0
_LOG_BYTES = 5_000_000
_IAM = "LOCAL_CLOUD_IAM"
_POLICIES = {"enforce": "enforced", "record": "evaluated, and not enforced"}


def up(home: Home, arguments: argparse.Namespace) -> None:
    """Start the embedded cloud, to run until `down`."""
    running = _ensure(home, owner=os.getpid(), bare=arguments.bare)
    home.pin(True)
    print(f"The embedded cloud answers at {running.endpoint_url}, its data is in {home.path}")
    print('Use it: eval "$(python -m local_cloud env)"; stop it: python -m local_cloud down')


def attach(home: Home, arguments: argparse.Namespace) -> None:
    """Use the running embedded cloud, or start one that lives as long as the caller."""
    running = _ensure(home, owner=arguments.owner or os.getppid(), bare=arguments.bare)
    for name, value in _variables(home, running, os.environ).items():
        print(f"{name}={value}")


def env(home: Home, _arguments: argparse.Namespace) -> None:
    """Print what leads AWS's tools to it, for a shell: eval "$(… env)"."""
    for name, value in _variables(home, _running(home), os.environ).items():
        print(f"export {name}={shlex.quote(value)}")


def status(home: Home, _arguments: argparse.Namespace) -> None:
    """Say whether the embedded cloud runs, and where."""
    running = _running(home)
    kept = "until it is stopped" if home.is_pinned else "as long as what uses it"
    print(f"The embedded cloud answers at {running.endpoint_url} (process {running.pid}), {kept}")
    if port := running.environment.get("PGPORT"):
        print(f"Redshift listens on 127.0.0.1:{port}")
    if url := running.environment.get("INGEST_API_URL"):
        print(f"The ingestion API takes POST {url}/ingest/<dataset>, signed")
    print(f"Policies are {_POLICIES[running.iam]}")
    print(f"Data: {home.path}\nLog:  {home.log}")


def down(home: Home, _arguments: argparse.Namespace) -> None:
    """Stop the embedded cloud; its data stays."""
    pid = home.holder()
    if pid is None:
        print(f"The embedded cloud of {home.path} is not running")
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + _STOP_SECONDS
        while home.holder() == pid and time.monotonic() < deadline:
            time.sleep(0.02)
        if home.holder() != pid:
            break
    home.announce(None)
    print(f"Stopped; its data stays in {home.path}")


def _running(home: Home) -> Running:
    running = home.running()
    if running is None:
        raise CloudError(
            f"no embedded cloud is running in {home.path}",
            fix="start one with `make up` (python -m local_cloud up)",
        )
    return running


def _ensure(home: Home, *, owner: int, bare: bool) -> Running:
    home.add_owner(owner)
    with home.registry("start"):
        running = home.running()
        if running is None:
            _start(home)
            running = _running(home)
    asked = os.environ.get(_IAM) or running.iam
    if asked != running.iam:
        raise CloudError(
            f"the embedded cloud of {home.path} runs with {_IAM}={running.iam}, not {asked}",
            fix="stop it first: python -m local_cloud down",
        )
    if bare:
        return running
    _provision(running, home.log)
    return _running(home)


def _start(home: Home) -> None:
    """Start the daemon in a session of its own, and wait until it answers.

    Raises:
        CloudError: It cannot start; the message is its own.
    """
    if home.log.exists() and home.log.stat().st_size > _LOG_BYTES:
        home.log.unlink()
    reading, writing = os.pipe()
    with open(os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "local_cloud", "serve", "--report", str(writing)],
            cwd=REPOSITORY,
            env=_daemon_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[writing],
            start_new_session=True,
        )
    os.close(writing)
    with open(reading) as report:
        said = report.read()  # ends when the daemon has started, or has died
    if said == "ready":
        return
    code = daemon.wait()
    raise CloudError(
        said or f"the embedded cloud did not start (exit code {code}): {_last_line(home)}",
        fix=f"see {home.log}",
    )


def _daemon_environment(home: Home) -> dict[str, str]:
    """This environment without what means a run or another AWS."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "ETL_", "MOTO_"))}
    return kept | {
        "LOCAL_CLOUD_HOME": str(home.path),
        "PYTHONPATH": str(REPOSITORY / "src"),
        "PYTHONUNBUFFERED": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _last_line(home: Home) -> str:
    lines = home.log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no word in its log"


def _provision(running: Running, log: Path) -> None:
    request = urllib.request.Request(f"{running.endpoint_url}/_cloud/provision", method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(request, timeout=_START_SECONDS).close()
    except urllib.error.HTTPError as error:
        message, _, fix = error.read().decode().partition("\n  fix: ")
        raise CloudError(message, fix=fix or "see the log") from error
    except (OSError, HTTPException) as error:
        raise CloudError(
            f"the embedded cloud ended while it was set up: {error}",
            fix=f"run the same again; {log} may say why it ended",
        ) from error


def _variables(home: Home, running: Running, environ: Mapping[str, str]) -> dict[str, str]:
    hosts = [*filter(None, environ.get("NO_PROXY", "").split(",")), "127.0.0.1", "localhost"]
    no_proxy = ",".join(dict.fromkeys(hosts))
    return running.environment | {
        "AWS_SESSION_TOKEN": "",  # one that is set would be sent with a key it does not belong to
        "LOCAL_CLOUD_HOME": str(home.path),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }


def _serve(home: Home, arguments: argparse.Namespace) -> None:
    gc.disable()  # until it answers: what a start makes stays, and is not searched for garbage
    from local_cloud.daemon import serve  # what it imports takes a second

    serve(home, open(arguments.report, "w"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local_cloud", description="AWS on this machine.")
    commands = parser.add_subparsers(required=True, metavar="up|down|status|env|attach")
    for command in (up, down, status, env, attach):
        sub = commands.add_parser(command.__name__, help=command.__doc__)
        sub.set_defaults(command=command)
        if command in (up, attach):
            sub.add_argument("--bare", action="store_true", help="create no buckets, jobs, …")
        if command is attach:
            sub.add_argument("--owner", type=int, help="process to live with (default: the caller)")
    serving = commands.add_parser("serve")
    serving.set_defaults(command=_serve)
    serving.add_argument("--report", type=int, required=True)
    return parser


def main() -> int:
    """Run one command; 1 with one clear line if it cannot be done."""
    arguments = _parser().parse_args()
    os.umask(0o077)  # keys and data are their user's only
    try:
        _carry_out(arguments)
    except (CloudError, psutil.Error) as error:
        print(f"local_cloud: {error}", file=sys.stderr)
        return 1
    return 0


def _carry_out(arguments: argparse.Namespace) -> None:
    home = Home.open()
    try:
        arguments.command(home, arguments)
    except OSError as error:
        raise unwritable(home.path, error) from error


if __name__ == "__main__":
    sys.exit(main())
