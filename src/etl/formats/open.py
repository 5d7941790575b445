"""The encoder that a contract asks for."""

from __future__ import annotations

from datetime import date

from etl.formats.compression import COMPRESSIONS
from etl.formats.csv_rows import csv_layout
from etl.formats.encoder import Encoder
from etl.formats.parquet import ParquetEncoder
from etl.formats.stream import JsonLines, Layout, StreamEncoder
from etl.model import Contract


def open_encoder(contract: Contract, run_date: date) -> Encoder:
    """An encoder for one raw object, in the contract's format and compression."""
    if contract.raw.format == "parquet":
        return ParquetEncoder(contract, run_date)
    return StreamEncoder(_layout(contract, run_date), COMPRESSIONS[contract.raw.compression])


def _layout(contract: Contract, run_date: date) -> Layout:
    match contract.raw.format:
        case "csv":
            return csv_layout(contract, run_date)
        case "protobuf":
            from etl.formats.protobuf import (
                protobuf_layout,  # Google's library, which few runs need
            )

            return protobuf_layout(contract, run_date)
    return JsonLines()
