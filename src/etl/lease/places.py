"""Which leases a run needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws.stepfunctions import describe_execution
from etl import keys
from etl.lease.record import Place
from etl.model import Contract
from etl.run import Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LEASE_NAME = "lease.json"
_ANSWER_SECONDS = 5.0  # a renewal that waits longer may come too late


def places_of(run: Run) -> list[Place]:
    """The dataset's run date; and the source, where it goes by what other dates' runs have taken.

    Two runs at once would take the same of such a source. A backfill asks nobody what was taken.
    """
    contract, uri = run.contract, run.uri(LEASE_NAME)
    s3: S3Client = run.client("s3", read_timeout_seconds=_ANSWER_SECONDS)
    found = [Place(s3, uri, what=f"{contract.dataset} {run.run_date}")]
    if run.backfill_from is None and _goes_by_other_dates(contract):
        uri = keys.runs_prefix(run.settings.buckets.artifacts, contract.dataset) + LEASE_NAME
        found.append(Place(s3, uri, what=f"what is new at the source of {contract.dataset}"))
    return found


def is_running(run: Run, execution: str) -> bool:
    """Whether the execution of the state machine is at work."""
    found = describe_execution(run.client("stepfunctions"), execution_arn=execution)
    return found is not None and found.is_active


def _goes_by_other_dates(contract: Contract) -> bool:
    options = contract.source.options
    takes_files = options.get("only_new") or options.get("after_load", "keep") != "keep"
    return bool(takes_files or options.get("watermark"))
