"""Extract → raw: records into gzip JSON lines on S3, all of them or none.

How a reader is kept from an old manifest beside new parts: while records stream in, parts are sent
as S3 multipart uploads that nobody can see. Only when the source has ended well are they made
visible, in this order:

1. the old manifest is deleted: the extraction does not exist;
2. the parts appear, each whole, under the names that every extraction of the date uses;
3. parts of an earlier extraction that this one does not have are deleted;
4. the new manifest is written: the extraction exists.

So a source that fails midway leaves the earlier extraction as it was, and a process that dies
between 1 and 4 leaves none, which the next run makes good. A reader that took the old manifest
before 1 can tell by the row counts, sizes and digests in it, and by `Manifest.digest`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING

from aws.s3 import Upload, delete_objects, iter_objects
from etl.keys import MANIFEST_NAME, is_part_name, manifest_uri, parse_s3_uri, part_name, raw_prefix
from etl.manifest import Manifest, RawObject, write_manifest
from etl.model import Contract
from etl.sources.records import Item, Lines
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Progress = Callable[[int, int], None]

_MIB = 1024 * 1024
_BATCH_BYTES = 256 * 1024
_GZIP_LEVEL = 3
_GZIP_WINDOW = zlib.MAX_WBITS | 16  # "| 16" asks zlib for gzip, with a time stamp of 0


def stage_raw(
    items: Iterable[Item],
    *,
    s3: S3Client,
    contract: Contract,
    run_date: date,
    contract_uri: str,
    part_mib: int = 64,
    on_progress: Progress | None = None,
) -> Manifest:
    """Stream items to the run's raw prefix and write its manifest last.

    The same items give the same bytes and the same manifest. Memory is bounded by one
    multipart chunk, however many come.

    Args:
        items: What the source yields.
        contract_uri: Where the compiled contract of this run lies; noted in the manifest.
        part_mib: Compressed size at which the next part begins.
        on_progress: Called now and then, and at the end, with the rows and the compressed bytes
            so far.

    Raises:
        StorageError: The bucket is missing or refuses access.
    """
    prefix = raw_prefix(contract, run_date)
    with explain_storage_errors(prefix), ExitStack() as uploads:
        bucket, key_prefix = parse_s3_uri(prefix)
        # Listing first also shows that the bucket can be used, before a day's data is fetched.
        earlier = _list_parts(s3, bucket, key_prefix)
        parts = _Parts(s3, prefix, part_mib * _MIB, uploads, on_progress)
        for item in items:
            if isinstance(item, bytes):
                parts.add(item)
            elif isinstance(item, Lines):
                for record in item.data.split(b"\n")[:-1]:
                    parts.add(record)
        parts.finish()
        delete_objects(s3, bucket=bucket, keys=[key_prefix + MANIFEST_NAME])
        objects = parts.commit()
        kept = {parse_s3_uri(each.uri)[1] for each in objects}
        delete_objects(s3, bucket=bucket, keys=sorted(earlier - kept))
    manifest = Manifest(
        dataset=contract.dataset,
        run_date=run_date,
        source=contract.source.name,
        encoding=contract.source.encoding,
        objects=objects,
        rows=sum(each.rows for each in objects),
        bytes=sum(each.bytes for each in objects),
        contract_uri=contract_uri,
    )
    write_manifest(s3, manifest_uri(contract, run_date), manifest)
    return manifest


class _Parts:
    """The parts of one extraction, sent but not visible until `commit`."""

    def __init__(
        self,
        s3: S3Client,
        prefix: str,
        part_bytes: int,
        uploads: ExitStack,
        on_progress: Progress | None,
    ) -> None:
        self._s3 = s3
        self._bucket, self._prefix = parse_s3_uri(prefix)
        self._part_bytes = part_bytes
        self._uploads = uploads
        self._on_progress = on_progress
        self._parts: list[_Part] = []
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._rows = 0

    def add(self, record: bytes) -> None:
        """Take one record."""
        if b"\n" in record:
            raise ValueError(f"a record holds a newline: {record[:80]!r}")
        self._batch.append(record)
        self._batch_bytes += len(record) + 1
        if self._batch_bytes >= _BATCH_BYTES:
            self._compress_batch()

    def finish(self) -> None:
        """Compress and send what is left."""
        if self._batch:
            self._compress_batch()
        if self._parts:
            self._parts[-1].end()
        self._report()

    def commit(self) -> tuple[RawObject, ...]:
        """Make every part visible."""
        return tuple(part.commit() for part in self._parts)

    def _compress_batch(self) -> None:
        part = self._open_part()
        part.write(self._batch)
        self._rows += len(self._batch)
        self._batch.clear()
        self._batch_bytes = 0
        if part.upload.size >= self._part_bytes:
            part.end()
            part.upload.flush()
        self._report()

    def _open_part(self) -> _Part:
        if not self._parts or self._parts[-1].ended:
            key = self._prefix + part_name(len(self._parts))
            upload = Upload(self._s3, bucket=self._bucket, key=key, content_type="application/gzip")
            self._parts.append(_Part(self._uploads.enter_context(upload)))
        return self._parts[-1]

    def _report(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self._rows, sum(part.upload.size for part in self._parts))


class _Part:
    """One gzip file of JSON lines on its way to S3."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self.ended = False
        self._rows = 0
        self._gzip = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)

    def write(self, records: list[bytes]) -> None:
        self._rows += len(records)
        self.upload.write(self._gzip.compress(b"\n".join(records) + b"\n"))

    def end(self) -> None:
        """Close the gzip stream."""
        if not self.ended:
            self.upload.write(self._gzip.flush())
            self.ended = True

    def commit(self) -> RawObject:
        sent = self.upload.commit()
        uri = f"s3://{sent.bucket}/{sent.key}"
        return RawObject(uri=uri, bytes=sent.size, sha256=sent.sha256, rows=self._rows)


def _list_parts(s3: S3Client, bucket: str, prefix: str) -> set[str]:
    found = iter_objects(s3, bucket=bucket, prefix=prefix)
    return {each.key for each in found if is_part_name(each.key.removeprefix(prefix))}
