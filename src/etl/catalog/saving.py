"""Tables written as a run's files: checked first, then put in place of what lies there.

New files are written first, then the old ones go. A process that dies in between leaves both;
saving again mends that.
"""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterator, Mapping
from datetime import date
from functools import reduce
from operator import and_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl import hive, keys
from etl.catalog.access import Access
from etl.catalog.layers import (
    Dates,
    FileLayer,
    Layer,
    check_layer,
    date_prefix,
    has_manifest,
    list_files,
)
from etl.catalog.record_lines import record_lines
from etl.catalog.save_checks import checked_table
from etl.catalog.stores import Store
from etl.catalog.versions import Version, choose_versions, write_version
from etl.errors import UsageError
from etl.model import Contract
from etl.sources.records import OpenSource
from etl.staging import stage_raw
from etl.validation.arrow_schema import file_schema


def save_table(
    access: Access, contract: Contract, table: pa.Table, run_date: date, layer: Layer
) -> Version:
    """Put the table in place of the run date's files in processed or raw, and record a version.

    Raises:
        UsageError: The table is not what the contract says, or the layer is not saved to.
    """
    check_layer(contract, layer)
    run_id = uuid.uuid4().hex[:12]
    match layer:
        case "processed":
            rows = checked_table(contract, table, run_date)
            _write_processed(access, contract, rows, run_date, run_id)
        case "raw":
            _write_raw(access, contract, table, run_date, run_id)
        case _:
            raise _refusal(contract, layer, run_date)
    return _record(access, contract, run_date, run_id, layer, table.num_rows)


def _write_processed(
    access: Access, contract: Contract, rows: pa.Table, run_date: date, run_id: str
) -> None:
    prefix = date_prefix(contract, "processed", run_date)
    bodies = {}
    for values, part in _parts(contract, rows):
        body = pa.BufferOutputStream()
        pq.write_table(part.select(file_schema(contract).names), body, compression="snappy")
        name = f"part-00000-{run_id}.snappy.parquet"
        bodies[f"{prefix}{hive.folder(contract, values)}{name}"] = body.getvalue()
    _replace(access.store(prefix), contract, "processed", run_date, bodies)


def _write_raw(
    access: Access, contract: Contract, table: pa.Table, run_date: date, run_id: str
) -> None:
    if contract.raw.format != "jsonl":
        raise UsageError(
            f"raw {contract.dataset} is {contract.raw.format}, only JSON lines are saved",
            fix="run the pipeline, which writes that format",
        )
    prefix = date_prefix(contract, "raw", run_date)
    store, lines = access.store(prefix), record_lines(contract, table)
    if not has_manifest(contract):
        body = gzip.compress(b"".join(each.data for each in lines), mtime=0)
        uri = f"{prefix}part-00000-{run_id}.jsonl.gz"
        _replace(store, contract, "raw", run_date, {uri: pa.py_buffer(body)})
        return
    contract_uri = keys.contract_uri(access.artifacts_bucket, contract)
    store.write(contract_uri, pa.py_buffer(contract.to_json().encode()))
    stage_raw(
        OpenSource(items=lines),
        s3=access.s3,
        contract=contract,
        run_date=run_date,
        run_id=run_id,
        contract_uri=contract_uri,
        settings=access.settings.staging,
    )


def _parts(contract: Contract, rows: pa.Table) -> Iterator[tuple[dict[str, Any], pa.Table]]:
    """The rows of each combination of the partition columns' values; none without rows."""
    names = list(contract.partition_columns)
    if not names:
        if rows.num_rows:
            yield {}, rows
        return
    for values in rows.select(names).group_by(names).aggregate([]).to_pylist():
        conditions = [
            pc.field(name).is_null() if value is None else pc.field(name) == value
            for name, value in values.items()
        ]
        yield values, rows.filter(reduce(and_, conditions))


def _replace(
    store: Store,
    contract: Contract,
    layer: FileLayer,
    run_date: date,
    bodies: Mapping[str, pa.Buffer],
) -> None:
    for uri, body in bodies.items():
        store.write(uri, body)
    found = list_files(store, contract, layer, Dates(run_date, run_date)).get(run_date, [])
    store.delete(each.uri for each in found if each.uri not in bodies)


def _record(
    access: Access, contract: Contract, run_date: date, run_id: str, layer: FileLayer, rows: int
) -> Version:
    """A version of all layers; how many rows the others hold is as it was."""
    names = choose_versions(access.list_versions(contract, Dates(run_date, run_date)))
    earlier = access.read_versions(contract, names)
    counted = {
        name: each.rows
        for version in earlier
        for name, each in version.layers.items()
        if each.rows is not None
    }
    return write_version(
        access.store,
        contract,
        run_date=run_date,
        run_id=run_id,
        artifacts_bucket=access.artifacts_bucket,
        rows=counted | {layer: rows},
    )


def _refusal(contract: Contract, layer: str, run_date: date) -> UsageError:
    run = f"python flows/full_pipeline.py --dataset {contract.dataset} --run-date {run_date}"
    if layer == "quarantine":
        return UsageError(
            "quarantine holds what the transform rejected: nothing is saved there",
            fix=f"mend the source or the contract, then {run}",
        )
    return UsageError(
        "the warehouse is loaded with its ledger in one transaction: nothing is saved there",
        fix=f"{run}, which replaces the run date's rows",
    )
