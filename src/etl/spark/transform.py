"""Raw → processed and quarantine, in Spark: one pass over the lines, one shuffle.

Every line ends in one of four places: among the valid rows, in quarantine, among the rows that the
contract's filter leaves out, or among those that another row with the same key supersedes. What a
line means is up to `etl.judge`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, Observation, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from etl.drift.tally import Tally
from etl.errors import TransformError
from etl.manifest import Manifest
from etl.model import Contract
from etl.spark.corrections import with_corrections
from etl.spark.drift import find_drift, look_at_sample, sampled_lines
from etl.spark.files import delete_prefix, list_files
from etl.spark.lineage import (
    RAW_URI,
    SOURCE_FILE,
    lineage_columns,
    with_source_file,
)
from etl.spark.marks import is_marked, join_marks, rejected_marks
from etl.spark.rows import judged_rows
from etl.spark.session import session_settings
from etl.spark.sql import LINE, identifier
from etl.transforming import (
    FULL_FILE_BYTES,
    GZIP_RATIO,
    OUTCOMES,
    REJECTED_PER_FILE,
    Lineage,
    file_count,
    lines_bytes,
    names_sources,
    reason_labels,
)

_MIB = 1024 * 1024
_SMALL_FILE_BYTES = 48 * _MIB
_SMALL_RUN_ROWS = 50_000
_SMALL_RUN_BYTES = 16 * _MIB

_NO_MARKER = ("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")


@dataclass(frozen=True, kw_only=True)
class _Run:
    spark: SparkSession
    contract: Contract
    manifest: Manifest
    run_date: date
    lineage: Lineage
    slices: int

    @property
    def is_small(self) -> bool:
        """Whether Spark's fast path and shuffle would cost more than they save."""
        return self.bytes <= _SMALL_RUN_BYTES and self.manifest.rows <= _SMALL_RUN_ROWS

    @property
    def bytes(self) -> int:
        """The size of all lines, compressed or as if they were."""
        return self.lines_bytes // GZIP_RATIO

    @property
    def lines_bytes(self) -> int:
        """The size of all lines."""
        return lines_bytes(self.contract, self.manifest.bytes)


@dataclass(frozen=True, kw_only=True)
class _Written:
    """What became of the lines in the first pass.

    Attributes:
        rows: Where they went.
        marks: Of the rejected lines; none for a small run.
        sample: What some of the others look like.
        corrected: How many lines have people's corrections in their place.
    """

    rows: dict[str, int]
    marks: bytes
    sample: Tally
    corrected: int = 0


def transform(
    spark: SparkSession,
    *,
    contract: Contract,
    manifest: Manifest,
    run_date: date,
    lineage: Lineage,
    processed_uri: str,
    quarantine_uri: str,
    slices: int = 1,
) -> dict[str, Any]:
    """Replace what lies at both places by what the manifest's objects make of it.

    Args:
        slices: How many files the warehouse loads at once.

    Returns:
        The run's metrics, ready for JSON.
    """
    run = _Run(
        spark=spark,
        contract=contract,
        manifest=manifest,
        run_date=run_date,
        lineage=lineage,
        slices=slices,
    )
    with session_settings(spark):
        written = _write_valid(run, processed_uri)
        rows = written.rows
        reasons = _write_rejected(run, quarantine_uri, rows["quarantined"], written.marks)
        drift = find_drift(spark, quarantine_uri, contract, rows=rows, sampled=written.sample)
    return {
        "manifest_digest": manifest.digest,
        "rows": rows,
        "files": [asdict(each) for each in list_files(spark, processed_uri)],
        "reasons": reasons,
        "drift": drift.to_dict(),
        "quarantine_files": [asdict(each) for each in list_files(spark, quarantine_uri)],
        "corrected": written.corrected,
    }


def _lines(run: _Run, corrected: Observation) -> DataFrame:
    """Every line of the extraction as people have corrected it, and the object it came from."""
    uris = [each.uri for each in run.manifest.objects]
    schema = StructType([StructField("value", StringType())])
    text = run.spark.read.schema(schema).option("lineSep", "\n").text(uris)
    lines = text.select(F.col("value").alias("$line"), F.col("_metadata.file_path").alias(RAW_URI))
    if run.manifest.corrections is None:
        return lines
    return with_corrections(run.spark, lines, run.manifest.corrections, corrected)


def _judged(run: _Run, lines: DataFrame, counted: Observation) -> DataFrame:
    # The digest depends on the data, so no line can contain it.
    key = None if run.is_small else run.manifest.digest[:16]
    return judged_rows(lines, run.contract, run.run_date, key=key, counted=counted)


