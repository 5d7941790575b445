"""People's corrections in Spark: their payloads in place of the lines that they are of."""

from __future__ import annotations

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from etl.manifest import RawObject
from etl.spark.sql import LINE

_DIGEST, _PAYLOAD = "`$corrected`", "`$correction`"


def with_corrections(
    spark: SparkSession, lines: DataFrame, corrections: RawObject, counted: Observation
) -> DataFrame:
    """The lines, each with the payload of its correction if there is one.

    Args:
        lines: Column "$line": text; further columns are kept.
        counted: Gets "corrected": how many lines were.
    """
    kept = (
        spark.read.schema("payload_sha256 STRING, payload STRING")
        .options(mode="FAILFAST", lineSep="\n")
        .json(corrections.uri)
        .selectExpr(f"payload_sha256 AS {_DIGEST}", f"payload AS {_PAYLOAD}")
    )
    others = [F.col(f"`{each}`") for each in lines.columns if f"`{each}`" != LINE]
    joined = lines.join(F.broadcast(kept), F.sha2(LINE, 256) == F.col(_DIGEST), "left")
    corrected = F.count_if(F.col(_PAYLOAD).isNotNull()).alias("corrected")
    line = F.coalesce(F.col(_PAYLOAD), F.col(LINE)).alias("$line")
    return joined.observe(counted, corrected).select(line, *others)
