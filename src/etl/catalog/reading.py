"""A layer as an Arrow scanner, whatever holds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from etl.catalog.access import Access
from etl.catalog.layers import Dates, FileLayer, Layer, check_layer, layer_prefix
from etl.catalog.lines import quarantine_batches, quarantine_schema
from etl.catalog.parquet import catalog_schema, processed_dataset
from etl.catalog.raw_files import raw_batches, raw_schema
from etl.catalog.selection import Selection, find_files
from etl.catalog.warehouse import warehouse_batches
from etl.errors import UsageError
from etl.model import Contract
from etl.warehouse.executor import open_executor


def layer_schema(contract: Contract, layer: Layer) -> pa.Schema:
    """The columns that a layer is read as.

    Raises:
        UsageError: The dataset has no such layer.
    """
    check_layer(contract, layer)
    if layer == "raw":
        return raw_schema(contract)
    return quarantine_schema(contract) if layer == "quarantine" else catalog_schema(contract)


def open_scanner(
    access: Access,
    contract: Contract,
    layer: Layer,
    selection: Selection,
    *,
    columns: Sequence[str] | None,
    filter: pc.Expression | None,
) -> ds.Scanner:
    """What reads the rows that are asked for, once."""
    schema = layer_schema(contract, layer)
    unknown = [name for name in columns or () if name not in schema.names]
    if unknown:
        raise UsageError(
            f"{layer} {contract.dataset} has no column {', '.join(unknown)}",
            fix=f"choose of {', '.join(schema.names)}",
        )
    chosen = None if columns is None else list(columns)
    if layer == "processed":
        dataset = open_dataset(access, contract, selection)
        return dataset.scanner(columns=chosen, filter=filter)
    if layer == "warehouse":
        needed = schema.names if chosen is None or filter is not None else chosen
        schema = pa.schema([schema.field(name) for name in needed])
        batches = _warehouse(access, contract, selection, needed)
    else:
        batches = _lines(access, contract, layer, selection)
    return ds.Scanner.from_batches(batches, schema=schema, columns=chosen, filter=filter)


def open_dataset(access: Access, contract: Contract, selection: Selection) -> ds.Dataset:
    """The processed layer."""
    files = find_files(access, contract, "processed", selection)
    return processed_dataset(access.store(contract.places.processed), contract, files)


def _lines(
    access: Access, contract: Contract, layer: FileLayer, selection: Selection
) -> Iterator[pa.RecordBatch]:
    files = find_files(access, contract, layer, selection)
    read = raw_batches if layer == "raw" else quarantine_batches
    return read(access.store(layer_prefix(contract, layer)), contract, files)


def _warehouse(
    access: Access, contract: Contract, selection: Selection, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    if selection.is_past:
        raise UsageError(
            "the warehouse holds what it holds, not what it held",
            fix="load the layer processed as of that run or time",
        )
    return _warehouse_rows(access, contract, selection.dates, columns)


def _warehouse_rows(
    access: Access, contract: Contract, dates: Dates, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    executor = open_executor(access.settings, label=f"catalog {contract.dataset}")
    with closing(executor):
        yield from warehouse_batches(executor, contract, dates, columns)
