"""Files as Hadoop sees them: S3 on AWS, and whatever stands in for it elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession


@dataclass(frozen=True)
class WrittenFile:
    """A file of an output prefix; `bytes` is its size."""

    uri: str
    bytes: int


def list_files(spark: SparkSession, prefix: str) -> list[WrittenFile]:
    """The data files right under the prefix, by name; none if it does not exist."""
    path, files = _open(spark, prefix)
    if not files.exists(path):
        return []
    found = [
        WrittenFile(prefix + status.getPath().getName(), status.getLen())
        for status in files.listStatus(path)
        if status.isFile()
    ]
    # Names that begin so are Hadoop's own: markers and checksums.
    data = [each for each in found if each.uri.removeprefix(prefix)[0] not in "._"]
    return sorted(data, key=lambda each: each.uri)


def delete_prefix(spark: SparkSession, prefix: str) -> None:
    """Delete everything under the prefix; it is no error if there is nothing."""
    path, files = _open(spark, prefix)
    files.delete(path, True)


def _open(spark: SparkSession, uri: str) -> tuple[Any, Any]:
    # Spark has no Python API for files; this is the JVM's own.
    context: Any = spark.sparkContext
    path = context._jvm.org.apache.hadoop.fs.Path(uri)
    return path, path.getFileSystem(context._jsc.hadoopConfiguration())
