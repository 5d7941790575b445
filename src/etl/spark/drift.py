"""Looks at lines in Spark: a sample of those that were not rejected, and all that were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pyspark.sql import Column, Row, SparkSession
from pyspark.sql import functions as F

from etl.drift.diff import Diff, make_diff, tally_looks
from etl.drift.look import Looker
from etl.drift.sampling import LONGEST_BYTES, sample_step
from etl.drift.tally import Tally
from etl.model import Contract
from etl.spark.sql import LINE

_SAMPLE = "sample"


def sampled_lines(*, rows: int, lines_bytes: int) -> Column:
    """What to observe of judged rows: some of the lines that were not rejected.

    Which ones depends on the lines alone, so that the same extraction gives the same sample.

    Args:
        rows, lines_bytes: Of all lines.
    """
    step = sample_step(rows=rows, lines_bytes=lines_bytes)
    chosen = f"`$reasons` IS NULL AND octet_length({LINE}) <= {LONGEST_BYTES}"
    if step > 1:  # another hash than that of a rejected line's mark, and of a key's file
        chosen += f" AND pmod(xxhash64({LINE}, 'drift'), {step}L) = 0"
    lines = F.expr(f"collect_list(CASE WHEN {chosen} THEN {LINE} END)")
    return F.array_join(lines, "\n").alias(_SAMPLE)


def look_at_sample(observed: Mapping[str, str], contract: Contract) -> Tally:
    """The tally of the lines that were observed."""
    text = observed[_SAMPLE]
    lines = text.split("\n") if text else []
    return tally_looks(map(Looker(contract), lines))


def find_drift(
    spark: SparkSession,
    quarantine_uri: str,
    contract: Contract,
    *,
    rows: Mapping[str, int],
    sampled: Tally,
) -> Diff:
    """How a run's lines differ from what the contract expects.

    Args:
        rows: Where they went, as the run's metrics have it.
        sampled: Of some of the lines that were not rejected.
    """
    rejected = Tally()
    if rows["quarantined"]:
        rejected = _look_at_rejected(spark, quarantine_uri, contract)
    return make_diff(contract, records=rows["read"], rejected=rejected, sampled=sampled)


def _look_at_rejected(spark: SparkSession, quarantine_uri: str, contract: Contract) -> Tally:
    looker = Looker(contract)

    def look(rows: Iterable[Row]) -> Iterator[Tally]:
        # A document beyond the limits of Spark's JSON reader is read as NULL.
        yield tally_looks(looker(row[0] or "", row[1] or "") for row in rows)

    tally = Tally()
    documents = spark.read.schema("payload STRING, reasons STRING").json(quarantine_uri)
    for part in documents.rdd.mapPartitions(look).collect():
        tally.merge(part)
    return tally
