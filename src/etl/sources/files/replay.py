"""Read a file's records again from what an earlier run of the date has staged of it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from aws.s3 import head_object, open_object
from etl.errors import SourceError
from etl.keys import manifest_uri, parse_s3_uri
from etl.manifest import RawObject, find_manifest
from etl.model import Contract
from etl.sources.files.compression import decompressed
from etl.sources.files.json_lines import read_json_lines
from etl.sources.files.ledger import TakenFile
from etl.sources.files.options import FileOptions
from etl.sources.files.reading import read_file
from etl.sources.files.stores import Store
from etl.sources.records import Lines
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NO_LIMIT = 1 << 62  # a record that was staged is a record


def replay_file(
    file: TakenFile,
    *,
    contract: Contract,
    run_date: date,
    options: FileOptions,
    s3: S3Client,
    store: Store,
) -> Iterator[Lines]:
    """The records of a file that is gone, or is another one by now.

    They are read from the raw objects of the earlier run or, where the file was moved and raw is
    not JSON lines, from the file where it is now.

    Args:
        s3: For raw.
        store: Where the source's files are.

    Raises:
        SourceError: Nothing is left of the file.
    """
    if contract.raw.format == "jsonl":
        earlier = find_manifest(s3, manifest_uri(contract, run_date))
        staged = [each for each in earlier.objects if each.source == file.uri] if earlier else []
        for objects in (file.objects, staged):
            if sum(each.rows for each in objects) == file.rows and _all_there(objects, s3):
                yield from _read_raw(objects, s3)
                return
    moved = store.find(file.completed) if file.completed else None
    if moved is None or moved.found.size != file.size:
        raise SourceError(
            f"{file.uri}, which the run of {run_date} took before, is gone, and what was staged of "
            "it is not complete",
            fix="put the file back, or the earlier version of its raw objects",
        )
    yield from read_file(moved, contract=contract, options=options)


def _all_there(objects: Sequence[RawObject], s3: S3Client) -> bool:
    for each in objects:
        bucket, key = parse_s3_uri(each.uri)
        with explain_storage_errors(each.uri):
            found = head_object(s3, bucket=bucket, key=key)
        if found is None or found.size != each.bytes:
            return False
    return True


def _read_raw(objects: Sequence[RawObject], s3: S3Client) -> Iterator[Lines]:
    for each in objects:
        bucket, key = parse_s3_uri(each.uri)
        with explain_storage_errors(each.uri):
            body = open_object(s3, bucket=bucket, key=key)
        with body, _Digested(body) as digested:
            with decompressed(io.BufferedReader(digested), name=each.uri) as plain:
                yield from read_json_lines(plain, name=each.uri, limit_bytes=_NO_LIMIT)
            if digested.digest.hexdigest() != each.sha256:
                raise SourceError(
                    f"{each.uri} is not what was staged there: its SHA-256 is another",
                    fix="restore the earlier version of the object",
                )


class _Digested(io.RawIOBase):
    """A stream whose bytes are digested while they are read."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self.digest = hashlib.sha256()
        self._stream = stream

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` as far as the stream goes."""
        size = self._stream.readinto(buffer)
        self.digest.update(memoryview(buffer)[:size])
        return size
