"""Raw CSV as Arrow batches of text."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import csv

from etl.catalog.lines import Files, open_unpacked
from etl.catalog.stores import Store
from etl.model import Contract


def csv_schema(contract: Contract) -> pa.Schema:
    """The received columns as text, and the run date."""
    fields = [pa.field(each.name, pa.string()) for each in contract.received_columns]
    return pa.schema([*fields, pa.field(contract.partition, pa.date32())])


def csv_batches(store: Store, contract: Contract, files: Files) -> Iterator[pa.RecordBatch]:
    """The records; an empty field is NULL, an empty text in quotes is a text."""
    schema = csv_schema(contract)
    names = schema.names[:-1]
    options = csv.ConvertOptions(
        column_types={name: pa.string() for name in names},
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    parse = csv.ParseOptions(newlines_in_values=True)
    for run_date, found in files.items():
        for file in found:
            with open_unpacked(store, file) as content:
                source = pa.PythonFile(content, mode="r")
                for batch in csv.open_csv(source, parse_options=parse, convert_options=options):
                    day = pa.repeat(pa.scalar(run_date, pa.date32()), batch.num_rows)
                    columns = [batch.column(name) for name in names]
                    yield pa.RecordBatch.from_arrays([*columns, day], schema=schema)
