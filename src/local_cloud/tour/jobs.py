"""The archiver's dry run, and the state machine."""

from __future__ import annotations

from datetime import date

from aws.lambda_ import invoke
from aws.s3 import head_object, put_bytes
from etl.batch.execution import Batch, follow_batch, start_batch
from etl.report import human_bytes
from local_cloud.tour.steps import Shown, Tour, expect, log

_OLD_KEY = "processed/2010/01/01/airports/tour.jsonl"
_OLD_BODY = b'{"iata": "ARN", "name": "Arlanda"}\n'
_RUN_DATE = date(2026, 1, 1)
_DATASETS = ("airports", "orders")


def show_archiver(tour: Tour) -> Shown:
    """Put an object that is past the retention, and ask the function what it would archive.

    Raises:
        TourError: It would not archive that, or has.
    """
    s3, bucket = tour.client("s3"), tour.settings.buckets.processed
    name = tour.settings.archiver.function_name
    put_bytes(s3, bucket=bucket, key=_OLD_KEY, body=_OLD_BODY)
    log.info("%-10s %s, a dry run", "invoking", name)
    report = invoke(tour.client("lambda"), function_name=str(name), payload={"dry_run": True})
    counts = report["counts"]
    expect(
        report["status"] == "succeeded" and report["is_dry_run"] and counts["objects"] >= 1,
        f"the archiver's dry run {report['status']} and found {counts['objects']} objects",
    )
    expect(head_object(s3, bucket=bucket, key=_OLD_KEY), "the dry run has moved an object")
    return Shown(
        step="the archiver, a dry run",
        answer=f"{counts['objects']:,} of {counts['listed']:,} objects would go,"
        f" {human_bytes(counts['bytes'])}, of dates before {report['before']}",
        place=f"{report['source']} → {report['target']}",
    )


def start_machine(tour: Tour) -> Batch:
    """Start the state machine, or attach to the run that an earlier tour has made."""
    return start_batch(
        environment=tour.settings.environment, run_date=_RUN_DATE, datasets=_DATASETS
    )


def show_machine(batch: Batch) -> Shown:
    """Follow the state machine to its end.

    Raises:
        BatchError: It failed.
        TourError: A dataset has no rows.
    """
    report = follow_batch(batch)
    rows = {each["dataset"]: each["table_rows"] or 0 for each in report["datasets"]}
    expect(set(rows) == set(_DATASETS) and all(rows.values()), f"tables hold {rows}")
    said = ", ".join(f"{name} {count:,} rows" for name, count in sorted(rows.items()))
    how = "has run before" if report["attached"] else f"{report['seconds']:.0f} s"
    return Shown(
        step=f"the state machine, {_RUN_DATE}",
        answer=f"succeeded ({how}): {said}",
        place=report["execution"].rpartition(":execution:")[2],
    )
