"""Find the files that a location means."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING

from aws.s3 import head_object, iter_objects, open_object
from etl.errors import ContractError, SourceError
from etl.keys import parse_s3_uri
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SUFFIXES = {"csv": (".csv",), "jsonl": (".jsonl", ".ndjson", ".json")}


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file to read: its path or URI, and how to open it."""

    name: str
    open: Callable[[], IO[bytes]]


def find_files(location: str, *, format: str, s3: S3Client | None) -> list[SourceFile]:
    """The files at a location, by name.

    A location is one file, a pattern with `*`, or a folder. Of a folder, the files directly or
    deeper in it count whose names end as the format's do (.gz may follow); names that begin
    with "." or "_" are left out, as Spark and Athena do.

    Raises:
        SourceError: There is none.
    """
    if location.startswith("s3://"):
        if s3 is None:
            raise ValueError(f"{location} needs an S3 client")
        files = _find_on_s3(location, format, s3)
    else:
        files = _find_local(location, format)
    if not files:
        raise SourceError(
            f"no {format} file at {location}",
            fix="check the source's location in the contract or in config/, and the run date",
        )
    return files


def _find_local(location: str, format: str) -> list[SourceFile]:
    path = Path(location)
    if path.is_file():
        paths = [path]
    elif path.is_dir():
        inside = {str(each.relative_to(path)): each for each in path.rglob("*") if each.is_file()}
        paths = [inside[name] for name in _wanted(inside, format)]
    else:
        paths = [Path(each) for each in sorted(glob.glob(location, recursive=True))]
    return [
        SourceFile(name=str(each), open=lambda each=each: each.open("rb"))  # type: ignore[misc]
        for each in paths
        if each.is_file()
    ]


def _find_on_s3(location: str, format: str, s3: S3Client) -> list[SourceFile]:
    bucket, key = parse_s3_uri(location)
    with explain_storage_errors(location):
        if glob.has_magic(key):
            before = key[: min(key.find(sign) for sign in "*?[" if sign in key)]
            found = [each.key for each in iter_objects(s3, bucket=bucket, prefix=before)]
            keys = fnmatch.filter(found, key)
        elif key and not key.endswith("/") and head_object(s3, bucket=bucket, key=key):
            keys = [key]
        else:
            folder = f"{key.rstrip('/')}/" if key else ""
            found = [each.key for each in iter_objects(s3, bucket=bucket, prefix=folder)]
            keys = [folder + name for name in _wanted(_below(found, folder), format)]
    return [_s3_file(s3, bucket, each) for each in keys]


def _below(keys: Iterable[str], folder: str) -> list[str]:
    return [key.removeprefix(folder) for key in keys]


def _s3_file(s3: S3Client, bucket: str, key: str) -> SourceFile:
    def open_it() -> IO[bytes]:
        with explain_storage_errors(f"s3://{bucket}/{key}"):
            return open_object(s3, bucket=bucket, key=key)

    return SourceFile(name=f"s3://{bucket}/{key}", open=open_it)


def _wanted(names: Iterable[str], format: str) -> list[str]:
    """Of names relative to a folder, those of the format's files, sorted."""
    return sorted(
        name
        for name in names
        if name.removesuffix(".gz").endswith(_SUFFIXES[format])
        and not any(part.startswith((".", "_")) for part in name.split(os.sep))
    )


def fill_run_date(location: str, run_date: date, *, dataset: str) -> str:
    """Fill `{run_date}` in; `{run_date:%Y/%m}` takes strftime's letters."""
    try:
        return location.format(run_date=run_date)
    except (AttributeError, KeyError, IndexError, ValueError) as error:
        raise ContractError(
            f"contract {dataset}: the source's location {location!r} cannot be filled in: {error}",
            fix="use {run_date} or {run_date:%Y/%m/%d}, and no other braces",
        ) from error
