"""Lineage columns in Spark: what the run fills in beside what the record decides."""

from __future__ import annotations

from datetime import UTC

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from etl.manifest import Manifest
from etl.model import Contract
from etl.spark.files import spellings
from etl.spark.sql import identifier
from etl.spark.types import spark_type
from etl.transforming import Lineage

RAW_URI = "$source_uri"
SOURCE_FILE = "$source_file"


def with_source_file(spark: SparkSession, rows: DataFrame, manifest: Manifest) -> DataFrame:
    """The rows with "$source_file": by "$source_uri", their raw object, the source's object, or
    the raw one where no source's is known."""
    known = {
        spelling: raw.source or raw.uri
        for raw in manifest.objects
        for spelling in spellings(spark, raw.uri)
    }
    sources = spark.createDataFrame(
        list(known.items()), f"{identifier(RAW_URI)} STRING, {identifier(SOURCE_FILE)} STRING"
    )
    return rows.join(F.broadcast(sources), on=RAW_URI, how="left")


def lineage_columns(contract: Contract, lineage: Lineage) -> list[Column]:
    """The contract's lineage columns, of rows that have "$source_file" if one of them asks it."""
    moment = lineage.ingested_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    values = {
        "_source_file": F.coalesce(identifier(SOURCE_FILE), _unknown_object()),
        "_ingested_at": F.expr(f"TIMESTAMP '{moment} UTC'"),
        "_run_id": F.lit(lineage.run_id),
        "_contract_version": F.lit(contract.version),
    }
    return [
        values[each.name].cast(spark_type(each.type)).alias(each.name)
        for each in contract.columns
        if each.lineage
    ]


def _unknown_object() -> Column:
    """Stops the job: a row that names no source is worse than none."""
    return F.raise_error(F.concat(F.lit("no object of the manifest: "), identifier(RAW_URI)))
