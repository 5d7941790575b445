"""Load one run into the warehouse: stage, replace or merge, ledger, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from aws.redshift.errors import StatementError
from etl.errors import WarehouseError
from etl.keys import processed_uri, run_uri
from etl.manifest import RawObject
from etl.model import Contract
from etl.settings import Settings
from etl.storage import write_json
from etl.warehouse import ledger
from etl.warehouse.deletes_sql import deleted_rows_sql
from etl.warehouse.executor import Executor, retry_conflicts
from etl.warehouse.explain import explain_warehouse_errors, explained_step, load_errors
from etl.warehouse.load_sql import Copied, load_steps, row_counts_sql
from etl.warehouse.migrate import migrate
from etl.warehouse.stage_sql import Step

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MANIFEST_NAME = "load.manifest"
KEYS_MANIFEST_NAME = "keys.manifest"


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What a load did, and what the table holds after it.

    Attributes:
        loaded: Rows of the run that the warehouse took in.
        superseded: Those of them that do not show, because another run has a newer row of the key.
        deleted: Keys that some run brought, and that are gone from the source since.
    """

    loaded: int
    superseded: int
    table_rows: int
    deleted: int = 0


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """A load that has not been run: its ledger row, and its transaction step by step."""

    this: ledger.Load
    steps: tuple[Step, ...]

    @property
    def statements(self) -> list[str]:
        """The transaction's SQL, in order."""
        return [step.sql for step in self.steps]


def load(
    *,
    s3: S3Client,
    contract: Contract,
    run_date: date,
    run_id: str,
    metrics: Mapping[str, Any],
    rows: int,
    settings: Settings,
    executor: Executor,
    keys: Sequence[RawObject] | None = None,
    rejected: int = 0,
) -> LoadResult:
    """Make the warehouse hold of `run_date` what the run's Parquet files hold.

    Creates or migrates the tables first. Loading again, after any failure or none, by either
    executor, ends in the same tables.

    Args:
        metrics: What the transform wrote: rows, files, manifest_digest.
        rows: How many rows the files hold, as the validator counted them; a stage table that
            holds another number fails the transaction.
        keys: Parquet files of all primary keys of the source; None if the run did not look.
        rejected: Records of the source that raw could not hold, for the ledger.

    Raises:
        WarehouseError: The warehouse cannot be reached, its tables do not fit the contract, or it
            refused a statement; nothing was changed but what `migrate` had done.
    """
    plan = plan_load(
        s3=s3,
        contract=contract,
        run_date=run_date,
        run_id=run_id,
        metrics=metrics,
        rows=rows,
        settings=settings,
        keys=keys,
        rejected=rejected,
        loaded_at=datetime.now(UTC),
    )
    with explain_warehouse_errors(settings):
        retry_conflicts(lambda: migrate(executor, contract, role=settings.warehouse.database_role))
        try:
            retry_conflicts(lambda: executor.run_transaction(plan.statements))
        except StatementError as error:
            raise explain_refusal(plan, contract, error, executor) from error
        return read_result(executor, contract, run_date=run_date, loaded=rows)


def plan_load(
    *,
    s3: S3Client,
    contract: Contract,
    run_date: date,
    run_id: str,
    metrics: Mapping[str, Any],
    rows: int,
    settings: Settings,
    keys: Sequence[RawObject] | None,
    rejected: int,
    loaded_at: datetime,
) -> LoadPlan:
    """The transaction of `load`, whose arguments these are, with the manifests that it copies by.

    Args:
        loaded_at: What the rows and the ledger say. The same arguments give the same statements.

    Raises:
        WarehouseError: The transform names no file for the rows.
    """
    if rows and not metrics["files"]:
        raise WarehouseError(
            f"{contract.dataset} {run_date}: {rows} rows validated, no file named by the transform",
            fix="run the transform again",
        )
    place = partial(run_uri, settings.buckets.artifacts, contract.dataset, run_date)
    manifest_uri = _write_files(s3, place(MANIFEST_NAME), metrics["files"])
    copied_keys = None
    if contract.detect_deletes and keys is not None:
        copied_keys = _copied_keys(s3, place(KEYS_MANIFEST_NAME), keys)
    counts = metrics["rows"]
    this = ledger.Load(
        run_date=run_date,
        run_id=run_id,
        extracted=counts["read"] + rejected,
        rejected=rejected,
        deduplicated=counts["deduplicated"],
        quarantined=counts["quarantined"],
        filtered=counts["filtered"],
        loaded=rows,
        manifest_digest=metrics["manifest_digest"],
        loaded_at=loaded_at,
    )
    steps = load_steps(
        contract,
        this,
        manifest_uri=manifest_uri,
        copy_role_arn=settings.warehouse.copy_role_arn,
        keys=copied_keys,
    )
    return LoadPlan(this=this, steps=steps)


def _copied_keys(s3: S3Client, uri: str, keys: Sequence[RawObject]) -> Copied:
    files = [{"uri": each.uri, "bytes": each.bytes} for each in keys]
    return Copied(manifest_uri=_write_files(s3, uri, files), rows=sum(each.rows for each in keys))


def _write_files(s3: S3Client, uri: str, files: Sequence[Mapping[str, Any]]) -> str | None:
    """The manifest of some files; None, and no manifest, for none."""
    if not files:
        return None
    write_load_manifest(s3, uri=uri, files=files)
    return uri


def write_load_manifest(s3: S3Client, *, uri: str, files: Sequence[Mapping[str, Any]]) -> None:
    """Write the list of files that COPY is to read, each of them or none.

    Args:
        files: `uri` and `bytes` of each.
    """
    entries = [
        {"url": file["uri"], "mandatory": True, "meta": {"content_length": file["bytes"]}}
        for file in files
    ]
    write_json(s3, uri, json.dumps({"entries": entries}, indent=1))


def read_result(
    executor: Executor, contract: Contract, *, run_date: date, loaded: int
) -> LoadResult:
    """What the table holds after a load of so many rows has committed."""
    return retry_conflicts(lambda: _read_result(executor, contract, run_date, loaded))


def _read_result(executor: Executor, contract: Contract, run_date: date, loaded: int) -> LoadResult:
    # Not from the ledger, which the next load may have locked already.
    ((table_rows, superseded),) = executor.query(row_counts_sql(contract, run_date))
    deleted = 0
    if contract.detect_deletes:
        ((deleted,),) = executor.query(deleted_rows_sql(contract))
    return LoadResult(
        loaded=loaded,
        superseded=superseded,
        table_rows=table_rows,
        deleted=deleted,
    )


def explain_refusal(
    plan: LoadPlan, contract: Contract, error: StatementError, executor: Executor
) -> WarehouseError:
    """Which step of the load it was that Redshift refused, and why."""
    step = plan.steps[error.index] if error.index >= 0 else Step("commit the load", "COMMIT")
    details: list[str] = []
    if step.sql.startswith("COPY"):
        prefix = processed_uri(contract, plan.this.run_date)
        details = load_errors(executor, prefix=prefix, since=plan.this.loaded_at)
    return explained_step(f"{contract.dataset} {plan.this.run_date}", step, error, details)
