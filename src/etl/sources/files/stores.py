"""Look at, move and delete single files, on S3 or on this machine; each only if it is unchanged."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from aws.s3 import copy_object, delete_object, head_object
from etl.errors import SourceError
from etl.keys import parse_s3_uri
from etl.sources.files.options import FileOptions
from etl.sources.files.source_file import LocalFile, S3File, SourceFile, look_at
from etl.sources.records import SourceContext, SourceObject
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Store(Protocol):
    """Where a source's files are, and where they are moved."""

    def find(self, uri: str) -> SourceFile | None:
        """The file as it is; None if there is none."""
        ...

    def move(self, file: SourceObject, target: str) -> bool:
        """Move a file that is as it was found; False if it has changed, and stays."""
        ...

    def delete(self, file: SourceObject) -> bool:
        """Delete a file that is as it was found; False if it has changed, and stays."""
        ...


def open_s3(options: FileOptions, context: SourceContext) -> S3Client:
    """A client for the source's buckets, which may be another account's.

    Raises:
        SourceError: The role that the contract names cannot be assumed.
    """
    try:
        client: S3Client = context.client("s3", region=options.region, role_arn=options.role_arn)
    except ClientError as error:
        if options.role_arn is None:
            raise
        raise SourceError(
            f"the source's role {options.role_arn} cannot be assumed: {error}",
            fix="allow sts:AssumeRole on it, and name who runs this in the role's trust policy",
        ) from error
    return client


def open_store(location: str, options: FileOptions, context: SourceContext) -> Store:
    """Where the files of a location are.

    Raises:
        SourceError: As `open_s3`.
    """
    return S3Store(open_s3(options, context)) if location.startswith("s3://") else LocalStore()


class S3Store:
    """Objects, in any buckets that one client reaches."""

    def __init__(self, s3: S3Client) -> None:
        self._s3 = s3

    def find(self, uri: str) -> SourceFile | None:
        """The object as it is."""
        bucket, key = parse_s3_uri(uri)
        with explain_storage_errors(uri):
            found = head_object(self._s3, bucket=bucket, key=key)
        if found is None:
            return None
        folder = key[: key.rfind("/") + 1]
        return S3File.of(found, folder, s3=self._s3, bucket=bucket)

    def move(self, file: SourceObject, target: str) -> bool:
        """Copy the object as S3 does it, then delete it."""
        bucket, key = parse_s3_uri(file.uri)
        to_bucket, to_key = parse_s3_uri(target)
        with explain_storage_errors(target):
            copied = copy_object(
                self._s3,
                bucket=bucket,
                key=key,
                etag=file.etag or "",
                size=file.size,
                to_bucket=to_bucket,
                to_key=to_key,
            )
        return copied and self.delete(file)

    def delete(self, file: SourceObject) -> bool:
        """Delete the object."""
        bucket, key = parse_s3_uri(file.uri)
        with explain_storage_errors(file.uri):
            return delete_object(self._s3, bucket=bucket, key=key, etag=file.etag or "")


class LocalStore:
    """Files of this machine."""

    def find(self, uri: str) -> SourceFile | None:
        """The file as it is."""
        path = Path(uri)
        return LocalFile.at(path, path.parent) if path.is_file() else None

    def move(self, file: SourceObject, target: str) -> bool:
        """Rename the file; to another file system, copy it whole first."""
        path = Path(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(file.uri, path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_whole(Path(file.uri), path)
            return self.delete(file)
        return True

    def delete(self, file: SourceObject) -> bool:
        """Delete the file."""
        if look_at(Path(file.uri)) != file:
            return False
        os.unlink(file.uri)
        return True


def _copy_whole(source: Path, target: Path) -> None:
    """Copy so that the target is there whole or not at all, whenever the machine stops."""
    part = target.with_name(f".{target.name}.part")
    with source.open("rb") as reading, part.open("wb") as writing:
        shutil.copyfileobj(reading, writing, 1024 * 1024)
        writing.flush()
        os.fsync(writing.fileno())
    shutil.copystat(source, part)
    os.replace(part, target)
