"""Where a layer's files lie: under an S3 prefix, or in a folder; one protocol for both.

S3 is read and written by the environment's own boto3 client, not by Arrow's S3 filesystem: its
profile, role, endpoint and retries hold, and a file can be read by its version.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, cast

import pyarrow as pa
from botocore.exceptions import ClientError

from aws.s3 import delete_objects, iter_objects
from aws.s3.ranges import RangeFile
from aws.s3.versions import iter_current_versions
from etl.errors import StorageError
from etl.keys import parse_s3_uri
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_GONE = {"404", "412", "NoSuchKey", "NoSuchVersion", "PreconditionFailed"}


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file as it was found.

    Attributes:
        uri: s3:// URI, or path.
        size: In bytes.
        etag: Changes when the content does; None if it is not known.
        version_id: What S3 can give it back by after it was replaced; None where nothing can.
    """

    uri: str
    size: int
    etag: str | None = None
    version_id: str | None = None


class Store(Protocol):
    """Lists, reads and writes files. Failures are `StorageError`."""

    def find(self, prefix: str, *, with_versions: bool = False) -> Iterator[StoredFile]:
        """Every file under the prefix, in order of names."""

    def open(self, file: StoredFile) -> IO[bytes]:
        """The file, seekable; refused if it is not the one that was found."""

    def write(self, uri: str, body: pa.Buffer) -> None:
        """Write a file, which appears whole or not at all."""

    def delete(self, uris: Iterable[str]) -> None:
        """Delete files; one that does not exist is no error."""


def replaced_error(file: StoredFile) -> StorageError:
    """What to say of a file that is not the one that was found."""
    if not file.uri.startswith("s3://"):
        return StorageError(
            f"{file.uri} has been replaced or deleted since",
            fix="load what is there now: folders keep no versions",
        )
    bucket, _ = parse_s3_uri(file.uri)
    if file.version_id is not None:
        return StorageError(
            f"version {file.version_id} of {file.uri} is gone",
            fix=f"load another version, or let s3://{bucket} keep old versions for longer",
        )
    return StorageError(
        f"this version's files have been replaced: {file.uri} is another one or gone",
        fix=f"load what is there now; turn on versioning for s3://{bucket} to keep what is"
        " replaced from then on",
    )


class S3Store:
    """Files under s3:// prefixes."""

    def __init__(self, s3: S3Client) -> None:
        self._s3 = s3

    def find(self, prefix: str, *, with_versions: bool = False) -> Iterator[StoredFile]:
        """Every object under the prefix, in key order."""
        bucket, folder = parse_s3_uri(prefix)
        with explain_storage_errors(prefix):
            if with_versions:
                for found in iter_current_versions(self._s3, bucket=bucket, prefix=folder):
                    yield StoredFile(
                        uri=f"s3://{bucket}/{found.key}",
                        size=found.size,
                        etag=found.etag,
                        version_id=found.version_id,
                    )
                return
            for each in iter_objects(self._s3, bucket=bucket, prefix=folder):
                yield StoredFile(uri=f"s3://{bucket}/{each.key}", size=each.size, etag=each.etag)

    def open(self, file: StoredFile) -> IO[bytes]:
        """The object by ranges, each of the version that was found."""
        bucket, key = parse_s3_uri(file.uri)
        with _explained(file):
            opened = RangeFile(
                self._s3,
                bucket=bucket,
                key=key,
                etag=None if file.version_id else file.etag,
                version_id=file.version_id,
            )
        return cast(IO[bytes], opened)

    def write(self, uri: str, body: pa.Buffer) -> None:
        """Write an object, in parts if it is large; S3 checks the checksums."""
        bucket, key = parse_s3_uri(uri)
        with explain_storage_errors(uri):
            self._s3.upload_fileobj(
                pa.BufferReader(body), bucket, key, ExtraArgs={"ChecksumAlgorithm": "SHA256"}
            )

    def delete(self, uris: Iterable[str]) -> None:
        """Delete objects of one bucket."""
        places = [parse_s3_uri(uri) for uri in uris]
        for bucket in {bucket for bucket, _ in places}:
            with explain_storage_errors(f"s3://{bucket}/"):
                delete_objects(self._s3, bucket=bucket, keys=[k for b, k in places if b == bucket])


@contextmanager
def _explained(file: StoredFile) -> Iterator[None]:
    try:
        with explain_storage_errors(file.uri):
            yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        raise replaced_error(file) from error
    except StorageError as error:
        if isinstance(error.__cause__, ClientError) and (
            error.__cause__.response["Error"]["Code"] in _GONE
        ):
            raise replaced_error(file) from error
        raise


class FolderStore:
    """Files in folders; every path is absolute."""

    def find(self, prefix: str, *, with_versions: bool = False) -> Iterator[StoredFile]:
        """Every file in the folder, at any depth."""
        for path in sorted(Path(prefix).rglob("*")):
            if path.is_file():
                yield StoredFile(uri=str(path), size=path.stat().st_size, etag=_state(path))

    def open(self, file: StoredFile) -> IO[bytes]:
        """The file."""
        try:
            if file.etag is not None and _state(Path(file.uri)) != file.etag:
                raise replaced_error(file)
            return open(file.uri, "rb")
        except FileNotFoundError as error:
            raise replaced_error(file) from error
        except OSError as error:
            raise _file_error(file.uri, error) from error

    def write(self, uri: str, body: pa.Buffer) -> None:
        """Write a file beside its place, then move it there."""
        path = Path(uri)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".{path.name}.{os.getpid()}")
            unfinished.write_bytes(body)
            unfinished.replace(path)
        except OSError as error:
            raise _file_error(uri, error) from error

    def delete(self, uris: Iterable[str]) -> None:
        """Delete files."""
        for uri in uris:
            try:
                Path(uri).unlink(missing_ok=True)
            except OSError as error:
                raise _file_error(uri, error) from error


def _state(path: Path) -> str:
    found = path.stat()
    return f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"


def _file_error(uri: str, error: OSError) -> StorageError:
    return StorageError(
        f"{uri}: {error.strerror or error}", fix="check the path in the contract, and its rights"
    )
