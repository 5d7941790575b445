"""What a writer has done so far, to be shown while it works and at its end."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Figures:
    """Counts that several threads may add to, and several writers one after the other.

    Attributes:
        records: Taken from the source, whether or not they could be written.
        bytes: Encoded for S3.
        errors: Records that the raw format refused.
        objects: Raw objects that are complete.
        unchanged: Of those, how many S3 had already, so that they were not sent.
        uploads: Requests that carried data: a whole object, or one part of a large one.
        upload_seconds: What all of those took, added up though they ran side by side.
        last_upload_seconds: What the latest of them took.
        started: When counting began, by `time.monotonic`.
    """

    records: int = 0
    bytes: int = 0
    errors: int = 0
    objects: int = 0
    unchanged: int = 0
    uploads: int = 0
    upload_seconds: float = 0.0
    last_upload_seconds: float = 0.0
    started: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def count(
        self,
        *,
        records: int = 0,
        size: int = 0,
        errors: int = 0,
        objects: int = 0,
        unchanged: int = 0,
    ) -> None:
        """Add to the counts; `size` is in bytes."""
        with self._lock:
            self.records += records
            self.bytes += size
            self.errors += errors
            self.objects += objects
            self.unchanged += unchanged

    def uploaded(self, seconds: float) -> None:
        """Note a request that carried data."""
        with self._lock:
            self.uploads += 1
            self.upload_seconds += seconds
            self.last_upload_seconds = seconds

    @property
    def mean_upload_seconds(self) -> float:
        """What a request that carried data took on average; 0 before the first."""
        return self.upload_seconds / self.uploads if self.uploads else 0.0

    @property
    def seconds(self) -> float:
        """Time since counting began."""
        return time.monotonic() - self.started

    @property
    def records_per_second(self) -> float:
        """Throughput since counting began."""
        return self.records / max(self.seconds, 1e-9)

    @property
    def bytes_per_second(self) -> float:
        """Throughput since counting began, in encoded bytes."""
        return self.bytes / max(self.seconds, 1e-9)
