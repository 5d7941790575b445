"""Raw objects as lines, some thousands at a time."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from isal import igzip

from aws.s3.ranges import RangeFile
from etl.corrections import payload_digest
from etl.errors import TransformError
from etl.formats.compression import BROKEN_GZIP
from etl.keys import parse_s3_uri
from etl.manifest import RawObject
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BYTES_AT_ONCE = 4 * 1024 * 1024
_INT32 = struct.Struct("=i")
_SCHEMA = pa.schema([("$line", pa.string()), ("$object", pa.int32())])


class Lines:
    """The lines of an extraction.

    Attributes:
        corrected: How many lines of the last reading have people's corrections in their place.
    """

    def __init__(
        self,
        s3: S3Client,
        objects: Sequence[RawObject],
        *,
        is_gzip: bool,
        corrections: Mapping[str, str],
    ) -> None:
        self._s3 = s3
        self._objects = objects
        self._is_gzip = is_gzip
        self._corrections = corrections
        self._failure: BaseException | None = None
        self.corrected = 0

    def read(self, bytes_at_once: int = _BYTES_AT_ONCE) -> Iterator[pa.RecordBatch]:
        """Batches of "$line": text, "$object": the number of its object, from 0, in their order.

        Args:
            bytes_at_once: Of a request, and of a batch's text; more where one line has more.
        """
        self.corrected = 0
        for number, raw in enumerate(self._objects):
            bucket, key = parse_s3_uri(raw.uri)
            with explain_storage_errors(raw.uri), _explained(raw.uri):
                file = RangeFile(self._s3, bucket=bucket, key=key)
                with io.BufferedReader(file, bytes_at_once) as body:
                    for text in _split(body, bytes_at_once, is_gzip=self._is_gzip):
                        yield self._batch(text, number)

    @contextmanager
    def reader(self) -> Iterator[pa.RecordBatchReader]:
        """The same for an engine, which would hide what reading fails with."""
        self._failure = None
        try:
            yield pa.RecordBatchReader.from_batches(_SCHEMA, self._kept_failure())
        except Exception:
            if self._failure is not None:
                raise self._failure from None
            raise

    def _kept_failure(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self.read()
        except Exception as error:
            self._failure = error
            raise

    def _batch(self, text: bytes, number: int) -> pa.RecordBatch:
        if self._corrections:
            lines = pa.array([self._corrected(each) for each in text.split(b"\n")], pa.binary())
        else:
            lines = pc.split_pattern(_as_array(text), "\n").flatten()
        numbers = pa.py_buffer(_INT32.pack(number) * len(lines))
        numbers = pa.Array.from_buffers(pa.int32(), len(lines), [None, numbers])
        return pa.record_batch([lines.cast(pa.string()), numbers], schema=_SCHEMA)

    def _corrected(self, line: bytes) -> bytes:
        correction = self._corrections.get(payload_digest(line.decode()))
        if correction is None:
            return line
        self.corrected += 1
        return correction.encode()


def _as_array(text: bytes) -> pa.Array:
    """An array of one value, made of buffers: Arrow imports pandas to look at Python's objects."""
    ends = pa.py_buffer(_INT32.pack(0) + _INT32.pack(len(text)))
    return pa.Array.from_buffers(pa.binary(), 1, [None, ends, pa.py_buffer(text)])


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    try:
        yield
    except BROKEN_GZIP as error:
        raise TransformError(
            f"{uri} is no whole gzip file: {error}", fix="extract it again, with the same command"
        ) from error


def _split(body: BinaryIO, bytes_at_once: int, *, is_gzip: bool) -> Iterator[bytes]:
    """Whole lines, many at a time; the last one's line break is left out."""
    stream = igzip.GzipFile(fileobj=body) if is_gzip else body
    parts: list[bytes] = []
    while text := stream.read(bytes_at_once):
        whole, line_break, rest = text.rpartition(b"\n")
        if line_break:
            yield b"".join([*parts, whole])
            parts = []
        parts.append(rest)
    if last := b"".join(parts):
        yield last
