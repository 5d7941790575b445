"""Read parts of an object as a seekable file, so that only what is asked for travels."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from botocore.exceptions import ClientError

from aws.s3.bodies import read_whole

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TAIL_BYTES = 64 * 1024


class _Object(TypedDict):
    Bucket: str
    Key: str
    VersionId: NotRequired[str]


class RangeFile(io.RawIOBase):
    """An object as a read-only seekable file over ranged GETs.

    Opening fetches the object's tail in one request (Parquet keeps its footer there) and learns
    its size and ETag from it. Later reads ask for exactly their bytes of that same version of the
    object. It is not thread-safe: one reader at a time.

    Attributes:
        size: The object's size in bytes.
        fetched_bytes: How many bytes have travelled so far.
    """

    def __init__(
        self,
        client: S3Client,
        *,
        bucket: str,
        key: str,
        etag: str | None = None,
        version_id: str | None = None,
        tail_bytes: int = TAIL_BYTES,
    ) -> None:
        """Open the object.

        Args:
            etag: Of the version to read; None for whatever is there.
            version_id: Which version to read, in a bucket that keeps them; None for the current.

        Raises:
            ClientError: There is no such object or version, or S3 refuses access;
                "PreconditionFailed" if the object is another one than `etag` says.
        """
        self._client = client
        self._object: _Object = {"Bucket": bucket, "Key": key}
        if version_id is not None:
            self._object["VersionId"] = version_id
        self._position = 0
        self._tail, self.size, self._etag = self._fetch_tail(tail_bytes, etag)
        self.fetched_bytes = len(self._tail)

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position in bytes from the start."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position; costs no request."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes, to the end if negative; fewer only at the end of the object."""
        wanted = self.size if size is None or size < 0 else self._position + size
        end = min(wanted, self.size)
        if end <= self._position:
            return b""
        chunk = self._range(self._position, end)
        self._position = end
        return chunk

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` as far as the object goes."""
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _range(self, start: int, end: int) -> bytes:
        tail_start = self.size - len(self._tail)
        if start >= tail_start:
            return self._tail[start - tail_start : end - tail_start]
        _, chunk = read_whole(
            lambda: self._client.get_object(
                **self._object, Range=f"bytes={start}-{end - 1}", IfMatch=self._etag
            )
        )
        self.fetched_bytes += len(chunk)
        return chunk

    def _fetch_tail(self, tail_bytes: int, etag: str | None) -> tuple[bytes, int, str]:
        condition: Any = {"IfMatch": f'"{etag}"'} if etag else {}
        try:
            answer, tail = read_whole(
                lambda: self._client.get_object(
                    **self._object, Range=f"bytes=-{tail_bytes}", **condition
                )
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidRange":  # an empty object has no tail
                return b"", 0, ""
            raise
        size = int(answer.get("ContentRange", f"/{len(tail)}").rpartition("/")[2])
        return tail, size, answer["ETag"]
