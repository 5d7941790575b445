"""Raw → processed and quarantine, in Spark: one pass over the lines, one shuffle.

Every line ends in one of three places: among the valid rows, in quarantine, or among the rows
that another row with the same key supersedes. What a line means is up to `etl.judge`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, Observation, SparkSession, Window
from pyspark.sql import functions as F

from etl.manifest import Manifest
from etl.model import Contract
from etl.spark import fast_path as fast
from etl.spark.files import delete_prefix, list_files
from etl.spark.rows import judged_rows
from etl.spark.session import session_settings

_MIB = 1024 * 1024
_SMALL_FILE_BYTES = 48 * _MIB
_FULL_FILE_BYTES = 192 * _MIB

_NO_MARKER = ("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")


@dataclass(frozen=True, kw_only=True)
class _Run:
    spark: SparkSession
    contract: Contract
    manifest: Manifest
    run_date: date


def transform(
    spark: SparkSession,
    *,
    contract: Contract,
    manifest: Manifest,
    run_date: date,
    processed_uri: str,
    quarantine_uri: str,
) -> dict[str, Any]:
    """Replace what lies at both places by what the manifest's objects make of it.

    Returns:
        The run's metrics, ready for JSON.
    """
    run = _Run(spark=spark, contract=contract, manifest=manifest, run_date=run_date)
    with session_settings(spark):
        rows = _write_valid(run, processed_uri)
        reasons = _write_rejected(run, quarantine_uri, rows["quarantined"])
    return {
        "manifest_digest": manifest.digest,
        "rows": rows,
        "files": [asdict(each) for each in list_files(spark, processed_uri)],
        "reasons": reasons,
        "quarantine_files": [asdict(each) for each in list_files(spark, quarantine_uri)],
    }


def _lines(run: _Run) -> DataFrame:
    """Every line of the extraction, and the object that it came from."""
    uris = [each.uri for each in run.manifest.objects]
    text = run.spark.read.schema("value STRING").option("lineSep", "\n").text(uris)
    return text.select(
        F.col("value").alias("$line"), F.col("_metadata.file_path").alias("$source_uri")
    )


def _judged(run: _Run, counted: Observation) -> DataFrame:
    # The digest depends on the data, so no line can contain it.
    key = run.manifest.digest[:16]
    return judged_rows(_lines(run), run.contract, run.run_date, key=key, counted=counted)


def _write_valid(run: _Run, uri: str) -> dict[str, int]:
    if run.manifest.rows == 0:
        delete_prefix(run.spark, uri)
        return {"read": 0, "valid": 0, "quarantined": 0, "deduplicated": 0}
    read, accepted, written = Observation("read"), Observation("accepted"), Observation("written")
    count = F.count(F.lit(1)).alias("rows")
    columns = [F.col(fast.name(each.name)) for each in run.contract.columns]
    valid = _judged(run, read).filter("`$reasons` IS NULL").select("$line", *columns)
    latest = _latest_by_key(valid.observe(accepted, count), run.contract, _file_count(run))
    rows = latest.select(*columns).observe(written, count)
    rows.write.mode("overwrite").option(*_NO_MARKER).parquet(uri)
    if written.get["rows"] == 0:
        delete_prefix(run.spark, uri)  # Spark leaves a file without rows
    return {
        "read": read.get["rows"],
        "valid": written.get["rows"],
        "quarantined": read.get["rows"] - accepted.get["rows"],
        "deduplicated": accepted.get["rows"] - written.get["rows"],
    }


def _latest_by_key(rows: DataFrame, contract: Contract, files: int) -> DataFrame:
    """One row for each primary key: the latest, among equals the one with the greatest line."""
    key = [F.col(fast.name(each)) for each in contract.primary_key]
    order = [F.col("`$line`").desc()]
    if contract.latest_by is not None:
        order.insert(0, F.col(fast.name(contract.latest_by)).desc_nulls_last())
    # Keys often begin alike, which makes them slow to sort; their hashes differ at once. The
    # window needs no shuffle of its own: rows of a key are together already.
    hashed = rows.withColumn("$hash", F.xxhash64(*key)).repartition(files, "$hash")
    rank = F.row_number().over(Window.partitionBy("$hash", *key).orderBy(*order))
    return hashed.withColumn("$rank", rank).filter("`$rank` = 1")


def _file_count(run: _Run) -> int:
    """As many files as keep every core busy, but none too small or too large for its readers.

    Snappy Parquet takes about as much room as gzip JSON lines.
    """
    size = run.manifest.bytes
    cores = run.spark.sparkContext.defaultParallelism
    wanted = max(cores, size // _FULL_FILE_BYTES)
    return max(1, min(wanted, size // _SMALL_FILE_BYTES))


def _write_rejected(run: _Run, uri: str, expected: int) -> dict[str, int]:
    if expected == 0:
        delete_prefix(run.spark, uri)
        return {}
    rejected = _judged(run, Observation("read again")).filter("`$reasons` IS NOT NULL")
    labels = _labels(run.contract)
    label = F.substring_index(F.col("`$reasons`")[0], ":", 1)
    counted = Observation("reasons")
    counts = [F.count_if(label == each).alias(f"${i}") for i, each in enumerate(labels)]
    documents = rejected.observe(counted, *counts).select(
        F.col("`$line`").alias("payload"),
        F.concat_ws("; ", "`$reasons`").alias("reasons"),
        F.lit(run.contract.dataset).alias("dataset"),
        F.lit(run.run_date.isoformat()).alias("run_date"),
        F.col("`$source_uri`").alias("source_uri"),
        F.lit(run.contract.version).alias("contract_version"),
    )
    few = documents.repartition(1 + expected // 1_000_000)
    few.write.mode("overwrite").option(*_NO_MARKER).json(uri, compression="gzip")
    found = {each: counted.get[f"${i}"] for i, each in enumerate(labels)}
    return {each: count for each, count in found.items() if count}


def _labels(contract: Contract) -> list[str]:
    """What a reason can be about."""
    columns = [column.name for column in contract.columns]
    return ["record", *columns, *(f"rule {rule.name}" for rule in contract.rules)]
