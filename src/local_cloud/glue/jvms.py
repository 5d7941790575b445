"""The driver JVMs of one embedded cloud: each of one job run, unless it is kept for the next."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

from local_cloud.context import Cloud
from local_cloud.glue.jvm import CONNECTION, Jvm, memory_mib, start_jvm, temporary_folder

_KEEP_VARIABLE = "LOCAL_CLOUD_GLUE_KEEP_JVM_SECONDS"
_END_SECONDS = 120
_ARCHIVE_SECONDS = 10  # less than `down` waits; a cut archive is made by the next run


class Jvms:
    """Gives JVMs to job runs.

    On AWS each run has its own driver, and so it is here, unless LOCAL_CLOUD_GLUE_KEEP_JVM_SECONDS
    is set: then a JVM whose script has ended by itself waits so long for another run, which saves
    that one most of its start.

    Attributes:
        keeps: Whether it is so.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._keep_seconds = float(os.environ.get(_KEEP_VARIABLE) or 0)
        self.keeps = self._keep_seconds > 0
        self._lock = threading.Lock()
        self._idle: list[Jvm] = []
        self._ending: list[threading.Thread] = []

    def take(self, *, folder: Path, extra_jars: list[Path], worker_type: str | None) -> Jvm:
        """A JVM for a run alone: one that was kept, or one that is starting.

        Args:
            folder: The run's.
        """
        wanted_mib = memory_mib(worker_type)
        with self._lock:
            for jvm in [] if extra_jars else self._idle:
                if jvm.memory_mib == wanted_mib and jvm.child.poll() is None:
                    self._idle.remove(jvm)
                    return jvm
        return start_jvm(self._cloud, folder=folder, extra_jars=extra_jars, memory_mib=wanted_mib)

    def keep(self, jvm: Jvm) -> None:
        """Take back a JVM in which nothing of the run is left."""
        with self._lock:
            self._idle.append(jvm)
        timer = threading.Timer(self._keep_seconds, self._expire, args=(jvm,))
        timer.daemon = True
        timer.start()

    def end(self, jvm: Jvm) -> None:
        """End a JVM in order: a first one writes the class archive, and nobody waits for that."""
        jvm.child.terminate()
        thread = threading.Thread(target=_wait_or_kill, args=(jvm,), daemon=True)
        self._ending = [each for each in self._ending if each.is_alive()] + [thread]
        thread.start()

    def stop(self) -> None:
        """End what is kept, and wait a little for what is ending."""
        with self._lock:
            kept, self._idle = self._idle, []
        for jvm in kept:
            self.end(jvm)
        deadline = time.monotonic() + _ARCHIVE_SECONDS
        for thread in self._ending:
            thread.join(timeout=max(0, deadline - time.monotonic()))

    def _expire(self, jvm: Jvm) -> None:
        with self._lock:
            if jvm not in self._idle:
                return
            self._idle.remove(jvm)
        self.end(jvm)


def kill(jvm: Jvm) -> None:
    """End a JVM at once."""
    jvm.child.kill()
    jvm.child.wait()
    remove_traces(jvm.folder)


def _wait_or_kill(jvm: Jvm) -> None:
    try:
        jvm.child.wait(timeout=_END_SECONDS)
        remove_traces(jvm.folder)
    except subprocess.TimeoutExpired:
        kill(jvm)


def remove_traces(folder: Path) -> None:
    """Keep the log of the JVM that was started in a run's folder; the connection is secret."""
    shutil.rmtree(temporary_folder(folder), ignore_errors=True)
    (folder / CONNECTION).unlink(missing_ok=True)
