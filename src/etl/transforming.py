"""What the engines of the transform share: what they are told of a run, and what they count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from etl.model import Contract

OUTCOMES = ("read", "valid", "quarantined", "filtered", "deduplicated")
GZIP_RATIO = 6  # of JSON lines, about
REJECTED_PER_FILE = 500_000
FULL_FILE_BYTES = 192 * 1024 * 1024  # of a processed file: neither too small nor too large to read
LEAST_FILE_BYTES = 1024 * 1024  # of one that is made for the sake of the warehouse's slices


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """What a run says of its rows.

    Attributes:
        ingested_at: When the run began.
    """

    run_id: str
    ingested_at: datetime


def lines_bytes(contract: Contract, raw_bytes: int) -> int:
    """About how many bytes the lines of raw objects have when they are not compressed.

    Args:
        raw_bytes: The objects' size on S3.
    """
    return raw_bytes * (1 if contract.raw.compression == "none" else GZIP_RATIO)


def file_count(contract: Contract, *, raw_bytes: int, slices: int, wanted: int = 1) -> int:
    """How many processed files a run writes: for a warehouse a multiple of its slices.

    Each slice loads a file at a time, and Parquet files under 128 MB are not split. Files are to be
    about equally large, of 1 MB to 1 GB (Redshift, "Loading data files"), so a small day has fewer.
    Snappy Parquet takes about as much room as gzip JSON lines.

    Args:
        raw_bytes: The raw objects' size on S3.
        slices: How many files the warehouse loads at once.
        wanted: How many the engine would write for no warehouse.
    """
    if not contract.is_loaded:
        return wanted
    size = lines_bytes(contract, raw_bytes) // GZIP_RATIO
    multiple = -(-wanted // slices) * slices
    return max(wanted, min(multiple, size // LEAST_FILE_BYTES))


def names_sources(contract: Contract) -> bool:
    """Whether processed rows carry the source's object."""
    return any(each.name == "_source_file" for each in contract.columns)


def reason_labels(contract: Contract) -> list[str]:
    """What a reason can be about, in the order that metrics count it."""
    columns = [column.name for column in contract.data_columns]
    return ["record", *columns, *(f"rule {rule.name}" for rule in contract.rules)]
