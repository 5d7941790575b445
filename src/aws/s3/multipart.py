"""Send one object in parts, side by side, that appears whole or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from aws.s3.checksums import (
    ChecksumError,
    encode_digest,
    find_checksum,
    is_checksum_of,
    join_digests,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MIN_PART_MIB = 5  # S3 refuses smaller parts, except the last
MAX_PARTS = 10_000


class Multipart:
    """An object being sent. Nobody sees it before `complete`.

    Parts may come from several threads and in any order, and the same part again. Each carries
    its SHA-256, which S3 checks before it keeps the part.
    """

    def __init__(
        self,
        client: S3Client,
        *,
        bucket: str,
        key: str,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._content_type = content_type
        self._metadata = dict(metadata or {})
        self._lock = threading.Lock()
        self._upload_id: str | None = None
        self._parts: dict[int, tuple[str, bytes]] = {}

    def send_part(self, number: int, body: bytes) -> None:
        """Send the part that stands at `number`, the first at 1."""
        if number > MAX_PARTS:
            raise ValueError(f"s3://{self._bucket}/{self._key} needs more than {MAX_PARTS} parts")
        digest = hashlib.sha256(body).digest()
        checksum = encode_digest(digest)
        answer = self._client.upload_part(
            Bucket=self._bucket,
            Key=self._key,
            UploadId=self._start(),
            PartNumber=number,
            Body=body,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=checksum,
        )
        if answer.get("ChecksumSHA256", checksum) != checksum:
            raise ChecksumError(f"part {number} of s3://{self._bucket}/{self._key}")
        self._parts[number] = answer["ETag"], digest

    def complete(self) -> None:
        """Make the object visible, replacing one of the same key.

        Raises:
            ChecksumError: S3 has put together something else.
        """
        parts: list[CompletedPartTypeDef] = [
            {
                "PartNumber": number,
                "ETag": etag,
                "ChecksumSHA256": encode_digest(digest),
            }
            for number, (etag, digest) in sorted(self._parts.items())
        ]
        try:
            answer = self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._start(),
                MultipartUpload={"Parts": parts},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchUpload" or not self._is_there():
                raise
        else:
            if not is_checksum_of(
                answer.get("ChecksumSHA256", encode_digest(self.digest)), self.digest
            ):
                raise ChecksumError(f"s3://{self._bucket}/{self._key} is not what was sent")
        self._upload_id = None

    def abort(self) -> None:
        """Forget what was sent; harmless after `complete`."""
        if self._upload_id is not None:
            self._client.abort_multipart_upload(
                Bucket=self._bucket, Key=self._key, UploadId=self._upload_id
            )
            self._upload_id = None

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the parts' SHA-256s."""
        return join_digests(digest for _, (_, digest) in sorted(self._parts.items()))

    def _is_there(self) -> bool:
        """Whether an earlier try succeeded though its answer was lost."""
        checksum = find_checksum(self._client, bucket=self._bucket, key=self._key)
        return checksum is not None and is_checksum_of(checksum, self.digest)

    def _start(self) -> str:
        with self._lock:
            if self._upload_id is None:
                self._upload_id = self._client.create_multipart_upload(
                    Bucket=self._bucket,
                    Key=self._key,
                    ContentType=self._content_type,
                    Metadata=self._metadata,
                    ChecksumAlgorithm="SHA256",
                )["UploadId"]
            return self._upload_id
