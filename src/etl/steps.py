"""The steps of a run, free of Prefect: each makes its clients, calls one module, says its figures.

A run is (dataset, run date). Every step replaces what an earlier run of the same date left, so
running it again, after any failure or none, ends where one clean run would. The flow's process and
the state machine's function run these same steps.
"""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import UTC, datetime, timedelta

from etl import keys
from etl.at_work import note_load
from etl.catalog import record_version
from etl.conservation import check_conservation, count_rows
from etl.costs import load_prices
from etl.figures import Figures
from etl.manifest import Manifest
from etl.metrics import send_arrival
from etl.publish import PublishResult
from etl.publish import publish as publish_partition
from etl.report import Rows, RunReport
from etl.run import Done, Run, done, stopwatch
from etl.sources.finish import Finished, finish_source
from etl.sources.open import open_source
from etl.staging import stage_raw
from etl.stream.collect import collect_stream
from etl.transform import TransformResult
from etl.validation.step import ValidationResult, validate_run
from etl.warehouse.executor import open_executor
from etl.warehouse.load import LoadResult
from etl.warehouse.load import load as load_run

log = logging.getLogger("etl")


def stage(run: Run, figures: Figures) -> Manifest:
    """What the source has for the run date; of a stream, what it has put there already."""
    s3, contract = run.client("s3"), run.contract
    if contract.source.kind == "stream":
        run.begin_replacing()
        return collect_stream(
            s3, contract=contract, run_date=run.run_date, contract_uri=run.contract_uri
        )
    return stage_raw(
        open_source(contract, run.source_context()),
        s3=s3,
        contract=contract,
        run_date=run.run_date,
        run_id=run.run_id,
        contract_uri=run.contract_uri,
        settings=run.settings.staging,
        figures=figures,
        before_replacing=run.begin_replacing,
    )


def validate(run: Run, transformed: Done[TransformResult]) -> Done[ValidationResult]:
    """Processed, judged by the validator Lambda.

    Raises:
        ValidationError: A check failed: the warehouse does not see this run.
    """
    settings = run.settings.validator
    with stopwatch() as watch:
        result = validate_run(
            run.client("lambda", read_timeout_seconds=settings.timeout_seconds + 30),
            function_name=settings.function_name,
            contract_uri=transformed.result.contract_uri,
            metrics_uri=run.uri("metrics.json"),
            run_date=run.run_date,
        )
        run.write(run.uri("validation.json"), result.to_json())
    cost = load_prices().lambda_(seconds=watch.seconds, memory_mb=settings.memory_mb)
    return done(result, "validate", watch.seconds, result.rows, result.bytes, cost)


def load(
    run: Run,
    extracted: Done[Manifest],
    transformed: Done[TransformResult],
    validated: Done[ValidationResult],
) -> Done[LoadResult]:
    """Processed → warehouse, in one transaction, once every record is accounted for.

    Raises:
        ConservationError: Rows are missing, or there are too many; nothing was touched.
    """
    check_conservation(extracted.result, transformed.result, validated.result.rows)
    metrics = transformed.result.metrics
    executor = open_executor(
        run.settings,
        label=f"{run.contract.dataset} {run.run_date} {run.run_id}",
        at_work=run.load_at_work.statement_id if run.load_at_work else None,
        on_submitted=lambda statement_id: note_load(run, transformed.result, statement_id),
    )
    with stopwatch() as watch, closing(executor):
        run.confirm()
        result = load_run(
            s3=run.client("s3"),
            contract=run.contract,
            run_date=run.run_date,
            run_id=run.run_id,
            metrics=metrics,
            rows=validated.result.rows,
            settings=run.settings,
            executor=executor,
            keys=extracted.result.keys,
            rejected=extracted.result.rejected,
        )
    cost = load_prices().redshift(seconds=watch.seconds)
    return done(result, "load", watch.seconds, result.loaded, validated.result.bytes, cost)


def publish(
    run: Run,
    extracted: Done[Manifest],
    transformed: Done[TransformResult],
    validated: Done[ValidationResult],
    loaded: Done[LoadResult] | None,
) -> Done[PublishResult]:
    """Register the partition for Athena, once every record is accounted for, and count it there.

    Raises:
        ConservationError: Rows are missing, or there are too many.
    """
    manifest = extracted.result
    rows = check_conservation(manifest, transformed.result, _last_count(validated, loaded))
    run.confirm()
    with stopwatch() as watch:
        result = publish_partition(
            glue=run.client("glue"),
            athena=run.client("athena"),
            contract=run.contract,
            run_date=run.run_date,
            settings=run.settings,
            files=[each.uri for each in transformed.result.files],
            expected_rows=rows.loaded,
        )
        _record_version(run, raw=manifest.rows, processed=rows.loaded, quarantine=rows.quarantined)
    cost = load_prices().athena(bytes_scanned=result.bytes_scanned)
    return done(result, "publish", watch.seconds, result.rows, result.bytes_scanned, cost)


