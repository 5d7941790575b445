"""The settings of a Spark session that the rows' meaning and the files' format depend on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.parquet.compression.codec": "snappy",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.writeLegacyFormat": "false",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.sources.partitionOverwriteMode": "static",
    # It would drop the observations of a plan whose shuffle turns out empty, and `get` then waits
    # for them for ever; with one shuffle into a known number of files it has nothing to adapt.
    "spark.sql.adaptive.enabled": "false",
    # Its limit before the shuffle would sort everything a second time.
    "spark.sql.optimizer.windowGroupLimitThreshold": "-1",
}


@contextmanager
def session_settings(spark: SparkSession) -> Iterator[None]:
    """Have these settings in force for a while."""
    earlier = {key: spark.conf.get(key, None) for key in SESSION}
    for key, value in SESSION.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, before in earlier.items():
            spark.conf.unset(key) if before is None else spark.conf.set(key, before)