def _write_valid(run: _Run, uri: str) -> _Written:
    """Write the valid rows."""
    if run.manifest.rows == 0:
        delete_prefix(run.spark, uri)
        return _Written(rows=dict.fromkeys(OUTCOMES, 0), marks=b"", sample=Tally())
    read, judged, written = Observation("read"), Observation("judged"), Observation("written")
    corrected, wanted = Observation("corrected"), Observation("wanted")
    count = F.count(F.lit(1)).alias("rows")
    rejected, filtered = F.col("`$reasons`").isNotNull(), F.col("`$filtered`")
    observed = [F.count_if(rejected).alias("rejected"), F.count_if(filtered).alias("filtered")]
    observed.append(sampled_lines(rows=run.manifest.rows, lines_bytes=run.lines_bytes))
    marks = [] if run.is_small else rejected_marks()
    lines = _judged(run, _lines(run, corrected), read).observe(judged, *observed, *marks)
    traced = _traced(run, lines.filter(~rejected & ~filtered))
    latest = _latest_by_key(run, traced, wanted)
    names = (F.col(identifier(each.name)) for each in run.contract.data_columns)
    rows = latest.select(*names, *lineage_columns(run.contract, run.lineage))
    writer = rows.observe(written, count).write.mode("overwrite").option(*_NO_MARKER)
    writer.partitionBy(*run.contract.partition_columns).parquet(uri)
    if written.get["rows"] == 0:
        delete_prefix(run.spark, uri)  # Spark leaves a file without rows
    found = {
        "read": read.get["rows"],
        "valid": written.get["rows"],
        "quarantined": judged.get["rejected"],
        "filtered": judged.get["filtered"],
    }
    return _Written(
        # Counted where the rows of a key meet: the sum of all shows what a shuffle would lose.
        rows=found | {"deduplicated": wanted.get["rows"] - found["valid"]},
        marks=b"" if run.is_small else join_marks(judged.get),
        sample=look_at_sample(judged.get, run.contract),
        corrected=corrected.get["corrected"] if run.manifest.corrections else 0,
    )


def _traced(run: _Run, rows: DataFrame) -> DataFrame:
    """What is written of rows, their lines, and the source's object if that is written too."""
    names = [column.name for column in run.contract.data_columns]
    if names_sources(run.contract):
        rows = with_source_file(run.spark, rows, run.manifest)
        names += [RAW_URI, SOURCE_FILE]
    return rows.select(*(F.col(identifier(each)) for each in ("$line", *names)))


def _latest_by_key(run: _Run, rows: DataFrame, counted: Observation) -> DataFrame:
    """One row for each primary key: the latest, among equals the one with the greatest line, and
    of equal lines, where it shows, that of the greatest source object.

    Args:
        counted: Gets "rows": how many there were to choose from.
    """
    key = [F.col(identifier(each)) for each in run.contract.primary_key]
    order = [F.col(LINE).desc()]
    if names_sources(run.contract):
        order.append(F.col(identifier(SOURCE_FILE)).desc())
    if run.contract.latest_by is not None:
        order.insert(0, F.col(identifier(run.contract.latest_by)).desc_nulls_last())
    # Keys often begin alike, which makes them slow to sort; their hashes differ at once. The
    # window needs no shuffle of its own: rows of a key are together already.
    hashed = rows.withColumn("$hash", F.xxhash64(*key))
    files = _file_count(run)
    if run.is_small and files == 1:
        together = hashed.coalesce(1)
    else:
        together = hashed.repartition(files, "$hash")
    together = together.observe(counted, F.count(F.lit(1)).alias("rows"))
    rank = F.row_number().over(Window.partitionBy("$hash", *key).orderBy(*order))
    return together.withColumn("$rank", rank).filter(F.col("`$rank`") == 1)


def _file_count(run: _Run) -> int:
    """As many files as keep every core busy, but none too small or too large for its readers; then
    as many as the warehouse's slices ask for."""
    size = run.bytes
    cores = run.spark.sparkContext.defaultParallelism
    wanted = max(1, min(max(cores, size // FULL_FILE_BYTES), size // _SMALL_FILE_BYTES))
    raw_bytes = run.manifest.bytes
    return file_count(run.contract, raw_bytes=raw_bytes, slices=run.slices, wanted=wanted)


def _write_rejected(run: _Run, uri: str, expected: int, marks: bytes) -> dict[str, int]:
    """Write the rejected lines; the answer counts them by what their first reason is about."""
    if expected == 0:
        delete_prefix(run.spark, uri)
        return {}
    lines = _lines(run, Observation("corrected again"))
    lines = lines.filter(is_marked(marks)) if marks else lines
    judged = _judged(run, lines, Observation("judged again"))
    rejected = judged.filter(F.col("`$reasons`").isNotNull())
    labels = reason_labels(run.contract)
    label = F.substring_index(F.col("`$reasons`")[0], ":", 1)
    counted = Observation("reasons")
    counts = [F.count_if(label == each).alias(f"${i}") for i, each in enumerate(labels)]
    counts.append(F.count(F.lit(1)).alias("rows"))
    traced = with_source_file(run.spark, rejected.observe(counted, *counts), run.manifest)
    documents = traced.select(
        F.col("`$line`").alias("payload"),
        F.sha2("`$line`", 256).alias("payload_sha256"),
        F.concat_ws("; ", "`$reasons`").alias("reasons"),
        F.lit(run.contract.dataset).alias("dataset"),
        F.lit(run.run_date.isoformat()).alias("run_date"),
        F.col(identifier(RAW_URI)).alias("source_uri"),
        F.col(identifier(SOURCE_FILE)).alias("source_file"),
        F.lit(run.contract.version).alias("contract_version"),
    )
    few = documents.coalesce(1) if run.is_small else documents.repartition(_parts(expected))
    few.write.mode("overwrite").option(*_NO_MARKER).json(uri, compression="gzip")
    if counted.get["rows"] != expected:
        raise TransformError(
            f"{expected} rows were rejected, but {counted.get['rows']} when read again: the raw"
            " files have changed meanwhile",
            fix="run again, and let no two runs of a date overlap",
        )
    found = {each: counted.get[f"${i}"] for i, each in enumerate(labels)}
    return {each: count for each, count in found.items() if count}


def _parts(rejected: int) -> int:
    return 1 + rejected // REJECTED_PER_FILE
