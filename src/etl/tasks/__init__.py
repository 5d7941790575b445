"""The Prefect tasks: the steps with names, retries and what they show. Nothing else in src/ knows
Prefect.

The last result that a step is given is the one that it comes after, and its arrow in the graph.
"""

from __future__ import annotations

from typing import Any

from etl import keys, pipeline, steps, transform_step
from etl.archiving import ArchiveReport
from etl.archiving.command import ArchiveFailed, archive_now
from etl.artifacts import Artifact
from etl.artifacts.drift import drift_artifact
from etl.artifacts.places import places_artifact
from etl.artifacts.quarantine import quarantine_artifact, read_samples
from etl.artifacts.report import checks_artifact, report_artifact
from etl.artifacts.summaries import archive_artifact, backfill_artifact, batch_artifact
from etl.backfill_report import BackfillReport
from etl.batch import execution
from etl.lineage import processed_made, raw_made, warehouse_made
from etl.manifest import Manifest
from etl.publish import PublishResult
from etl.report import RunReport
from etl.run import Done, Run
from etl.sources.finish import Finished
from etl.tasks.alerting import alert_on_failure
from etl.tasks.due import run_date_due
from etl.tasks.server import command_line
from etl.tasks.showing import JobWatch, show
from etl.tasks.step import after, note_made, step
from etl.transform import TransformResult
from etl.validation.step import ChecksFailedError, ValidationResult
from etl.warehouse.load import LoadResult

__all__ = [
    "after",
    "alert_on_failure",
    "archive_objects",
    "command_line",
    "extract",
    "finish",
    "follow_batch",
    "load",
    "publish",
    "replay",
    "report",
    "run_date_due",
    "show_backfill",
    "start",
    "start_batch",
    "transform",
    "validate",
]

start = step("start")(pipeline.start)
start_batch = step("start batch")(execution.start_batch)


@step("replay")
def replay(run: Run, started: Run, *, corrections: str | None) -> Done[Manifest]:
    """Raw as it is kept, with corrections; `started` is the run as `start` gave it."""
    return pipeline.replay(run, corrections=corrections)


@step("extract", makes=raw_made)
def extract(run: Run, started: Run) -> Done[Manifest]:
    """Source → raw; `started` is the run as `start` gave it."""
    extracted = pipeline.extract(run)
    note_made(**_figures(run, extracted), objects=len(extracted.result.objects))
    return extracted


@step("transform", makes=processed_made)
def transform(run: Run, extracted: Done[Manifest]) -> Done[TransformResult]:
    """Raw → processed and quarantine, by the Glue job or in DuckDB."""
    transformed = transform_step.transform(run, extracted, on_look=JobWatch(run))
    result = transformed.result
    note_made(
        **_figures(run, transformed),
        quarantined=result.rows.quarantined,
        deduplicated=result.rows.deduplicated,
        filtered=result.rows.filtered,
        job_run_id=result.run_id,
    )
    show(lambda: _quarantine(run, result))
    if (drift := result.drift) is not None:
        show(lambda: drift_artifact(run.contract.dataset, run.run_date, drift))
    return transformed


def _quarantine(run: Run, result: TransformResult) -> Artifact:
    uris = [each["uri"] for each in result.metrics["quarantine_files"]]
    most = run.settings.artifacts.quarantine_samples
    return quarantine_artifact(
        run.contract,
        run.run_date,
        reasons=result.reasons,
        samples=read_samples(run.client("s3"), uris, reasons=result.reasons, most=most),
        rows_read=result.rows.read,
        place=keys.quarantine_uri(run.contract, run.run_date),
    )


@step("validate")
def validate(run: Run, transformed: Done[TransformResult]) -> Done[ValidationResult]:
    """Processed, judged by the validator Lambda."""
    try:
        validated = steps.validate(run, transformed)
    except ChecksFailedError as error:
        checks = error.checks
        show(lambda: checks_artifact(run.contract.dataset, run.run_date, checks))
        raise
    show(lambda: checks_artifact(run.contract.dataset, run.run_date, validated.result.checks))
    return validated


@step("load", makes=warehouse_made)
def load(
    run: Run,
    extracted: Done[Manifest],
    transformed: Done[TransformResult],
    validated: Done[ValidationResult],
) -> Done[LoadResult]:
    """Processed → warehouse, in one transaction."""
    loaded = steps.load(run, extracted, transformed, validated)
    result = loaded.result
    note_made(**_figures(run, loaded), table_rows=result.table_rows, deleted=result.deleted)
    return loaded


publish = step("publish")(steps.publish)


@step("finish")
def finish(run: Run, extracted: Done[Manifest], last: Done[Any]) -> Finished:
    """Tell the source that its records have arrived, once the run's last layer has them."""
    return steps.finish(run, extracted)


@step("report")
def report(
    run: Run,
    extracted: Done[Manifest],
    transformed: Done[TransformResult] | None,
    validated: Done[ValidationResult] | None,
    loaded: Done[LoadResult] | None,
    published: Done[PublishResult] | None,
    finished: Finished,
) -> RunReport:
    """The run's report, beside the data and on Prefect's pages."""
    made = steps.report(run, extracted, transformed, validated, loaded, published)
    show(lambda: report_artifact(made))
    show(
        lambda: places_artifact(
            made.dataset,
            made.run_date,
            made.places,
            region=run.settings.region,
            has_console=run.settings.artifacts.console_links,
        )
    )
    return made


@step("archive")
def archive_objects(
    *,
    environment: str,
    older_than_days: int | None = None,
    prefix: str | None = None,
    dry_run: bool = False,
) -> ArchiveReport:
    """Archive what is due, to the end."""
    try:
        archived = archive_now(
            environment=environment, older_than_days=older_than_days, prefix=prefix, dry_run=dry_run
        )
    except ArchiveFailed as error:
        failed = error.report
        show(lambda: archive_artifact(failed))
        raise
    show(lambda: archive_artifact(archived))
    return archived


@step("follow batch")
def follow_batch(batch: execution.Batch) -> dict[str, Any]:
    """The state machine's run, to its end."""
    followed = execution.follow_batch(batch)
    show(lambda: batch_artifact(followed))
    return followed


def show_backfill(report: BackfillReport) -> None:
    """What became of a backfill's dates, on the page of its flow run."""
    show(lambda: backfill_artifact(report))


def _figures(run: Run, made: Done[Any]) -> dict[str, Any]:
    """What an asset's event says of the run that made it."""
    return {
        "run_date": run.run_date.isoformat(),
        "run_id": run.run_id,
        "rows": made.stage.rows,
        "bytes": made.stage.bytes,
        "contract_version": run.contract.version,
    }
