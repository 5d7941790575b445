"""What a job run fetches from S3 before its script begins: script, packages, files, jars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_cloud.glue.errors import LaunchError


def download(s3: Any, uri: str, folder: Path) -> Path:
    """Fetch an object into a folder.

    Args:
        s3: A client of the job's role.

    Raises:
        LaunchError: It is missing, or the role may not read it.
    """
    bucket, _, key = uri.removeprefix("s3://").removeprefix("s3a://").partition("/")
    folder.mkdir(exist_ok=True)
    target = folder / Path(key).name
    try:
        s3.download_file(bucket, key, str(target))
    except ClientError as error:
        raise LaunchError(
            f"Error downloading from S3 for bucket: {bucket}, key: {key}. {error}"
        ) from error
    return target
