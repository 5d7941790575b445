"""Find the files that a location means: one file, a pattern, or a folder, here or on S3."""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aws.s3 import head_object, iter_objects
from etl.errors import SourceError
from etl.keys import parse_s3_uri
from etl.sources.files.compression import SUFFIXES as COMPRESSED
from etl.sources.files.source_file import LocalFile, S3File, SourceFile
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SUFFIXES = {
    "csv": (".csv", ".tsv"),
    "json": (".json",),
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "parquet": (".parquet",),
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """The files at a location.

    Attributes:
        folder: What their relative names are below, ending in "/".
        files: By name.
    """

    folder: str
    files: Sequence[SourceFile]


def find_files(location: str, *, format: str, s3: S3Client | None) -> Found:
    """The files at a location.

    Of a folder, the files directly or deeper in it count whose names end as the format's do (.gz
    or .zst may follow); names that begin with "." or "_" are left out, as Spark and Athena do.

    Raises:
        SourceError: A link leads out of the folder.
        StorageError: The bucket is missing or refuses access.
    """
    if not location.startswith("s3://"):
        return _find_local(location, format)
    if s3 is None:
        raise ValueError(f"{location} needs an S3 client")
    with explain_storage_errors(location):
        return _find_on_s3(location, format, s3)


def _find_local(location: str, format: str) -> Found:
    path = Path(location).absolute()
    if path.is_dir():
        folder = path
        inside = {each.relative_to(path).as_posix(): each for each in path.rglob("*")}
        paths = [inside[name] for name in _wanted(inside, format)]
    elif path.is_file():
        folder, paths = path.parent, [path]
    else:
        folder = Path(before_pattern(str(path)))
        paths = [Path(each) for each in sorted(glob.glob(str(path), recursive=True))]
    paths = [each for each in paths if each.is_file()]
    if not path.is_file():
        _check_links(paths, folder)
    files = [LocalFile.at(each, folder) for each in paths]
    return Found(folder=f"{str(folder).rstrip('/')}/", files=files)


def _check_links(paths: Sequence[Path], folder: Path) -> None:
    """Who may put files into a folder may not have others read from elsewhere."""
    inside = folder.resolve()
    for path in paths:
        if not path.resolve().is_relative_to(inside):
            raise SourceError(
                f"{path} is a link that leads out of {folder}",
                fix="put the file itself there, or have the source's location name it",
            )


def _find_on_s3(location: str, format: str, s3: S3Client) -> Found:
    bucket, key = parse_s3_uri(location)
    if glob.has_magic(key):
        folder = before_pattern(key)
        listed = iter_objects(s3, bucket=bucket, prefix=folder)
        objects = [each for each in listed if fnmatch.fnmatchcase(each.key, key)]
    elif key and not key.endswith("/") and (one := head_object(s3, bucket=bucket, key=key)):
        folder = key[: key.rfind("/") + 1]
        objects = [one]
    else:
        folder = f"{key.rstrip('/')}/" if key else ""
        listed = iter_objects(s3, bucket=bucket, prefix=folder)
        inside = {each.key.removeprefix(folder): each for each in listed}
        objects = [inside[name] for name in _wanted(inside, format)]
    files = [
        S3File.of(each, folder, s3=s3, bucket=bucket)
        for each in objects
        if not each.key.endswith("/")  # a console's empty object that stands for a folder
    ]
    return Found(folder=f"s3://{bucket}/{folder}", files=files)


def before_pattern(pattern: str) -> str:
    """The folder above the first part with a sign of a pattern."""
    first = min((pattern.find(sign) for sign in "*?[" if sign in pattern), default=len(pattern))
    return pattern[: pattern.rfind("/", 0, first) + 1]


def _wanted(names: Iterable[str], format: str) -> list[str]:
    """Of names relative to a folder, those of the format's files, sorted."""
    more = ("",) if format == "parquet" else ("", *COMPRESSED)
    endings = tuple(suffix + end for suffix in SUFFIXES[format] for end in more)
    return sorted(
        name
        for name in names
        if name.endswith(endings)
        and not any(part.startswith((".", "_")) for part in name.split("/"))
    )
