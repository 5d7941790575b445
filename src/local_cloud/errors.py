"""What the embedded cloud's command line says when it cannot go on."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT}


class CloudError(Exception):
    """The embedded cloud cannot start, or cannot do what it was told."""

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(f"{message}\n  fix: {fix}")


def is_full_disk(error: BaseException) -> bool:
    """Whether there was no room for what had to be written."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _FULL


def unwritable(home: Path, error: OSError | sqlite3.Error) -> CloudError:
    """What it means to a person that something in a home could not be read or written."""
    if is_full_disk(error):
        return CloudError(
            f"the embedded cloud's home {home} cannot be written: the disk is full",
            fix="free space on it, or set LOCAL_CLOUD_HOME to a folder on another disk",
        )
    why = error.strerror if isinstance(error, OSError) else error
    return CloudError(
        f"the embedded cloud's home {home} cannot be written: {why}",
        fix="set LOCAL_CLOUD_HOME to a folder of yours, or remove this one to start afresh",
    )
