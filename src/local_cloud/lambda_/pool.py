"""The processes that run functions: kept warm, and never too many."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

from local_cloud.context import Cloud
from local_cloud.lambda_.workers import Invocation, Program, Result, Worker

_IDLE_SECONDS = 900.0  # AWS promises no time; a run within a quarter of an hour finds it warm


class Pool:
    """All workers: an idle one of the same program is used again."""

    def __init__(self, cloud: Cloud, scratch: Path) -> None:
        self.workers: dict[str, Worker] = {}
        self._cloud, self._scratch = cloud, scratch
        shutil.rmtree(scratch, ignore_errors=True)  # of a cloud that was killed
        self._idle: list[Worker] = []
        self._capacity = threading.Semaphore(max(4, 2 * (os.cpu_count() or 1)))
        self._lock = threading.Lock()
        threading.Thread(target=self._end_stale, daemon=True).start()

    def _end_stale(self) -> None:
        while True:
            time.sleep(_IDLE_SECONDS / 10)
            with self._lock:
                for worker in [worker for worker in self._idle if _is_stale(worker)]:
                    self._drop(worker)

    def run(self, program: Program, event: bytes) -> tuple[Result, Worker]:
        """Run one event, on a warm worker if there is one."""
        with self._capacity:
            worker = self._take(program)
            invocation = Invocation(event, program.arn, program.timeout_seconds)
            try:
                result = worker.invoke(invocation)
            finally:
                self._give_back(worker)
            return result, worker

    def _take(self, program: Program) -> Worker:
        with self._lock:
            outdated = [
                worker
                for worker in self._idle
                if not worker.is_alive
                or (worker.program.arn == program.arn and worker.program != program)
            ]
            for worker in outdated:
                self._drop(worker)
            for worker in self._idle:
                if worker.program == program:
                    self._idle.remove(worker)
                    return worker
        worker = Worker(program, self._scratch)
        self.workers[worker.id] = worker
        try:
            worker.start(self._cloud)
        except BaseException:
            del self.workers[worker.id]
            worker.stop()
            raise
        return worker

    def _drop(self, worker: Worker) -> None:
        self._idle.remove(worker)
        self.workers.pop(worker.id, None)
        worker.stop()

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            self._idle.append(worker)
            if not worker.is_alive:
                self._drop(worker)

    def stop(self) -> None:
        """End every worker."""
        for worker in list(self.workers.values()):
            worker.stop()


def _is_stale(worker: Worker) -> bool:
    return time.monotonic() - worker.idle_since > _IDLE_SECONDS
