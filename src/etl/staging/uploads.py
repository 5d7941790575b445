"""Requests side by side, no more at once than memory and S3 bear."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for

from aws.s3 import retry
from etl.figures import Figures

Request = Callable[[], object]

WAITING = 2  # requests that are ready while every thread is at work


class Uploads:
    """A pool of requests."""

    def __init__(
        self, *, concurrency: int, attempts: int, held_bytes: int, figures: Figures
    ) -> None:
        self._attempts = attempts
        self._figures = figures
        self._room_bytes = held_bytes
        self._places = threading.Semaphore(concurrency + WAITING)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="upload")
        self._in_order = ThreadPoolExecutor(1, thread_name_prefix="digest")
        self._stopped = threading.Event()
        self._futures: deque[Future[None]] = deque()
        self._failure: BaseException | None = None

    def hold(self, size: int) -> bool:
        """Whether so many bytes may wait in memory until the end."""
        if size > self._room_bytes:
            return False
        self._room_bytes -= size
        return True

    def submit(self, request: Request) -> None:
        """Make a request, as soon as there is a place for it.

        Raises:
            Exception: What an earlier request failed with.
        """
        self._places.acquire()
        self._raise_failure()
        while self._futures and self._futures[0].done():
            self._futures.popleft()
        self._futures.append(self._pool.submit(self._run, request))

    def submit_data(self, request: Request) -> None:
        """Make a request that carries data: it is timed."""
        self.submit(lambda: self._time(request))

    def submit_in_order(self, work: Callable[[], None]) -> Future[None]:
        """Do something that is no request: one after the other, as they are submitted."""
        return self._in_order.submit(work)

    def wait(self) -> None:
        """Wait until every request has succeeded, or one has failed."""
        wait_for(self._futures)
        self._raise_failure()

    def _time(self, request: Request) -> None:
        started = time.monotonic()
        request()
        self._figures.uploaded(time.monotonic() - started)

    def _run(self, request: Request) -> None:
        try:
            if self._failure is None:
                retry(request, attempts=self._attempts, wait=self._stopped.wait)
        except BaseException as error:
            self._failure = self._failure or error
        finally:
            self._places.release()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """End with no request under way; what has not begun never will."""
        self._stopped.set()
        self._pool.shutdown(cancel_futures=True)
        self._in_order.shutdown(cancel_futures=True)
