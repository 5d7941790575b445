"""Where a transform keeps files while it is at work."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "prefect-aws-etl-transform-"
_LOCK = ".lock"  # of the folder beside it: held for as long as its process lives


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder below TMPDIR, gone afterwards; those of processes that were killed go first."""
    above = Path(tempfile.gettempdir())
    _remove_abandoned(above)
    number, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_LOCK, dir=above)
    lock, folder = Path(name), Path(name.removesuffix(_LOCK))
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(number)


def _remove_abandoned(above: Path) -> None:
    for lock in above.glob(f"{_PREFIX}*{_LOCK}"):
        try:
            with lock.open() as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink(missing_ok=True)
        except OSError:
            continue  # at work, or another user's
