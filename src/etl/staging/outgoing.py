"""The bytes of one object on their way to S3."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING

from aws.s3 import Multipart, find_checksum, is_checksum_of, join_digests, put_bytes
from etl.figures import Figures
from etl.staging.uploads import Uploads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SPOOL_BYTES = 256 * 1024  # beyond it, a spool is a file


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where objects go, and what is known of the place.

    Attributes:
        part_bytes: Size of a multipart upload's parts.
        existing: Key → size in bytes of the objects that are there.
        metadata: What S3 is to keep beside every object; the time of upload is added.
    """

    s3: S3Client
    bucket: str
    uploads: Uploads
    figures: Figures
    part_bytes: int
    existing: Mapping[str, int]
    metadata: Mapping[str, str]

    def metadata_now(self) -> dict[str, str]:
        """The metadata of an object that is sent at this moment."""
        return {**self.metadata, "uploaded-at": datetime.now(UTC).isoformat(timespec="seconds")}


class Outgoing:
    """An object being sent; nobody sees it before `commit`.

    A long one is sent in parts while it is written, unless S3 may have it already: then it is
    spooled first, and not sent if S3 has the same. One of less than a part waits in memory, where
    there is room, and is a single request at the end.
    """

    def __init__(
        self, destination: Destination, *, key: str, content_type: str, spooled: bool = False
    ) -> None:
        """Begin an object.

        Args:
            spooled: Keep it out of memory while it is written.
        """
        self.key = key
        self.size = 0
        self.is_unchanged = False
        self._to = destination
        self._content_type = content_type
        self._whole = hashlib.sha256()
        self._hashed: Future[None] | None = None
        self._chunks: list[bytes] = []
        self._waiting_bytes = 0
        self._parts = 0
        self._body: bytes | None = None
        self._multipart: Multipart | None = None
        self._spool: IO[bytes] | None = None
        if spooled or key in destination.existing:
            self._spool = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)

    def write(self, data: bytes) -> None:
        """Add bytes."""
        self.size += len(data)
        if self._spool:
            self._spool.write(data)
            return
        while self._waiting_bytes + len(data) >= self._to.part_bytes:
            end = self._to.part_bytes - self._waiting_bytes
            self._send_part(b"".join((*self._chunks, data[:end])))
            self._chunks, self._waiting_bytes, data = [], 0, data[end:]
        if data:
            self._chunks.append(data)
            self._waiting_bytes += len(data)

    def close(self) -> None:
        """End the object: what is left of it is sent, or held."""
        if self._spool:
            self._close_spool(self._spool)
            return
        rest, self._chunks = b"".join(self._chunks), []
        if self._parts or not self._to.uploads.hold(self.size):
            if rest:
                self._send_part(rest)
        else:
            self._hold(rest)

    def commit(self) -> None:
        """Make the object visible, replacing one of the same key."""
        if self._multipart:
            self._multipart.complete()
        elif self._body is not None:
            put_bytes(
                self._to.s3,
                bucket=self._to.bucket,
                key=self.key,
                body=self._body,
                content_type=self._content_type,
                metadata=self._to.metadata_now(),
            )

    def abort(self) -> None:
        """Forget the object and what was sent of it; harmless after `commit`."""
        if self._spool:
            self._spool.close()
        if self._multipart:
            self._multipart.abort()

    @property
    def is_held(self) -> bool:
        """Whether `commit` will carry the data."""
        return self._body is not None

    @property
    def sha256(self) -> str:
        """Hex digest of all bytes, once closed."""
        if self._hashed:
            self._hashed.result()
        return self._whole.hexdigest()

    def _hold(self, body: bytes) -> None:
        self._whole.update(body)
        self._body = body
        if self._may_be_there:
            self._to.uploads.submit(self._compare_body)

    def _close_spool(self, spool: IO[bytes]) -> None:
        spool.seek(0)
        if self.size < self._to.part_bytes and self._to.uploads.hold(self.size):
            self._hold(spool.read())
        elif not (self._may_be_there and self._is_there(spool)):
            spool.seek(0)
            for part in self._read_parts(spool):
                self._send_part(part)
        spool.close()

    def _read_parts(self, spool: IO[bytes]) -> Iterator[bytes]:
        return iter(lambda: spool.read(self._to.part_bytes), b"")

    @property
    def _may_be_there(self) -> bool:
        return self._to.existing.get(self.key) == self.size

    def _compare_body(self) -> None:
        self.is_unchanged = self._has_checksum(self._whole.digest())

    def _is_there(self, spool: IO[bytes]) -> bool:
        whole, digests = hashlib.sha256(), []
        for part in self._read_parts(spool):
            whole.update(part)
            digests.append(hashlib.sha256(part).digest())
        self.is_unchanged = self._has_checksum(join_digests(digests), whole.digest())
        if self.is_unchanged:
            self._whole = whole
        return self.is_unchanged

    def _has_checksum(self, *digests: bytes) -> bool:
        checksum = find_checksum(self._to.s3, bucket=self._to.bucket, key=self.key)
        return checksum is not None and any(is_checksum_of(checksum, each) for each in digests)

    def _send_part(self, body: bytes) -> None:
        # Beside the reading of the next part, which is what the whole extraction waits for.
        self._hashed = self._to.uploads.submit_in_order(partial(self._whole.update, body))
        self._parts += 1
        if self._multipart is None:
            self._multipart = Multipart(
                self._to.s3,
                bucket=self._to.bucket,
                key=self.key,
                content_type=self._content_type,
                metadata=self._to.metadata_now(),
            )
        self._to.uploads.submit_data(partial(self._multipart.send_part, self._parts, body))
