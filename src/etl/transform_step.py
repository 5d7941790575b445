"""The step from raw to processed and quarantine, by one of two engines."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from aws.glue.job_runs import JobRun
from etl import keys
from etl.costs import load_prices
from etl.engine import Engine, choose_engine
from etl.manifest import Manifest
from etl.run import Done, Run, done, stopwatch
from etl.transform import TransformResult, find_active_run, read_result, run_transform

log = logging.getLogger("etl")


def transform(
    run: Run, extracted: Done[Manifest], *, on_look: Callable[[JobRun], None] | None = None
) -> Done[TransformResult]:
    """Raw → processed and quarantine, by the engine that the extraction's size asks for.

    Args:
        on_look: Called with what each look at the job run shows.
    """
    settings = run.settings
    with stopwatch() as watch:
        if run.load_at_work is not None:
            result = read_result(
                run.client("s3"),
                run.uri("metrics.json"),
                extracted.result,
                run_id=run.load_at_work.job_run_id,
                execution_seconds=0,
            )
        else:
            engine = _engine(run, extracted.result)
            log.info("transform  by %s", engine)
            if engine.name == "duckdb":
                # Here and not above: a run by Spark needs no DuckDB, and what `cli.run_command`
                # freezes must not hold it: its binding would report leaks.
                from etl.duckdb.step import transform_here

                result = transform_here(run, extracted.result)
            else:
                result = _run_job(run, extracted.result, on_look)
            result = replace(result, engine=engine)
    cost = 0.0  # of DuckDB, which runs where the flow does
    if result.engine is None or result.engine.name == "spark":
        cost = load_prices().glue(
            seconds=result.execution_seconds,
            worker_type=settings.glue.worker_type,
            workers=settings.glue.number_of_workers,
        )
    size = sum(each.bytes for each in result.files)
    return done(result, "transform", watch.seconds, result.rows.valid, size, cost)


def _engine(run: Run, manifest: Manifest) -> Engine:
    engine = choose_engine(run.contract, manifest, run.settings.transform)
    if engine.name == "spark":
        return engine
    at_work = find_active_run(
        run.client("glue"),
        settings=run.settings,
        dataset=run.contract.dataset,
        run_date=run.run_date,
    )
    if at_work is None:
        return engine
    return Engine(name="spark", reason=f"job run {at_work.run_id} writes to the same place")


def _run_job(
    run: Run, manifest: Manifest, on_look: Callable[[JobRun], None] | None
) -> TransformResult:
    return run_transform(
        glue=run.client("glue"),
        s3=run.client("s3"),
        contract=run.contract,
        manifest_uri=keys.manifest_uri(run.contract, run.run_date),
        manifest=manifest,
        run_id=run.run_id,
        started_at=run.started_at,
        settings=run.settings,
        on_progress=lambda state: log.info("transform  Glue job is %s", state),
        on_look=on_look,
        before_starting=run.confirm,
    )
