"""Files that take the place of what lies under a prefix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws.s3 import delete_objects, iter_objects, send_file
from etl.keys import parse_s3_uri
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def replace_files(s3: S3Client, prefix: str, files: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Put files under a prefix, once everything else there is deleted.

    Args:
        files: By their keys below the prefix.

    Returns:
        The URI and the bytes of each, by name.
    """
    bucket, below = parse_s3_uri(prefix)
    sent = []
    with explain_storage_errors(prefix):
        old = (each.key for each in iter_objects(s3, bucket=bucket, prefix=below))
        delete_objects(s3, bucket=bucket, keys=old)
        for name, path in sorted(files.items()):
            send_file(s3, path, bucket=bucket, key=below + name)
            sent.append({"uri": prefix + name, "bytes": path.stat().st_size})
    return sent
