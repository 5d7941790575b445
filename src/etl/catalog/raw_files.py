"""The raw layer in whatever format the contract has it."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from etl.catalog import lines
from etl.catalog.lines import Files
from etl.catalog.parquet import parquet_dataset
from etl.catalog.raw_csv import csv_batches, csv_schema
from etl.catalog.stores import Store
from etl.errors import UsageError
from etl.formats.parquet import received_schema
from etl.model import Contract


def raw_schema(contract: Contract) -> pa.Schema:
    """The columns of the raw layer: text as received, or typed where the format is."""
    match contract.raw.format:
        case "parquet":
            run_date = pa.field(contract.partition, pa.date32())
            return received_schema(contract).append(run_date)
        case "csv":
            return csv_schema(contract)
    return lines.raw_schema(contract)


def raw_batches(store: Store, contract: Contract, files: Files) -> Iterator[pa.RecordBatch]:
    """The records.

    Raises:
        UsageError: They are protobuf, which the catalogue does not read.
    """
    match contract.raw.format:
        case "parquet":
            constants = {
                file: {contract.partition: run_date}
                for run_date, found in files.items()
                for file in found
            }
            return iter(parquet_dataset(store, raw_schema(contract), constants).to_batches())
        case "csv":
            return csv_batches(store, contract, files)
        case "protobuf":
            raise UsageError(
                f"raw {contract.dataset} is protobuf, which the catalogue does not read",
                fix="read it with protobuf's own libraries and the _schema.proto beside it",
            )
    return lines.raw_batches(store, contract, files)
