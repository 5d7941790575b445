"""One command, from its start to its end: wall, CPU, and memory of it and its children."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_MIB = 1024**2
_WATCH_SECONDS = 0.25  # looking costs CPU, too


@dataclass(frozen=True)
class Usage:
    """Seconds, seconds of CPU with its children, MiB of resident memory at most.

    Attributes:
        memory_mib: Of it and its children together.
        own_memory_mib: Of the process alone.
        output: What it printed on standard output.
    """

    wall: float
    cpu: float
    memory_mib: float
    own_memory_mib: float
    output: str


@dataclass
class Peaks:
    """Bytes of resident memory at most so far: of a process, and with its children."""

    own: int = 0
    all: int = 0


def measure(
    command: Sequence[str], *, environ: Mapping[str, str], cwd: Path, folder: Path
) -> Usage:
    """Run it.

    Args:
        folder: For its output.

    Raises:
        SystemExit: It failed; with the end of what it printed.
    """
    printed, log = folder / "printed", folder / "log"
    with printed.open("wb") as output, log.open("wb") as errors:
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=cwd, env=environ, stdout=output, stderr=errors)
        peaks, stopped = Peaks(), threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, peaks, stopped))
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        stopped.set()
        watcher.join()
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{log.read_text()[-4000:]}")
    return Usage(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        memory_mib=peaks.all / _MIB,
        own_memory_mib=peaks.own / _MIB,
        output=printed.read_text(),
    )


def _watch(pid: int, peaks: Peaks, stopped: threading.Event) -> None:
    while not stopped.wait(_WATCH_SECONDS):
        try:
            top = psutil.Process(pid)
            own, children = _memory(top), map(_memory, top.children(recursive=True))
        except psutil.Error:
            continue
        peaks.own = max(peaks.own, own)
        peaks.all = max(peaks.all, own + sum(children))


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
