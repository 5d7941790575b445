"""A file that a process keeps locked while it lives: the system unlocks it, however it ends."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Literal

from etl.lease.record import Lease

State = Literal["alive", "ended", "unknown"]


class LifeSign:
    """This process's file for one lease. It is locked before the lease is taken.

    Where there is no room for such a file there is no sign: the lease's renewals have to do.
    """

    def __init__(self, holder: str) -> None:
        self._file: int | None = None
        with suppress(OSError):
            self._path = _path(holder)
            self._file = _create_locked(self._path)

    def end(self, *, leave: bool = False) -> None:
        """Unlock it.

        Args:
            leave: Leave the file, to tell that a lease which could not be given back is over.
        """
        if self._file is None:
            return
        with suppress(OSError):
            if not leave:
                self._path.unlink()
        os.close(self._file)
        self._file = None


def _create_locked(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:  # left unlocked, it would say that its process has ended
        path.unlink()
        os.close(file)
        raise
    return file


def host_name() -> str:
    """This machine, or container."""
    return socket.gethostname()


def state_of(lease: Lease) -> State:
    """What this machine knows of a lease's holder."""
    if lease.host != host_name():
        return "unknown"
    try:
        file = os.open(_path(lease.holder), os.O_RDWR | os.O_NOFOLLOW)
    except OSError:  # of another container, or user, or from before the machine was started
        return "unknown"
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "alive"
    except OSError:
        return "unknown"
    finally:
        os.close(file)
    return "ended"


def forget(lease: Lease) -> None:
    """Remove what a holder has left that has ended."""
    with suppress(OSError):
        _path(lease.holder).unlink()


def _path(holder: str) -> Path:
    folder = Path(tempfile.gettempdir()) / f"prefect-aws-etl-{os.getuid()}"
    return folder / f"{Path(holder).name}.lock"
