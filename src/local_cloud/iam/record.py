"""Which role did what: one JSON line for each distinct call."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

VARIABLE = "LOCAL_CLOUD_ACCESS_LOG"
_REMEMBERED = 200_000
_KEPT_BYTES = 20_000_000


@dataclass(frozen=True)
class Call:
    """One action on one resource.

    Attributes:
        role: The ARN of the role, or of the user, that called.
        context: What the request says for conditions, without what each request has (the time).
    """

    role: str
    action: str
    resource: str
    context: Mapping[str, str | list[str]] = field(default_factory=dict)
    allowed: bool = True


def log_path(home: Path) -> Path:
    """Where calls are recorded.

    LOCAL_CLOUD_ACCESS_LOG names a file, or a folder in which each process has its own. Otherwise it
    is iam/calls.jsonl in the home, which begins anew when it has grown large.
    """
    if named := os.environ.get(VARIABLE):
        path = Path(named)
        return path / f"{os.getpid()}.jsonl" if path.is_dir() else path
    path = home / "iam" / "calls.jsonl"
    if path.exists() and path.stat().st_size > _KEPT_BYTES:
        path.unlink()
    return path


class Recorder:
    """Appends each distinct call once a process, a whole line at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._seen: set[int] = set()
        self._lock = threading.Lock()

    def record(self, call: Call) -> None:
        """Note a call."""
        line = json.dumps(asdict(call), sort_keys=True) + "\n"
        seen = hash(line)
        if seen in self._seen:
            return
        with self._lock:
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()  # a line that comes twice does less harm than memory without end
            self._seen.add(seen)
            if self._file is None:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                self._file = os.open(self._path, flags, 0o600)
            os.write(
                self._file, line.encode()
            )  # one write to a file that is appended to: no mixture
