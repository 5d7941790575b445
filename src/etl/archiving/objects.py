"""One object from a bucket to the archive: copied, verified, then deleted.

Whatever moment this is killed at, doing it again finishes it: the object is where it was, or in
both places, or in the archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from aws.s3 import ObjectHead, S3Object, copy_object, delete_object, read_head
from etl.errors import EtlError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Outcome = Literal["archived", "finished", "changed"]

# What the copy was made of: the ETag of a copy of an object that was sent in parts is another.
_MARK = "archived-etag"


class ArchiveError(EtlError):
    """An object, or some of a run's, could not be archived; they are where they were."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """From where to where; keys stay as they are."""

    bucket: str
    archive_bucket: str
    storage_class: str


def archive_object(s3: S3Client, route: Route, found: S3Object) -> Outcome:
    """Move one object.

    Args:
        found: As a listing gave it.

    Returns:
        "archived"; "finished" if an earlier run had copied it already; "changed" if it is another
        object or gone since it was listed, and is left alone.

    Raises:
        ArchiveError: The archive holds another object of that key, no older than this one, or the
            copy is not the object.
    """
    source = read_head(s3, bucket=route.bucket, key=found.key)
    if source is None or source.etag != found.etag:
        return "changed"
    copy = read_head(s3, bucket=route.archive_bucket, key=found.key)
    if copy is not None and _is_copy(source, copy):
        return "finished" if _delete(s3, route, found, copy, is_ours=False) else "changed"
    # An older one is of a run before this; the bucket keeps it as a version.
    if copy is not None and copy.last_modified >= source.last_modified:
        raise _conflict(route, found.key)
    if not _copy(s3, route, found, source):
        return "changed"
    copy = read_head(s3, bucket=route.archive_bucket, key=found.key)
    if copy is None or not _is_copy(source, copy):
        raise ArchiveError(
            f"the copy of s3://{route.bucket}/{found.key} in {route.archive_bucket} is not what"
            " was copied; the object stays",
            fix=f"delete s3://{route.archive_bucket}/{found.key}, then archive again",
        )
    return "archived" if _delete(s3, route, found, copy, is_ours=True) else "changed"


def _copy(s3: S3Client, route: Route, found: S3Object, source: ObjectHead) -> bool:
    changes: dict[str, Any] = {
        "StorageClass": route.storage_class,
        "MetadataDirective": "REPLACE",
        "Metadata": {**source.metadata, _MARK: source.etag},
        **source.headers,
    }
    return copy_object(
        s3,
        bucket=route.bucket,
        key=found.key,
        etag=found.etag,
        size=found.size,
        to_bucket=route.archive_bucket,
        to_key=found.key,
        changes=changes,
    )


def _is_copy(source: ObjectHead, copy: ObjectHead) -> bool:
    """Whether both hold the same bytes; a checksum that both have decides."""
    if source.size != copy.size:
        return False
    shared = source.checksums.keys() & copy.checksums.keys()
    if shared:
        return all(source.checksums[name] == copy.checksums[name] for name in shared)
    return source.etag in (copy.etag, copy.metadata.get(_MARK))


def _delete(
    s3: S3Client, route: Route, found: S3Object, copy: ObjectHead, *, is_ours: bool
) -> bool:
    """Delete the source if it still is what was copied; else take our copy back."""
    if delete_object(s3, bucket=route.bucket, key=found.key, etag=found.etag):
        return True
    if read_head(s3, bucket=route.bucket, key=found.key) is None:
        return True  # by another archiver, or by this request's first try: the copy is the object
    if is_ours:
        delete_object(s3, bucket=route.archive_bucket, key=found.key, etag=copy.etag)
    return False


def _conflict(route: Route, key: str) -> ArchiveError:
    return ArchiveError(
        f"s3://{route.archive_bucket}/{key} is another object than s3://{route.bucket}/{key},"
        " and not older",
        fix="compare the two, delete the one that is not wanted, and archive again",
    )
