"""What an earlier process of the same run has left at work, and how this one goes on with it."""

from __future__ import annotations

import logging
from dataclasses import replace

from etl import keys
from etl.errors import StorageError
from etl.manifest import Manifest, read_manifest
from etl.run import Run
from etl.transform import TransformResult, find_active_run
from etl.warehouse.submission import (
    SUBMISSION_NAME,
    Submission,
    find_at_work,
    write_submission,
)

log = logging.getLogger("etl")


def take_up(run: Run) -> Run:
    """The run, which goes on with an earlier process's load if that is still at work.

    It has that run's id then: the rows that are being loaded have it.
    """
    if run.settings.warehouse.loader != "data-api" or not run.contract.is_loaded:
        return run
    client, uri = run.client("redshift-data"), run.uri(SUBMISSION_NAME)
    submission = find_at_work(run.client("s3"), client, uri)
    manifest = _stored_manifest(run) if submission else None
    if submission is None or manifest is None or manifest.digest != submission.manifest_digest:
        return run
    log.info("run %s goes on: its load is at work (%s)", submission.run_id, submission.statement_id)
    return replace(run, run_id=submission.run_id, load_at_work=submission)


def manifest_at_work(run: Run) -> Manifest | None:
    """The extraction that an earlier process's Glue job or load works on, if it serves this run."""
    if run.load_at_work is not None:
        return _stored_manifest(run)
    contract = run.contract
    active = find_active_run(
        run.client("glue"),
        settings=run.settings,
        dataset=contract.dataset,
        run_date=run.run_date,
    )
    manifest = _stored_manifest(run) if active else None
    if active is None or manifest is None:
        return None
    return manifest if active.arguments.get("manifest_digest") == manifest.digest else None


def _stored_manifest(run: Run) -> Manifest | None:
    """The extraction that there is, if it was made under the run's contract."""
    try:
        manifest = read_manifest(run.client("s3"), keys.manifest_uri(run.contract, run.run_date))
    except StorageError:
        return None
    return manifest if manifest.contract_uri == run.contract_uri else None


def note_load(run: Run, transformed: TransformResult, statement_id: str) -> None:
    """Keep what was submitted, for the run that comes after this process's end."""
    submission = Submission(
        statement_id=statement_id,
        run_id=run.run_id,
        job_run_id=transformed.run_id,
        manifest_digest=transformed.metrics["manifest_digest"],
    )
    write_submission(run.client("s3"), run.uri(SUBMISSION_NAME), submission)