def finish(run: Run, extracted: Done[Manifest]) -> Finished:
    """Tell the source that its records have arrived; before that, nothing is moved or deleted."""
    run.confirm()
    if not run.contract.is_transformed:
        _record_version(run, raw=extracted.result.rows)
    finished = finish_source(run.contract, extracted.result, run.source_context())
    send_arrival(
        extracted.result.rows, run.run_date, settings=run.settings, dataset=run.contract.dataset
    )
    return finished


def _record_version(run: Run, **rows: int) -> None:
    record_version(
        run.client("s3"),
        contract=run.contract,
        run_date=run.run_date,
        run_id=run.run_id,
        artifacts_bucket=run.settings.buckets.artifacts,
        rows=rows,
    )


def report(
    run: Run,
    extracted: Done[Manifest],
    transformed: Done[TransformResult] | None = None,
    validated: Done[ValidationResult] | None = None,
    loaded: Done[LoadResult] | None = None,
    published: Done[PublishResult] | None = None,
) -> RunReport:
    """The run's report, also kept beside the data. A contract may end at raw, or at processed."""
    manifest = extracted.result
    if transformed and validated:
        rows = count_rows(manifest, transformed.result, _last_count(validated, loaded))
    else:
        rows = Rows(extracted=manifest.extracted, rejected=manifest.rejected, loaded=manifest.rows)
    steps = (extracted, transformed, validated, loaded, published)
    drift = transformed.result.drift if transformed else None
    made = RunReport(
        dataset=run.contract.dataset,
        run_date=run.run_date,
        run_id=run.run_id,
        environment=run.settings.environment,
        status="succeeded",
        rows=rows,
        table_rows=loaded.result.table_rows if loaded else None,
        engine=str((transformed.result.engine if transformed else None) or ""),
        deleted_rows=loaded.result.deleted if loaded else 0,
        drift=drift.told_lines if drift else (),
        corrected_rows=transformed.result.metrics.get("corrected", 0) if transformed else 0,
        stages=tuple(each.stage for each in steps if each),
        places=_places(run, manifest)
        | ({"drift": run.uri("drift.json")} if drift and drift.told else {}),
        reject_reasons=transformed.result.metrics["reasons"] if transformed else {},
        prices_as_of=load_prices().as_of,
        contract_version=run.contract.version,
        contract_fingerprint=run.contract.fingerprint,
        next_steps=_next_steps(run),
    )
    run.write(run.uri("report.json"), made.to_json())
    return made


def _last_count(validated: Done[ValidationResult], loaded: Done[LoadResult] | None) -> int:
    return loaded.result.loaded if loaded else validated.result.rows


def _places(run: Run, manifest: Manifest) -> dict[str, str]:
    contract, places = run.contract, run.contract.places
    found = {"raw": keys.raw_prefix(contract, run.run_date)}
    if manifest.dead_letters:
        found["dead letters"] = manifest.dead_letters[0].rpartition("/")[0] + "/"
    if contract.is_transformed:
        found["processed"] = keys.processed_uri(contract, run.run_date)
        found["quarantine"] = keys.quarantine_uri(contract, run.run_date)
    if contract.is_loaded:
        warehouse = run.settings.warehouse
        found["warehouse"] = f"{warehouse.database}.{places.schema}.{places.table}"
    if contract.is_transformed:
        found["athena"] = f"{places.catalog_database}.{places.catalog_table}"
    return found | {"report": run.uri("report.json")}


def _next_steps(run: Run) -> tuple[str, ...]:
    names = {
        "dataset": run.contract.dataset,
        "run_date": run.run_date,
        "next_date": run.run_date + timedelta(days=1),
        "table": f"{run.contract.places.schema}.{run.contract.places.table}",
    }
    steps = run.settings.next_steps
    if not run.contract.is_loaded:
        steps = tuple(each for each in steps if "{table}" not in each)
    if run.run_date >= datetime.now(UTC).date():
        steps = tuple(each for each in steps if "{next_date}" not in each)
    return tuple(each.format(**names) for each in steps)
