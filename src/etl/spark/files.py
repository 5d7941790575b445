"""Files as Hadoop sees them: S3 on AWS, and whatever stands in for it elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession


@dataclass(frozen=True)
class WrittenFile:
    """A file of an output prefix; `bytes` is its size."""

    uri: str
    bytes: int


def list_files(spark: SparkSession, prefix: str) -> list[WrittenFile]:
    """The data files below the prefix, by name; none if it does not exist."""
    path, files = _open(spark, prefix)
    found = _below(files, path, prefix) if files.exists(path) else []
    return sorted(found, key=lambda each: each.uri)


def _below(files: Any, path: Any, prefix: str) -> Iterator[WrittenFile]:
    for status in files.listStatus(path):
        name = status.getPath().getName()
        if name[0] in "._":  # Hadoop's own: markers and checksums
            continue
        if status.isFile():
            yield WrittenFile(prefix + name, status.getLen())
        else:
            yield from _below(files, status.getPath(), f"{prefix}{name}/")


def spellings(spark: SparkSession, uri: str) -> set[str]:
    """How Spark may write a file's URI in "_metadata.file_path": as it is, or percent-encoded."""
    path, _ = _open(spark, uri)
    return {path.toString(), path.toUri().toString()}


def delete_prefix(spark: SparkSession, prefix: str) -> None:
    """Delete everything under the prefix; it is no error if there is nothing."""
    path, files = _open(spark, prefix)
    files.delete(path, True)


def _open(spark: SparkSession, uri: str) -> tuple[Any, Any]:
    # Spark has no Python API for files; this is the JVM's own.
    context: Any = spark.sparkContext
    path = context._jvm.org.apache.hadoop.fs.Path(uri)
    return path, path.getFileSystem(context._jsc.hadoopConfiguration())
