"""The encoder that a contract asks for."""

from __future__ import annotations

from datetime import date

from etl.formats.compression import COMPRESSIONS
from etl.formats.encoder import Encoder
from etl.formats.stream import JsonLines, StreamEncoder
from etl.model import Contract


def open_encoder(contract: Contract, run_date: date) -> Encoder:
    """An encoder for one raw object of the contract's format."""
    return StreamEncoder(JsonLines(), COMPRESSIONS[contract.raw.compression])
