"""The transform, seen from the flow: one Glue job run per (dataset, run date), and its metrics."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from aws.glue.job_runs import (
    JobRun,
    JobRunFailedError,
    JobRunTimeoutError,
    find_active_job_run,
    find_succeeded_job_run,
    start_job_run,
    wait_for_job_run,
)
from aws.s3 import get_bytes
from etl import keys
from etl.drift.diff import Diff, read_diff
from etl.engine import Engine
from etl.errors import TransformError
from etl.manifest import Manifest
from etl.model import Contract
from etl.settings import Settings
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

Progress = Callable[[str], None]

_BUSY_POLL_SECONDS = 5.0
_UNHEARD_STARTS = 6  # how often a job run is asked for while no answer comes


@dataclass(frozen=True, kw_only=True)
class TransformRows:
    """Where the lines of the extraction went; `valid` are the rows of the processed files."""

    read: int
    valid: int
    quarantined: int
    deduplicated: int
    filtered: int


@dataclass(frozen=True, kw_only=True)
class TransformedFile:
    """A processed file; `bytes` is its size."""

    uri: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class TransformResult:
    """What the job run did.

    Attributes:
        reasons: Quarantined rows by what their first reason is about.
        metrics: The job's metrics.json as it stands.
        engine: Which one did it, where the step has chosen it.
        drift: How the source's records differ from the contract; None if the job did not look.
    """

    run_id: str
    contract_uri: str
    execution_seconds: int
    rows: TransformRows
    files: tuple[TransformedFile, ...]
    reasons: Mapping[str, int]
    metrics: Mapping[str, Any]
    drift: Diff | None = None
    engine: Engine | None = None


def find_active_run(
    glue: GlueClient, *, settings: Settings, dataset: str, run_date: date
) -> JobRun | None:
    """The newest job run of this (dataset, run date) that is still going, whoever started it."""
    return find_active_job_run(
        glue,
        job_name=settings.glue.job_name,
        arguments_match={"dataset": dataset, "run_date": run_date.isoformat()},
    )


def find_last_run(glue: GlueClient, *, settings: Settings, dataset: str) -> JobRun | None:
    """The dataset's newest job run that has succeeded, of any run date."""
    return find_succeeded_job_run(
        glue, job_name=settings.glue.job_name, arguments_match={"dataset": dataset}
    )


def run_transform(
    *,
    glue: GlueClient,
    s3: S3Client,
    contract: Contract,
    manifest_uri: str,
    manifest: Manifest,
    run_id: str,
    started_at: datetime,
    settings: Settings,
    on_progress: Progress | None = None,
    on_look: Callable[[JobRun], None] | None = None,
    before_starting: Callable[[], None] = lambda: None,
) -> TransformResult:
    """Have Glue transform the extraction, or attach to the job run that is at it already.

    A job run of the same (dataset, run date) that works on something else, an earlier extraction
    or contract, is waited for first: two runs must never write to the same place.

    Args:
        run_id, started_at: What the rows' lineage says; a job run that is at it already keeps its.
        on_progress: Called with the job run's state whenever it changes.
        on_look: Called with what each look at the job run shows.
        before_starting: Called before a job run is started; what it raises keeps it from that.

    Raises:
        TransformError: The job failed, took too long, or did not do what it says.
    """
    arguments = job_arguments(contract, manifest_uri, manifest, settings)
    lineage = {"run_id": run_id, "ingested_at": started_at.isoformat()}
    say = on_progress or (lambda state: None)
    shown = ""

    def look(run: JobRun) -> None:
        nonlocal shown
        if run.state != shown:
            shown = run.state
            say(run.state)
        if on_look is not None:
            on_look(run)

    try:
        run = wait_for_job_run(
            glue,
            job_name=settings.glue.job_name,
            run_id=_attach_or_start(glue, arguments, lineage, settings, say, before_starting),
            poll_seconds=settings.glue.poll_seconds,
            timeout_minutes=settings.glue.timeout_minutes,
            on_progress=look,
        )
    except JobRunFailedError as error:
        raise TransformError(str(error), fix=f"see the {error.run.log}") from error
    except JobRunTimeoutError as error:
        raise TransformError(
            str(error),
            fix="run again to go on waiting for it, or stop it in Glue and raise"
            " glue.timeout_minutes",
        ) from error
    except glue.exceptions.EntityNotFoundException as error:
        raise TransformError(
            f"there is no Glue job {settings.glue.job_name}",
            fix="create it (terraform apply), or correct glue.job_name in config/",
        ) from error
    return read_result(
        s3,
        arguments["metrics_uri"],
        manifest,
        run_id=run.run_id,
        execution_seconds=run.execution_seconds,
    )


