"""The state machine's steps up to the Glue job: is there an extraction, and if not, make one."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, time, timedelta
from typing import Any

from aws.s3 import head_object
from etl import keys
from etl.batch.requests import Request
from etl.costs import load_prices
from etl.errors import EtlError, StorageError
from etl.figures import Figures
from etl.lease import give_back, take_for_execution
from etl.manifest import Manifest
from etl.metrics import send_figures
from etl.run import Run, done, stopwatch
from etl.steps import stage
from etl.transform import find_active_run, job_arguments


class JobRunActiveError(EtlError):
    """A Glue job run of the same dataset and run date is at work, whose run has died."""


def look(request: Request) -> dict[str, Any]:
    """What has to be done for the dataset, and its extraction if that is fresh.

    Raises:
        LeaseHeldError, JobRunActiveError: Somebody else's run of the same is at work.
    """
    run = request.run
    contract = run.contract
    take_for_execution(run, request.execution)
    _wait_for_others(request)
    run.write(run.contract_uri, contract.to_json())
    named = {
        "dataset": contract.dataset,
        "run_date": run.run_date.isoformat(),
        "contract_uri": run.contract_uri,
        "execution": request.execution,
        "started_at": run.started_at.isoformat(),
    }
    answer: dict[str, Any] = {
        "dataset": contract.dataset,
        "run": named,
        "is_transformed": contract.is_transformed,
        "is_loaded": contract.is_loaded,
        "poll_seconds": run.settings.state_machine.poll_seconds,
        "metrics_uri": run.uri("metrics.json"),
        "attempt": {"number": 1},
    }
    manifest = _fresh(request)
    if manifest:
        run.begin_replacing()  # what was made of it; a new extraction says so itself
    return answer | ({"extracted": _extracted(run, manifest, 0.0)} if manifest else {})


def extract(request: Request) -> dict[str, Any]:
    """Source → raw, as the flow does it."""
    run, figures = request.run, Figures()
    with stopwatch() as watch:
        manifest = stage(run, figures)
    send_figures(figures, settings=run.settings, dataset=run.contract.dataset, step="extract")
    return _extracted(run, manifest, watch.seconds)


def _extracted(run: Run, manifest: Manifest, seconds: float) -> dict[str, Any]:
    puts = len(manifest.objects) + 1 if seconds else 0
    cost = load_prices().s3(puts=puts)
    figures = done(manifest, "extract", seconds, manifest.rows, manifest.bytes, cost).stage
    return {
        "rows": manifest.rows,
        "stage": dataclasses.asdict(figures),
        "glue_arguments": glue_arguments(run, manifest) if run.contract.is_transformed else {},
    }


def glue_arguments(run: Run, manifest: Manifest) -> dict[str, str]:
    """What the Glue job is started with: what the flow gives it, as Glue's API spells it."""
    uri = keys.manifest_uri(run.contract, run.run_date)
    arguments = job_arguments(run.contract, uri, manifest, run.settings)
    lineage = {"run_id": run.run_id, "ingested_at": run.started_at.isoformat()}
    return {f"--{name}": value for name, value in (arguments | lineage).items()}


def _wait_for_others(request: Request) -> None:
    run = request.run
    active = find_active_run(
        run.client("glue"),
        settings=run.settings,
        dataset=run.contract.dataset,
        run_date=run.run_date,
    )
    if active is not None:
        give_back(run, request.execution)  # to a flow, which can go on with that job run
        raise JobRunActiveError(
            f"job run {active.run_id} of {run.contract.dataset} {run.run_date} is {active.state}",
            fix="start the same again when it has ended",
        )


def _fresh(request: Request) -> Manifest | None:
    """The run's extraction if it need not be made again.

    It was made by the same contract, after the run date had ended, and not long ago. What a stream
    has put on S3 is taken in anew: that costs next to nothing.
    """
    run = request.run
    if run.contract.source.kind == "stream":
        return None
    bucket, key = keys.parse_s3_uri(keys.manifest_uri(run.contract, run.run_date))
    found = head_object(run.client("s3"), bucket=bucket, key=key)
    if found is None:
        return None
    day_after = datetime.combine(run.run_date + timedelta(days=1), time(), tzinfo=UTC)
    oldest = request.entered_at - timedelta(minutes=run.settings.state_machine.fresh_minutes)
    if found.last_modified < max(day_after, oldest):
        return None
    try:
        manifest = request.manifest()
    except StorageError:
        return None
    return manifest if manifest.contract_uri == run.contract_uri else None
