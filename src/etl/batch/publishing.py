"""The state machine's last step for a dataset: publish, finish and report, as the flow does."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from datetime import datetime
from typing import Any

from etl.batch.loading import read_transform, read_verdict
from etl.batch.requests import Request
from etl.costs import load_prices
from etl.lease import give_back
from etl.manifest import Manifest
from etl.report import RunReport, StageReport
from etl.run import Done, done
from etl.steps import finish, publish, report
from etl.storage import read_json
from etl.transform import TransformResult
from etl.validation.step import ValidationResult
from etl.warehouse.executor import open_executor
from etl.warehouse.explain import explain_warehouse_errors
from etl.warehouse.load import LoadResult, read_result


def complete(request: Request) -> dict[str, Any]:
    """Publish what was loaded, tell the source, write the run's report; its main figures.

    Done again once it has succeeded, it gives the same answer.
    """
    run = request.run
    made = read_json(run.client("s3"), run.uri("report.json"))
    if (made.get("status"), made.get("run_id")) != ("succeeded", run.run_id):
        made = dataclasses.asdict(_complete(request))
    give_back(run, request.execution)
    return {
        "dataset": made["dataset"],
        "run_id": made["run_id"],
        "rows": made["rows"]["loaded"],
        "extracted": made["rows"]["extracted"],
        "quarantined": made["rows"]["quarantined"],
        "table_rows": made["table_rows"],
        "report_uri": run.uri("report.json"),
    }


def _complete(request: Request) -> RunReport:
    run = request.run
    extracted = _extracted(request)
    transformed = validated = loaded = published = None
    if run.contract.is_transformed:
        transformed, validated = _transformed(request), _validated(request)
        loaded = _loaded(request) if run.contract.is_loaded else None
        published = publish(run, extracted, transformed, validated, loaded)
    finish(run, extracted)
    return report(run, extracted, transformed, validated, loaded, published)


def _extracted(request: Request) -> Done[Manifest]:
    stage = StageReport(**request.given["extracted"]["stage"])
    return Done(result=request.manifest(), stage=stage)


def _transformed(request: Request) -> Done[TransformResult]:
    glue, result = request.run.settings.glue, read_transform(request)
    cost = load_prices().glue(
        seconds=result.execution_seconds,
        worker_type=glue.worker_type,
        workers=glue.number_of_workers,
    )
    size = sum(each.bytes for each in result.files)
    return done(result, "transform", result.execution_seconds, result.rows.valid, size, cost)


def _validated(request: Request) -> Done[ValidationResult]:
    result = read_verdict(request)
    until = _moment(request, "load", "planned_at") or request.entered_at
    seconds = _seconds(_moment(request, "validated", "since"), until)
    cost = load_prices().lambda_(
        seconds=seconds, memory_mb=request.run.settings.validator.memory_mb
    )
    return done(result, "validate", seconds, result.rows, result.bytes, cost)


def _loaded(request: Request) -> Done[LoadResult]:
    run, verdict = request.run, read_verdict(request)
    label = f"{run.contract.dataset} {run.run_date} {run.run_id}"
    with closing(open_executor(run.settings, label=label)) as executor:
        with explain_warehouse_errors(run.settings):
            result = read_result(executor, run.contract, run_date=run.run_date, loaded=verdict.rows)
    seconds = _seconds(_moment(request, "load", "planned_at"), request.entered_at)
    cost = load_prices().redshift(seconds=seconds)
    return done(result, "load", seconds, result.loaded, verdict.bytes, cost)


def _moment(request: Request, state: str, name: str) -> datetime | None:
    found = request.given.get(state)
    return datetime.fromisoformat(found[name]) if found else None


def _seconds(since: datetime | None, until: datetime) -> float:
    return (until - since).total_seconds() if since else 0.0
