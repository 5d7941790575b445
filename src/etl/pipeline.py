"""How a run begins, in the flow's process: its contract is compiled, its source is read.

What comes after is in `etl.steps`, free of what compiling contracts and showing progress need.
"""

from __future__ import annotations

import logging
import uuid
from datetime import date
from pathlib import Path

from etl.at_work import manifest_at_work
from etl.cli import check_run_date
from etl.contracts import find_contract, load_contract
from etl.costs import load_prices
from etl.display import show_progress
from etl.environment import enter
from etl.errors import ContractError
from etl.figures import Figures
from etl.manifest import Manifest
from etl.metrics import send_figures
from etl.model import Contract
from etl.replay import kept_extraction
from etl.run import Done, Run, done, stopwatch
from etl.settings import load_settings
from etl.steps import stage

log = logging.getLogger("etl")


def start(
    *,
    environment: str,
    dataset: str,
    run_date: date,
    loader: str | None = None,
    engine: str | None = None,
    backfill_from: date | None = None,
) -> Run:
    """Check the input, enter the environment, read the contract and keep it where all can read it.

    Args:
        loader, engine: What goes before warehouse.loader and transform.engine.
        backfill_from: The first date of the backfill that the run belongs to. The backfill has
            entered the environment, once for all its dates.

    Raises:
        UsageError, SettingsError, ContractError, StorageError: Nothing has been touched.
    """
    check_run_date(run_date)
    find_contract(dataset)
    settings = enter(environment) if backfill_from is None else load_settings(environment)
    settings = settings.with_choices(loader=loader, engine=engine)
    contract = load_contract(dataset, settings=settings)
    _check_carried(contract)
    run = Run(
        run_id=uuid.uuid4().hex[:12],
        run_date=run_date,
        contract=contract,
        settings=settings,
        backfill_from=backfill_from,
    )
    run.write(run.contract_uri, contract.to_json())
    log.info("run %s: %s %s in %s", run.run_id, dataset, run_date, environment)
    return run


def _check_carried(contract: Contract) -> None:
    places = contract.places
    layers = {"raw": places.raw, "processed": places.processed, "quarantine": places.quarantine}
    folders = [name for name, place in layers.items() if place and not place.startswith("s3://")]
    if folders:
        raise ContractError(
            f"{contract.dataset} has its {', '.join(folders)} layer in a folder; the pipeline"
            " carries what lies on S3",
            fix="read and write it by etl.catalog, or make those servers of type: s3",
        )


def extract(run: Run) -> Done[Manifest]:
    """Source → raw. Where a job or load of this run is at work, its extraction is the run's."""
    figures = Figures()
    with stopwatch() as watch, show_progress(figures, title="extract"):
        manifest = manifest_at_work(run)
        if manifest is None:
            manifest = stage(run, figures)
        else:
            log.info("extract    a job or load of this run is still going: its extraction stands")
    dataset = run.contract.dataset
    send_figures(figures, settings=run.settings, dataset=dataset, step="extract")
    cost = load_prices().s3(puts=len(manifest.objects) + 1)
    return done(manifest, "extract", watch.seconds, manifest.rows, manifest.bytes, cost)


def replay(run: Run, corrections: str | None = None) -> Done[Manifest]:
    """What raw keeps, in place of what the source has.

    Args:
        corrections: A file of quarantined rows with other payloads.
    """
    with stopwatch() as watch:
        manifest = kept_extraction(run, Path(corrections) if corrections else None)
    return done(manifest, "replay", watch.seconds, manifest.rows, manifest.bytes, 0.0)
