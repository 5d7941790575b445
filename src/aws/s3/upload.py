"""Write one object as a stream, in bounded memory, that appears whole or not at all."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MIN_PART_MIB = 5  # S3 refuses smaller parts, except the last
MAX_PARTS = 10_000
_MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class UploadedObject:
    """What was sent; `sha256` is the hex digest of all of its bytes."""

    bucket: str
    key: str
    size: int
    sha256: str


class Upload:
    """An object being written. Nothing is visible on S3 before `commit`.

    Up to one part is held in memory; what is longer goes to S3 as a multipart upload. Every part
    carries its SHA-256, which S3 checks. As a context manager it aborts what was not committed:

        with Upload(client, bucket="b", key="k") as upload:
            upload.write(chunk)
            upload.commit()
    """

    def __init__(
        self,
        client: S3Client,
        *,
        bucket: str,
        key: str,
        part_mib: int = 8,
        content_type: str = "application/octet-stream",
    ) -> None:
        if part_mib < MIN_PART_MIB:
            raise ValueError(f"part_mib must be at least {MIN_PART_MIB}, got {part_mib}")
        self.bucket = bucket
        self.key = key
        self.size = 0
        self._client = client
        self._part_bytes = part_mib * _MIB
        self._content_type = content_type
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._upload_id: str | None = None
        self._parts: list[CompletedPartTypeDef] = []
        self._committed = False

    def write(self, chunk: bytes) -> None:
        """Add bytes; sends a part whenever one is full."""
        self.size += len(chunk)
        self._digest.update(chunk)
        self._buffer += chunk
        while len(self._buffer) >= self._part_bytes:
            self._send_part(bytes(self._buffer[: self._part_bytes]))
            del self._buffer[: self._part_bytes]

    def flush(self) -> None:
        """Send what is held in memory, as the last part: only `commit` or `abort` may follow."""
        if self._buffer:
            self._send_part(bytes(self._buffer))
            self._buffer.clear()

    def commit(self) -> UploadedObject:
        """Make the object visible, replacing one of the same key."""
        if self._upload_id is None:
            self._put_whole()
        else:
            self.flush()
            self._client.complete_multipart_upload(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=self._upload_id,
                MultipartUpload={"Parts": self._parts},
            )
        self._committed = True
        return UploadedObject(bucket=self.bucket, key=self.key, size=self.size, sha256=self.sha256)

    def abort(self) -> None:
        """Forget the object and whatever was sent of it; harmless after `commit`."""
        self._buffer.clear()
        if self._upload_id is not None and not self._committed:
            self._client.abort_multipart_upload(
                Bucket=self.bucket, Key=self.key, UploadId=self._upload_id
            )
            self._upload_id = None

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes written so far."""
        return self._digest.hexdigest()

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A failing abort must not hide why the upload failed; a bucket's lifecycle rule tidies up.
        with suppress(*(() if error is None else (BotoCoreError, ClientError))):
            self.abort()

    def _put_whole(self) -> None:
        self._client.put_object(
            Bucket=self.bucket,
            Key=self.key,
            Body=bytes(self._buffer),
            ContentType=self._content_type,
            ChecksumSHA256=base64.b64encode(self._digest.digest()).decode(),
        )

    def _send_part(self, body: bytes) -> None:
        number = len(self._parts) + 1
        if number > MAX_PARTS:
            raise ValueError(
                f"s3://{self.bucket}/{self.key} needs more than {MAX_PARTS} parts: raise part_mib"
            )
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        answer = self._client.upload_part(
            Bucket=self.bucket,
            Key=self.key,
            UploadId=self._start(),
            PartNumber=number,
            Body=body,
            ChecksumSHA256=checksum,
        )
        self._parts.append(
            {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}
        )

    def _start(self) -> str:
        if self._upload_id is None:
            self._upload_id = self._client.create_multipart_upload(
                Bucket=self.bucket,
                Key=self.key,
                ContentType=self._content_type,
                ChecksumAlgorithm="SHA256",
            )["UploadId"]
        return self._upload_id
