"""Choose the source that a contract names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from etl.errors import ContractError
from etl.model import Contract
from etl.sources.api import read_api
from etl.sources.files import read_files

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def open_source(
    contract: Contract, run_date: date, *, s3: S3Client | None = None
) -> Iterator[bytes]:
    """A run date's records, one line each, without the newline, in the source's order.

    A line is what the source sent, byte for byte, with three exceptions that
    `etl.sources.lines` describes. Reading is lazy, and memory bounded, whatever the source's size.

    Args:
        s3: A client, for sources on S3.

    Raises:
        ContractError: The source's location or options make no sense.
        SourceError: The source cannot be read; may come while iterating.
    """
    source = contract.source
    location = fill_run_date(source.location, run_date, dataset=contract.dataset)
    if source.kind == "api":
        return read_api(location, run_date, options=source.options)
    return read_files(location, contract=contract, s3=s3)


def fill_run_date(location: str, run_date: date, *, dataset: str) -> str:
    """Fill `{run_date}` in; `{run_date:%Y/%m}` takes strftime's letters."""
    try:
        return location.format(run_date=run_date)
    except (AttributeError, KeyError, IndexError, ValueError) as error:
        raise ContractError(
            f"contract {dataset}: the source's location {location!r} cannot be filled in: {error}",
            fix="use {run_date} or {run_date:%Y/%m/%d}, and no other braces",
        ) from error
