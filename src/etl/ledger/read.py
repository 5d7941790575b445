"""A dataset's account, read: by the warehouse's ledger, or by what its runs left on S3."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING

from etl.catalog.layers import Dates
from etl.catalog.stores import S3Store
from etl.catalog.versions import choose_versions, list_versions, versions_prefix
from etl.ledger.account import Account, Counts, Line, sum_difference
from etl.ledger.left import (
    Left,
    check_left,
    check_quarantine,
    count_processed,
    count_raw,
    read_left,
)
from etl.ledger.warehouse import Loaded, read_holdings
from etl.model import Contract
from etl.settings import Settings
from etl.warehouse.executor import open_executor
from etl.warehouse.explain import explain_warehouse_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_READERS = 8


def read_account(
    s3: S3Client,
    contract: Contract,
    *,
    settings: Settings,
    dates: Dates = Dates(),
    hashed: bool = False,
) -> Account:
    """Every run date's counts, held against what is there.

    Args:
        hashed: Whether to hash the content of the warehouse's table too, if there is one.

    Raises:
        WarehouseError: The warehouse cannot be reached.
        StorageError: A bucket is missing or refuses access.
    """
    if contract.is_loaded:
        return _loaded_account(s3, contract, settings, dates, hashed)
    return _files_account(s3, contract, settings, dates)


def _loaded_account(
    s3: S3Client, contract: Contract, settings: Settings, dates: Dates, hashed: bool
) -> Account:
    executor = open_executor(settings, label=f"{contract.dataset} ledger")
    with explain_warehouse_errors(settings), closing(executor):
        held = read_holdings(executor, contract, dates, hashed=hashed)

    def line(load: Loaded) -> Line:
        differences, notes = list(load.differences), list[str]()
        if load.manifest_digest:
            left = read_left(s3, contract, load.run_date, settings.buckets.artifacts)
            more, notes = check_left(s3, left, load.manifest_digest, load.counts)
            differences += more
        return Line(
            run_date=load.run_date,
            run_id=load.run_id,
            counts=load.counts,
            differences=tuple(differences),
            notes=tuple(notes),
        )

    with ThreadPoolExecutor(_READERS) as readers:
        lines = tuple(readers.map(line, held.loads))
    places = contract.places
    return Account(
        dataset=contract.dataset,
        place=f"{settings.warehouse.database}.{places.schema}.{places.table}",
        lines=lines,
        present=held.rows,
        differences=held.differences,
        table_hash=held.table_hash,
    )


def _files_account(s3: S3Client, contract: Contract, settings: Settings, dates: Dates) -> Account:
    prefix = versions_prefix(contract, settings.buckets.artifacts)
    versions = choose_versions(list_versions(S3Store(s3), prefix, dates))

    def line(run: tuple[date, str]) -> Line:
        left = read_left(s3, contract, run[0], settings.buckets.artifacts)
        make = _processed_line if contract.is_transformed else _raw_line
        return make(s3, *run, left)

    with ThreadPoolExecutor(_READERS) as readers:
        runs = sorted((each.run_date, each.run_id) for each in versions)
        lines = tuple(readers.map(line, runs))
    return Account(
        dataset=contract.dataset,
        place=contract.places.processed or contract.places.raw,
        lines=lines,
        present=sum(each.counts.present for each in lines),
    )


def _processed_line(s3: S3Client, run_date: date, run_id: str, left: Left) -> Line:
    """By the transform's metrics, of the files that they name."""
    if left.metrics is None:
        return _unknown(run_date, run_id, "its metrics.json is not there")
    rows, notes, rejected = left.metrics["rows"], list[str](), 0
    if left.manifest is not None and left.metrics_of(left.manifest.digest):
        rejected = left.manifest.rejected
    else:
        notes.append("its extraction is not there, or has been replaced since")
    present = count_processed(s3, left.metrics["files"])
    if present is None:
        present = rows["valid"]
        notes.append("its processed files are not all there: archived, deleted, or being replaced")
    counts = Counts(
        extracted=rows["read"] + rejected,
        rejected=rejected,
        filtered=rows.get("filtered", 0),
        deduplicated=rows["deduplicated"],
        quarantined=rows["quarantined"],
        loaded=rows["valid"],
        present=present,
    )
    differences, more = check_quarantine(s3, left.metrics, counts.quarantined)
    return _line(run_date, run_id, counts, differences, notes + more)


def _raw_line(s3: S3Client, run_date: date, run_id: str, left: Left) -> Line:
    """By the manifest, of the objects that it names."""
    manifest = left.manifest
    if manifest is None:
        return _unknown(run_date, run_id, "its manifest is not there")
    counts = Counts(
        extracted=manifest.extracted,
        rejected=manifest.rejected,
        loaded=manifest.rows,
        present=count_raw(s3, manifest.objects),
    )
    return _line(run_date, run_id, counts, [], [])


def _line(
    run_date: date, run_id: str, counts: Counts, differences: Iterable[str], notes: Iterable[str]
) -> Line:
    found = [*sum_difference(counts), *differences]
    if counts.superseded:
        found.append(
            f"{counts.loaded:,} rows were written, the files there hold {counts.present:,}"
        )
    return Line(
        run_date=run_date,
        run_id=run_id,
        counts=counts,
        differences=tuple(found),
        notes=tuple(notes),
    )


def _unknown(run_date: date, run_id: str, why: str) -> Line:
    return Line(run_date=run_date, run_id=run_id, counts=Counts(), notes=(why,))
