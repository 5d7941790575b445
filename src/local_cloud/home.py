"""The home of one embedded cloud: who runs it, for whom, where it listens. Standard library only.

home/lock is held by the running daemon for as long as it lives: no crash can leave it behind.
home/owners has a file for each process that the daemon runs for; it stops when the last has ended,
unless home/pinned is there.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.request import ProxyHandler, build_opener

import psutil

from local_cloud.errors import CloudError, unwritable

_ANSWER_SECONDS = 10
_DIRECT = build_opener(ProxyHandler({}))  # a proxy cannot reach this machine
UNFINISHED = "unfinished-"  # a folder's name begins with it until what is in it is complete
_CLOCK_SECONDS = 2
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Running:
    """What a daemon says of itself once it answers.

    Attributes:
        iam: What it does with policies: "enforce" or "record".
    """

    pid: int
    endpoint_url: str
    environment: dict[str, str]
    iam: str = "record"


@dataclass(frozen=True)
class Home:
    """A folder, readable by its user only."""

    path: Path

    @classmethod
    def open(cls) -> Home:
        """The home that LOCAL_CLOUD_HOME names, or .local-cloud in the repository.

        Raises:
            CloudError: It cannot be written to.
        """
        path = Path(os.environ.get("LOCAL_CLOUD_HOME") or REPOSITORY / ".local-cloud").absolute()
        try:
            for folder in (path, path / "owners"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (path / "registry.lock").open("a").close()
        except OSError as error:
            raise unwritable(path, error) from error
        return cls(path)

    @property
    def log(self) -> Path:
        """The daemon's log."""
        return self.path / "log"

    @contextmanager
    def registry(self, name: str = "registry") -> Iterator[None]:
        """Keep other processes from changing owners (or from starting a daemon: "start")."""
        with (self.path / f"{name}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def hold(self, *, timeout_seconds: float) -> IO[str]:
        """Become the one daemon of this home, as soon as one that is stopping is gone.

        Raises:
            CloudError: Another daemon holds it.
        """
        file = (self.path / "lock").open("a+")
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise CloudError(
                        f"another embedded cloud holds {self.path}",
                        fix="stop it with `make down`, or set LOCAL_CLOUD_HOME",
                    ) from None
                time.sleep(0.05)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._remove_unfinished()
        return file

    def _remove_unfinished(self) -> None:
        """Remove what a daemon that was killed was about to write."""
        for file in self.path.glob("*.json.*"):
            file.unlink()
        for folder in self.path.glob(f"{UNFINISHED}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def holder(self) -> int | None:
        """The process id of the daemon, or None if none runs."""
        with (self.path / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                return int(file.read() or 0) or None
            return None

    def running(self) -> Running | None:
        """The daemon that answers and is not about to stop."""
        holder = self.holder()
        found = self.read("cloud")
        if not found or found["pid"] != holder:
            return None
        running = Running(**found)
        # One that was just killed holds its lock until its last thread is gone.
        return running if _answers(running.endpoint_url) else None

    def announce(self, running: Running | None) -> None:
        """Say that this daemon answers, or does no longer."""
        if running:
            self.write("cloud", asdict(running))
        else:
            (self.path / "cloud.json").unlink(missing_ok=True)

    def add_owner(self, pid: int) -> None:
        """Let the daemon run for as long as a process does."""
        with self.registry():
            (self.path / "owners" / f"{pid}-{_started(pid)}").touch()

    @property
    def is_pinned(self) -> bool:
        """Whether the daemon runs until it is told to stop."""
        return (self.path / "pinned").exists()

    def pin(self, pinned: bool) -> None:
        """Let the daemon run until it is told to stop, or only as long as it has owners."""
        with self.registry():
            if pinned:
                (self.path / "pinned").touch()
            else:
                (self.path / "pinned").unlink(missing_ok=True)

    def credentials(self) -> dict[str, str]:
        """The root key: made once, of no use anywhere else."""
        found: dict[str, str] | None = self.read("credentials")
        if not found:
            found = {
                "access_key_id": "AKIA" + secrets.token_hex(8).upper(),
                "secret_access_key": secrets.token_urlsafe(30),
            }
            self.write("credentials", found)
        return found

    def port(self, name: str) -> int:
        """The port that a service had last time, or 0."""
        return int((self.read("ports") or {}).get(name, 0))

    def remember_port(self, name: str, port: int) -> None:
        """Keep a service's port for the next time."""
        self.write("ports", (self.read("ports") or {}) | {name: port})

    def read(self, name: str) -> Any:
        """The content of a JSON file, or None if there is none."""
        try:
            return json.loads((self.path / f"{name}.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def write(self, name: str, content: Any) -> None:
        """Replace a JSON file in one step; only its user can read it."""
        new = self.path / f"{name}.json.{os.getpid()}"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file)
        new.replace(self.path / f"{name}.json")


class Owners:
    """The processes that a daemon runs for."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known: dict[str, psutil.Process] = {}

    def any(self) -> bool:
        """Whether one is alive, or the daemon is pinned; the files of dead ones are removed."""
        owners = list((self._home.path / "owners").iterdir())
        alive = [owner for owner in owners if self._is_alive(owner.name)]
        for owner in set(owners) - set(alive):
            owner.unlink(missing_ok=True)
        return bool(alive) or self._home.is_pinned

    def _is_alive(self, owner: str) -> bool:
        try:
            if owner not in self._known:
                self._known[owner] = _find_process(owner)
            process = self._known[owner]
            # not by its start time again: that moves when somebody sets the clock
            return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False


def asked_port(variable: str) -> int | None:
    """The port that a variable asks for, if it does.

    Raises:
        CloudError: It is no port.
    """
    asked = os.environ.get(variable)
    if not asked:
        return None
    if not asked.isdecimal() or not 0 < int(asked) < 65536:
        raise CloudError(f'{variable} is "{asked}"', fix="set it to a port, or leave it out")
    return int(asked)


def _started(pid: int) -> int:
    return int(psutil.Process(pid).create_time())


def _find_process(owner: str) -> psutil.Process:
    pid, _, started = owner.partition("-")
    if abs(_started(int(pid)) - int(started)) > _CLOCK_SECONDS:
        raise psutil.NoSuchProcess(int(pid))  # another process has got its number
    return psutil.Process(int(pid))


def _answers(endpoint_url: str) -> bool:
    """Whether a request is answered; the kernel accepts connections for a dying process too."""
    try:
        with _DIRECT.open(f"{endpoint_url}/_cloud/health", timeout=_ANSWER_SECONDS):
            return True
    except TimeoutError:
        return True  # it is busy, not gone
    except (OSError, HTTPException):
        return False
