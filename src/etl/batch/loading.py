"""The state machine's steps around the load, which it runs itself by the Data API.

The SQL is that of `etl.warehouse.load`; here it is planned, and where it failed, explained.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from aws.redshift import data_api
from etl.batch.requests import Request
from etl.conservation import check_conservation
from etl.errors import WarehouseError
from etl.run import Run
from etl.transform import TransformResult, read_result
from etl.validation.step import ValidationResult
from etl.warehouse.executor import MAX_ATTEMPTS, open_executor, retry_conflicts
from etl.warehouse.explain import explain_warehouse_errors
from etl.warehouse.load import LoadPlan, explain_refusal, plan_load
from etl.warehouse.migrate import migrate

_DEADLINE = timedelta(hours=1)
# Step Functions hands on 256 KiB ("Service quotas"). Beside the answer and what the step was given
# the state is small, but for the cause of a conflict: up to 32,768 characters.
_LARGEST_BYTES = (256 - 36) * 1024


class LoadConflictError(WarehouseError):
    """Another transaction was in the load's way: the same load may pass."""


def prepare_load(request: Request) -> dict[str, Any]:
    """Bring the tables to what the contract says, and plan the load's transaction.

    The same attempt gives the same statements under the same token, however often it is tried.

    Raises:
        ConservationError: Rows are missing, or there are too many; nothing was touched.
    """
    run = request.run
    validated = read_verdict(request)
    check_conservation(request.manifest(), read_transform(request), validated.rows)
    run.confirm()
    run.write(run.uri("validation.json"), validated.to_json())
    plan = _plan(request, validated.rows, request.entered_at)
    with closing(open_executor(run.settings, label=_label(run))) as executor:
        with explain_warehouse_errors(run.settings):
            role = run.settings.warehouse.database_role
            retry_conflicts(lambda: migrate(executor, run.contract, role=role))
    attempt = request.given["attempt"]["number"]
    answer = {
        "statements": plan.statements,
        "client_token": hashlib.sha256(f"{run.run_id}/load/{attempt}".encode()).hexdigest(),
        "statement_name": _label(run),
        "planned_at": request.entered_at.isoformat(),
        "until": _iso(request.entered_at + _DEADLINE),
    }
    _check_size(request, answer)
    return answer


def explain_load(request: Request) -> dict[str, Any]:
    """Say why a load did not finish; if it has meanwhile, that is well.

    Raises:
        LoadConflictError: Another transaction was in its way, and this was not the last attempt.
        WarehouseError: Redshift refused it, or it took too long and was cancelled.
    """
    run, submitted = request.run, request.given["load"]
    client = run.client("redshift-data")
    with explain_warehouse_errors(run.settings):
        error = data_api.find_end(client, statement_id=submitted["id"])
        if error is None:
            client.cancel_statement(Id=submitted["id"])
    if error == "finished":
        return {}
    if error is None:
        raise WarehouseError(
            f"{_label(run)}: the load had not ended after {_DEADLINE} and was cancelled",
            fix="look for locks (svv_transactions) and queueing, run again",
        )
    if error.is_conflict and request.given["attempt"]["number"] < MAX_ATTEMPTS:
        raise LoadConflictError(f"{_label(run)}: {error.message}", fix="the load is tried again")
    rows = request.given["validated"]["rows"]
    plan = _plan(request, rows, datetime.fromisoformat(submitted["planned_at"]))
    with closing(open_executor(run.settings, label=_label(run))) as executor:
        raise explain_refusal(plan, run.contract, error, executor) from error


def read_verdict(request: Request) -> ValidationResult:
    """What the validator answered."""
    found = request.given["validated"]
    return ValidationResult(rows=found["rows"], bytes=found["bytes"], checks=tuple(found["checks"]))


def read_transform(request: Request) -> TransformResult:
    """What the Glue job wrote down."""
    found = request.given["transformed"]
    return read_result(
        request.run.client("s3"),
        request.run.uri("metrics.json"),
        request.manifest(),
        run_id=found["job_run_id"],
        execution_seconds=found["seconds"],
    )


def _plan(request: Request, rows: int, loaded_at: datetime) -> LoadPlan:
    run, manifest = request.run, request.manifest()
    return plan_load(
        s3=run.client("s3"),
        contract=run.contract,
        run_date=run.run_date,
        run_id=run.run_id,
        metrics=read_transform(request).metrics,
        rows=rows,
        settings=run.settings,
        keys=manifest.keys,
        rejected=manifest.rejected,
        loaded_at=loaded_at,
    )


def _check_size(request: Request, answer: dict[str, Any]) -> None:
    """Refuse what Step Functions would end the execution for, which no Catch catches."""
    run, count = request.run, len(answer["statements"])
    size = len(json.dumps([answer, request.given]).encode())
    if count > data_api.MAX_STATEMENTS or size > _LARGEST_BYTES:
        raise WarehouseError(
            f"{run.contract.dataset} has so many columns that its load, {count} statements that"
            f" are {size:,} bytes with the checks, does not go through Step Functions",
            fix=f"python flows/full_pipeline.py --run-date {run.run_date} --dataset"
            f" {run.contract.dataset} --loader data-api",
        )


def _label(run: Run) -> str:
    return f"{run.contract.dataset} {run.run_date} {run.run_id}"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
