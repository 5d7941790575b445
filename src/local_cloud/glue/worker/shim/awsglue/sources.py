"""Reading and writing S3 for DynamicFrames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
from pyspark.sql import DataFrame, SparkSession

from .job import Job

_SPARK_FORMATS = {"json": "json", "csv": "csv", "parquet": "parquet", "glueparquet": "parquet"}
_SERDES = {
    "ParquetHiveSerDe": "parquet",
    "JsonSerDe": "json",
    "OpenCSVSerde": "csv",
    "LazySimpleSerDe": "csv",
}


def read_objects(
    spark: SparkSession,
    *,
    paths: list[str],
    kind: str | None,
    options: dict[str, Any],
    context: str,
    schema: str | None = None,
    base_path: str | None = None,
) -> DataFrame:
    """The rows of the objects under `paths` that the job's bookmark has not passed."""
    objects = dict(item for path in paths for item in _list(path))
    uris = Job.bookmark.unread(context, objects) if Job.bookmark else list(objects)
    if not uris:
        return spark.createDataFrame([], schema or "")
    reader = spark.read.format(_spark_format(kind)).options(**_read_options(kind, options))
    if schema:
        reader = reader.schema(schema)
    base = base_path or (paths[0].rstrip("/") + "/" if len(paths) == 1 else None)
    if base and base.rstrip("/") not in uris:
        reader = reader.option("basePath", base)
    return reader.load(uris)


def write_objects(
    frame: DataFrame, *, connection: dict[str, Any], kind: str | None, options: dict[str, Any]
) -> None:
    """Add the frame's rows as new objects: a DynamicFrame's writer never replaces."""
    writer = frame.write.mode("append").format(_spark_format(kind))
    if connection.get("partitionKeys"):
        writer = writer.partitionBy(*connection["partitionKeys"])
    compression = connection.get("compression") or options.get("compression")
    if compression:
        writer = writer.option("compression", compression)
    if _spark_format(kind) == "csv":
        header = options.get("writeHeader", True) not in (False, "false")
        writer = writer.option("header", header).option("sep", options.get("separator", ","))
    writer.save(connection["path"])


def read_table(
    spark: SparkSession, *, database: str, table_name: str, predicate: str, context: str
) -> DataFrame:
    """The rows of a table of the Glue catalogue, partition columns included."""
    glue = boto3.client("glue")
    table = glue.get_table(DatabaseName=database, Name=table_name)["Table"]
    storage = table["StorageDescriptor"]
    location = storage["Location"].rstrip("/") + "/"
    keys = table.get("PartitionKeys", [])
    columns = [*storage["Columns"], *keys]
    serde = storage["SerdeInfo"]["SerializationLibrary"].rpartition(".")[2]
    parameters = {**storage["SerdeInfo"].get("Parameters", {}), **table.get("Parameters", {})}
    frame = read_objects(
        spark,
        paths=_partition_paths(glue, database, table_name, location) if keys else [location],
        kind=_SERDES.get(serde, serde),
        options={
            "withHeader": parameters.get("skip.header.line.count") == "1",
            "separator": parameters.get("field.delim") or parameters.get("separatorChar", ","),
        },
        context=context,
        schema=", ".join(f"`{column['Name']}` {column['Type']}" for column in columns),
        base_path=location,
    )
    return frame.where(predicate) if predicate else frame


def _partition_paths(glue: Any, database: str, table_name: str, location: str) -> list[str]:
    pages = glue.get_paginator("get_partitions").paginate(
        DatabaseName=database, TableName=table_name
    )
    found = [
        partition["StorageDescriptor"]["Location"].rstrip("/") + "/"
        for page in pages
        for partition in page["Partitions"]
    ]
    for path in found:
        if not path.startswith(location):
            raise NotImplementedError(f"the partition at {path} lies outside of {location}")
    return found


def _list(path: str) -> Iterator[tuple[str, str]]:
    """URI and ETag of each object at or under a path, without Hive's hidden ones."""
    scheme, _, rest = path.partition("://")
    bucket, _, key = rest.partition("/")
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
    for page in pages:
        for entry in page.get("Contents", []):
            found, size = entry["Key"], entry["Size"]
            inside = found == key or not key or key.endswith("/") or found[len(key)] == "/"
            if inside and size and not found.rpartition("/")[2].startswith(("_", ".")):
                yield f"{scheme}://{bucket}/{found}", entry["ETag"]


def _spark_format(kind: str | None) -> str:
    if kind not in _SPARK_FORMATS:
        raise NotImplementedError(f"format {kind}: only {', '.join(_SPARK_FORMATS)} are here")
    return _SPARK_FORMATS[kind]


def _read_options(kind: str | None, options: dict[str, Any]) -> dict[str, Any]:
    if kind == "json":
        return {"multiLine": str(options.get("multiline", False)).lower()}
    if kind != "csv":
        return {}
    return {
        "header": str(options.get("withHeader", False)).lower(),
        "sep": options.get("separator", ","),
        "quote": options.get("quoteChar", '"'),
        "escape": options.get("escaper", '"'),
        "multiLine": str(options.get("multiLine", False)).lower(),
    }