def job_arguments(
    contract: Contract, manifest_uri: str, manifest: Manifest, settings: Settings
) -> dict[str, str]:
    """What the job's script is told to do. `manifest_digest` lets it refuse another extraction."""
    run_date = manifest.run_date
    return {
        "dataset": contract.dataset,
        "run_date": run_date.isoformat(),
        "manifest_uri": manifest_uri,
        "manifest_digest": manifest.digest,
        "contract_uri": manifest.contract_uri,
        "processed_uri": keys.processed_uri(contract, run_date),
        "quarantine_uri": keys.quarantine_uri(contract, run_date),
        "metrics_uri": keys.run_uri(
            settings.buckets.artifacts, contract.dataset, run_date, "metrics.json"
        ),
        "slices": str(settings.warehouse.slices),
    }


def _attach_or_start(
    glue: GlueClient,
    arguments: Mapping[str, str],
    lineage: Mapping[str, str],
    settings: Settings,
    say: Progress,
    before_starting: Callable[[], None],
) -> str:
    """The id of the one run that carries out these arguments, whatever its lineage says."""
    job_name = settings.glue.job_name
    deadline = time.monotonic() + settings.glue.timeout_minutes * 60
    unheard = 0
    same_place = {name: arguments[name] for name in ("dataset", "run_date")}
    while True:
        active = find_active_job_run(glue, job_name=job_name, arguments_match=same_place)
        if active is None:
            before_starting()
            try:
                return start_job_run(glue, job_name=job_name, arguments={**arguments, **lineage})
            except glue.exceptions.ConcurrentRunsExceededException as error:
                reason, cause = "waiting for the job's other runs", error
            except (BotoCoreError, ClientError) as error:
                unheard += 1
                if unheard == _UNHEARD_STARTS or not _may_have_started(error):
                    raise
                reason, cause = "looking whether Glue has started the job run", None
        elif active.state != "STOPPING" and arguments.items() <= active.arguments.items():
            return active.run_id
        else:
            reason, cause = f"waiting for job run {active.run_id}, which works on older input", None
        if time.monotonic() >= deadline:
            raise TransformError(
                f"{job_name} was not free for {settings.glue.timeout_minutes} minutes: {reason}",
                fix="stop what occupies it, or raise its concurrent runs",
            ) from cause
        say(reason)
        time.sleep(min(_BUSY_POLL_SECONDS, settings.glue.poll_seconds))


def _may_have_started(error: BotoCoreError | ClientError) -> bool:
    """Whether Glue may have done all the same what it was asked to."""
    if isinstance(error, ClientError):
        return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500
    return isinstance(error, (ConnectionError, HTTPClientError))


def read_result(
    s3: S3Client, uri: str, manifest: Manifest, *, run_id: str, execution_seconds: int
) -> TransformResult:
    """What a job run that has succeeded wrote down, held against the extraction it was given.

    Raises:
        TransformError: It is no such document, of another extraction, or its rows do not add up.
    """
    bucket, key = keys.parse_s3_uri(uri)
    with explain_storage_errors(uri):
        text = get_bytes(s3, bucket=bucket, key=key)
    try:
        metrics = json.loads(text)
        rows = TransformRows(**metrics["rows"])
        files = tuple(TransformedFile(**each) for each in metrics["files"])
        digest, reasons = metrics["manifest_digest"], metrics["reasons"]
        drift = read_diff(metrics)
    except (ValueError, KeyError, TypeError) as error:
        raise TransformError(f"{uri} is not what the job writes: {error!r}", fix=_FIX) from error
    if digest != manifest.digest:
        raise TransformError(f"{uri} is of another extraction than {run_id}'s", fix=_FIX)
    _check_rows(rows, manifest, uri)
    return TransformResult(
        run_id=run_id,
        contract_uri=manifest.contract_uri,
        execution_seconds=execution_seconds,
        rows=rows,
        files=files,
        reasons=reasons,
        metrics=metrics,
        drift=drift,
    )


def _check_rows(rows: TransformRows, manifest: Manifest, uri: str) -> None:
    if rows.read != manifest.rows:
        raise TransformError(
            f"the job read {rows.read} rows of {manifest.rows} extracted ({uri})", fix=_FIX
        )
    if rows.read != rows.valid + rows.quarantined + rows.deduplicated + rows.filtered:
        raise TransformError(f"the job's rows do not add up: {rows} ({uri})", fix=_FIX)


_FIX = "compare the job's script and etl.zip with this version; deploy them again"
