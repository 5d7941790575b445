"""Runs of flows/stream_to_s3.py as processes of their own, and what they leave on S3."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, str(ROOT / "flows" / "stream_to_s3.py"))


class StreamProcess:
    """A stream that reads a pipe.

    Attributes:
        acknowledged: What it has said so far, line by line.
    """

    def __init__(self, *options: str, environ: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "--json", *options],
            env={**os.environ, **(environ or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.acknowledged: list[dict[str, Any]] = []
        self.said: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_acknowledgements, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for each in self._readers:
            each.start()

    @property
    def input(self) -> IO[bytes]:
        """Where it reads."""
        assert self.process.stdin
        return self.process.stdin

    def has_begun(self) -> bool:
        """Whether it listens to signals: it has said something."""
        return bool(self.said)

    def wait(self, seconds: float) -> int:
        """The exit code, within this time."""
        code = self.process.wait(seconds)
        for each in self._readers:
            each.join()
        return code

    def records(self) -> int:
        """How many records it has acknowledged."""
        return self.acknowledged[-1]["records_total"] if self.acknowledged else 0

    def objects(self) -> list[str]:
        """The data objects that it has acknowledged, in order."""
        return [uri for each in self.acknowledged for uri in each["objects"]]

    def _read_acknowledgements(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.acknowledged.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr
        self.said.extend(line.decode() for line in self.process.stderr)


class SlowProducer:
    """Writes records to a pipe, cut anywhere, until nobody reads them any more.

    Attributes:
        sent: The records that were completed, the last ones maybe unread.
    """

    def __init__(self, target: IO[bytes], *, seed: int) -> None:
        self.sent: list[bytes] = []
        self._target = target
        self._chance = random.Random(seed)
        self._seed = seed
        self._thread = threading.Thread(target=self._produce, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until nobody reads."""
        self._thread.join()

    def _produce(self) -> None:
        waiting = b""
        try:
            while True:
                record = b'{"producer":%d,"n":%d}\n' % (self._seed, len(self.sent))
                waiting += record
                cut = self._chance.randint(1, len(waiting))
                os.write(self._target.fileno(), waiting[:cut])
                waiting = waiting[cut:]
                self.sent.append(record)
                if self._chance.random() < 0.2:
                    time.sleep(self._chance.random() / 50)
        except BrokenPipeError:
            return


def wait_until(condition: Any, *, seconds: float = 60) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)
