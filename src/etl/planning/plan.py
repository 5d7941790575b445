"""A run's plan: what each stage would do, and about how much of it, by what is known today.

Nothing is written, and no source but files is asked: what a day brings is estimated by what it
brought before, or by what another day did.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from aws.clients import make_client
from aws.s3 import get_bytes, iter_objects
from etl import keys
from etl.contracts import load_contract
from etl.costs import Prices, load_prices
from etl.engine import Engine, engine_for
from etl.errors import StorageError
from etl.manifest import Manifest, find_manifest
from etl.model import Contract
from etl.report import human_bytes
from etl.run import Run
from etl.settings import Settings
from etl.sources.files.open import list_files
from etl.storage import explain_storage_errors
from etl.transforming import lines_bytes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LIKE = {"extract": "replay", "replay": "extract"}
_REPORT = re.compile(r"/(\d{4}-\d\d-\d\d)/report\.json$")


@dataclass(frozen=True, kw_only=True)
class PlannedStage:
    """What one stage would do; None where nothing tells how much.

    Attributes:
        bytes: That it would write (or, for a query, scan).
        cost_usd: On AWS.
    """

    name: str
    does: str
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole run.

    Attributes:
        basis: What the figures come from.
        engine: What would transform, and why; "" where nothing would.
    """

    dataset: str
    run_date: date
    environment: str
    basis: str
    engine: str
    stages: tuple[PlannedStage, ...]
    prices_as_of: date

    def to_json(self) -> str:
        """The plan as one JSON object."""
        return json.dumps(dataclasses.asdict(self), default=str, indent=2, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What is there already: of this date, and of the run that figures are taken from.

    Attributes:
        there: What a source of files holds now, in words.
    """

    manifest: Manifest | None
    report_date: date | None
    report: dict[str, Any]
    there: str

    @property
    def raw_bytes(self) -> int | None:
        """Of the extraction that this run's is likely to resemble."""
        if self.manifest:
            return self.manifest.bytes
        return next((e["bytes"] for e in self.report.get("stages", ())), None)


def plan_run(dataset: str, run_date: date, *, settings: Settings, replay: bool = False) -> Plan:
    """What a run of the date would do.

    Args:
        replay: Whether it would take what raw keeps, in place of what the source has.

    Raises:
        ContractError: The contract has problems.
        StorageError: A bucket is missing or refuses access; or there is nothing to replay.
    """
    contract = load_contract(dataset, settings=settings)
    s3 = make_client("s3", settings.aws)
    known = _known(s3, contract, run_date, settings, replay=replay)
    if replay and known.manifest is None:
        raise StorageError(
            f"raw keeps nothing of {dataset} {run_date}", fix="run the date without --replay first"
        )
    engine = _engine(contract, known, settings)
    prices = load_prices()
    return Plan(
        dataset=dataset,
        run_date=run_date,
        environment=settings.environment,
        basis=_basis(known, run_date),
        engine=_engine_words(contract, engine, settings),
        stages=tuple(_stages(contract, run_date, known, engine, settings, prices, replay)),
        prices_as_of=prices.as_of,
    )


def _known(
    s3: S3Client, contract: Contract, run_date: date, settings: Settings, *, replay: bool
) -> _Known:
    there = "" if replay else _there(contract, run_date, settings)
    manifest = find_manifest(s3, keys.manifest_uri(contract, run_date))
    bucket, prefix = keys.parse_s3_uri(
        keys.runs_prefix(settings.buckets.artifacts, contract.dataset)
    )
    with explain_storage_errors(f"s3://{bucket}/{prefix}"):
        found = {
            date.fromisoformat(match[1]): each.key
            for each in iter_objects(s3, bucket=bucket, prefix=prefix)
            if (match := _REPORT.search(each.key))
        }
        if not found:
            return _Known(manifest=manifest, report_date=None, report={}, there=there)
        earlier = [day for day in found if day <= run_date]
        day = max(earlier) if earlier else min(found)
        report = json.loads(get_bytes(s3, bucket=bucket, key=found[day]))
    return _Known(manifest=manifest, report_date=day, report=report, there=there)


def _there(contract: Contract, run_date: date, settings: Settings) -> str:
    if contract.source.kind != "file":
        return ""
    run = Run(run_id="plan", run_date=run_date, contract=contract, settings=settings)
    files = list_files(contract, run.source_context())
    noun = "file" if len(files) == 1 else "files"
    return f", {len(files):,} {noun} of {human_bytes(sum(each.found.size for each in files))},"


def _basis(known: _Known, run_date: date) -> str:
    if known.report_date is None:
        return "none: no date of the dataset has been run; the first run will tell"
    if known.report_date == run_date:
        return "by what the date's last run did"
    return f"by what the run of {known.report_date} did"


def _engine(contract: Contract, known: _Known, settings: Settings) -> Engine | None:
    if not contract.is_transformed:
        return None
    if known.raw_bytes is None and settings.transform.engine == "auto":
        return None
    return engine_for(lines_bytes(contract, known.raw_bytes or 0), settings.transform)


def _engine_words(contract: Contract, engine: Engine | None, settings: Settings) -> str:
    if engine:
        return str(engine)
    if not contract.is_transformed:
        return ""
    limit = human_bytes(settings.transform.memory_mib * 1024 * 1024)
    return f"DuckDB for at most {limit} of lines, Spark on Glue for more"


def _stages(
    contract: Contract,
    run_date: date,
    known: _Known,
    engine: Engine | None,
    settings: Settings,
    prices: Prices,
    replay: bool,
) -> Iterator[PlannedStage]:
    figures = {each["name"]: each for each in known.report.get("stages", ())}
    for name, does in _does(contract, run_date, known, settings, replay):
        kept = figures.get(name) or figures.get(_LIKE.get(name, ""), {})
        stage = PlannedStage(
            name=name,
            does=does,
            rows=kept.get("rows"),
            bytes=kept.get("bytes"),
            seconds=kept.get("seconds"),
            cost_usd=kept.get("cost_usd"),
        )
        if name == "transform" and engine:
            stage = _by_engine(stage, engine, known.report.get("engine", ""), settings, prices)
        yield stage


def _does(
    contract: Contract, run_date: date, known: _Known, settings: Settings, replay: bool
) -> Iterator[tuple[str, str]]:
    raw = keys.raw_prefix(contract, run_date)
    if replay:
        count = known.manifest.extracted if known.manifest else 0
        yield "replay", f"take the {count:,} records of {raw} once more"
    else:
        again = f", in place of {len(known.manifest.objects)} objects" if known.manifest else ""
        source = f"{contract.source.kind} {contract.source.name}"
        yield "extract", f"{source}{known.there} → {raw}{again}"
    if not contract.is_transformed:
        return
    yield "transform", f"→ {keys.processed_uri(contract, run_date)}"
    yield "validate", f"Lambda {settings.validator.function_name}"
    if contract.is_loaded:
        warehouse, places = settings.warehouse, contract.places
        how = {"replace": "replace the date's rows", "merge": "merge by key"}[contract.load_mode]
        table = f"{warehouse.database}.{places.schema}.{places.table}"
        yield "load", f"{how} in {table}, by {warehouse.loader}"
    yield "publish", f"{contract.places.catalog_database}.{contract.places.catalog_table} in Athena"


def _by_engine(
    stage: PlannedStage, engine: Engine, then: str, settings: Settings, prices: Prices
) -> PlannedStage:
    """Seconds and cost hold for the engine that the figures come from."""
    if then.startswith(str(engine).partition(":")[0]):
        return stage
    cost = 0.0
    if engine.name == "spark":
        cost = prices.glue(  # at least
            seconds=prices.glue_minimum_seconds,
            worker_type=settings.glue.worker_type,
            workers=settings.glue.number_of_workers,
        )
    return dataclasses.replace(stage, seconds=None, cost_usd=cost)
