"""One file of a source: read as what it was when it was found, or not at all."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, TypeVar, cast

from botocore.exceptions import ClientError

from aws.s3 import S3Object, open_object
from aws.s3.ranges import RangeFile
from etl.errors import SourceError
from etl.sources.records import SourceObject
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T", bound=IO[bytes])

_PART_BUFFER_BYTES = 1024 * 1024


class SourceFile(Protocol):
    """A file that has been found.

    Attributes:
        found: What it was then.
        relative: Its name below the location's folder.
    """

    @property
    def found(self) -> SourceObject: ...

    @property
    def relative(self) -> str: ...

    def open(self) -> AbstractContextManager[io.BufferedReader]:
        """Its bytes, from start to end.

        Raises:
            SourceError: It has changed since it was found; may come at the end.
        """
        ...

    def open_parts(self) -> AbstractContextManager[IO[bytes]]:
        """Its bytes, to read any part of them."""
        ...


@dataclass(frozen=True, kw_only=True)
class LocalFile:
    """A file of this machine."""

    found: SourceObject
    relative: str

    @classmethod
    def at(cls, path: Path, folder: Path) -> LocalFile:
        """The file as it is."""
        return cls(found=look_at(path), relative=path.relative_to(folder).as_posix())

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """The file; that it has not changed is seen at the end."""
        path = Path(self.found.uri)
        with path.open("rb") as stream:
            yield stream
        if look_at(path) != self.found:
            raise _changed(self.found.uri)

    def open_parts(self) -> AbstractContextManager[IO[bytes]]:
        """The file itself can be read in parts."""
        return self.open()


@dataclass(frozen=True, kw_only=True)
class S3File:
    """An object on S3."""

    found: SourceObject
    relative: str
    s3: S3Client

    @classmethod
    def of(cls, each: S3Object, folder: str, *, s3: S3Client, bucket: str) -> S3File:
        """The object as it was listed."""
        found = describe(each, bucket=bucket)
        return cls(found=found, relative=each.key.removeprefix(folder), s3=s3)

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """The object's body, of the version that was found."""
        bucket, key = self._place
        with self._explained():
            stream = open_object(self.s3, bucket=bucket, key=key, etag=self.found.etag)
        with stream:
            yield stream

    @contextmanager
    def open_parts(self) -> Iterator[IO[bytes]]:
        """The object by ranged GETs, of the version that was found."""
        bucket, key = self._place
        with self._explained():
            parts = RangeFile(self.s3, bucket=bucket, key=key, etag=self.found.etag)
        with parts:
            yield cast(IO[bytes], parts)

    @property
    def _place(self) -> tuple[str, str]:
        bucket, _, key = self.found.uri.removeprefix("s3://").partition("/")
        return bucket, key

    @contextmanager
    def _explained(self) -> Iterator[None]:
        with explain_storage_errors(self.found.uri):
            try:
                yield
            except ClientError as error:
                if error.response["Error"]["Code"] in ("412", "PreconditionFailed"):
                    raise _changed(self.found.uri) from error
                raise


def look_at(path: Path) -> SourceObject:
    """A local file as it is."""
    state = path.stat()
    modified_at = datetime.fromtimestamp(state.st_mtime, UTC).isoformat()
    return SourceObject(uri=str(path), size=state.st_size, etag=None, modified_at=modified_at)


def describe(each: S3Object, *, bucket: str) -> SourceObject:
    """An object as a listing or a HEAD has it; the two agree on whole seconds only."""
    modified_at = each.last_modified.astimezone(UTC).replace(microsecond=0).isoformat()
    uri = f"s3://{bucket}/{each.key}"
    return SourceObject(uri=uri, size=each.size, etag=each.etag, modified_at=modified_at)


def _changed(uri: str) -> SourceError:
    return SourceError(
        f"{uri} was changed while it was read",
        fix="run the date again; deliver files under another name and rename them once complete",
    )
