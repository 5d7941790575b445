"""Lineage columns in Spark: what the run fills in beside what the record decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from etl.manifest import Manifest
from etl.model import Contract
from etl.spark.sql import identifier
from etl.spark.types import spark_type

RAW_URI = "$source_uri"
SOURCE_FILE = "$source_file"


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """What a run says of its rows.

    Attributes:
        ingested_at: When the run began.
    """

    run_id: str
    ingested_at: datetime


def with_source_file(spark: SparkSession, rows: DataFrame, manifest: Manifest) -> DataFrame:
    """The rows with "$source_file": by "$source_uri", their raw object, the source's object."""
    sources = {each.uri: each.source for each in manifest.objects if each.source is not None}
    if not sources:
        return rows.withColumn(SOURCE_FILE, F.col(identifier(RAW_URI)))
    # Hadoop shows some characters of a path escaped.
    spellings = {quote(uri, safe=":/=@+,"): source for uri, source in sources.items()} | sources
    known = spark.createDataFrame(list(spellings.items()), f"`{RAW_URI}` STRING, `$known` STRING")
    source = F.coalesce(F.col("`$known`"), F.col(identifier(RAW_URI)))
    joined = rows.join(F.broadcast(known), on=RAW_URI, how="left")
    return joined.withColumn(SOURCE_FILE, source).drop("$known")


def lineage_columns(contract: Contract, lineage: Lineage) -> list[Column]:
    """The contract's lineage columns, of rows that have "$source_file" if one of them asks it."""
    moment = lineage.ingested_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    values = {
        "_source_file": F.col(identifier(SOURCE_FILE)),
        "_ingested_at": F.expr(f"TIMESTAMP '{moment} UTC'"),
        "_run_id": F.lit(lineage.run_id),
        "_contract_version": F.lit(contract.version),
    }
    return [
        values[each.name].cast(spark_type(each.type)).alias(each.name)
        for each in contract.columns
        if each.lineage
    ]
