"""A run date's batches as one extraction: the manifest, composed from their commit records."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from aws.s3 import S3Object, delete_objects, iter_objects
from etl.errors import StorageError
from etl.keys import manifest_uri, parse_s3_uri, raw_prefix
from etl.manifest import Manifest, RawObject, find_manifest, read_if_there, write_manifest
from etl.model import Contract
from etl.storage import explain_storage_errors
from etl.stream.commits import Batch, list_all_commits, read_commit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger("etl")

_READERS = 8
_DATA_NAME = re.compile(r"(batch-\d{8,}-[0-9a-f]{12}-\d{5,}|ingest-[0-9a-f]{32})\..+")
# Longer than any batch is open: what no record names by then was left by a process that died.
_KEPT_FOR = timedelta(days=1)


def collect_stream(
    s3: S3Client,
    *,
    contract: Contract,
    run_date: date,
    contract_uri: str,
    now: datetime | None = None,
) -> Manifest:
    """Make what is committed for a run date its extraction; a date without batches is an empty one.

    The same commit records give the same manifest. Data objects that no record names, a day old or
    older, are deleted.

    Args:
        contract_uri: Where the compiled contract of this run lies; noted in the manifest.

    Raises:
        StorageError: An object that a record names is gone, or S3 refuses access.
    """
    batches = _read_batches(s3, contract, run_date)
    _tidy(s3, raw_prefix(contract, run_date), batches, now or datetime.now(UTC))
    uri = manifest_uri(contract, run_date)
    earlier = find_manifest(s3, uri)
    manifest = Manifest(
        dataset=contract.dataset,
        run_date=run_date,
        source=contract.source.name,
        encoding=contract.source.encoding,
        objects=_objects(batches),
        rows=sum(batch.rows for batch in batches),
        bytes=sum(batch.bytes for batch in batches),
        contract_uri=contract_uri,
        rejected=sum(batch.rejected for batch in batches),
        dead_letters=_dead_letters(batches),
        corrections=earlier.corrections if earlier else None,
    )
    write_manifest(s3, uri, manifest)
    return manifest


def is_collected(s3: S3Client, contract: Contract, run_date: date) -> bool:
    """Whether the run date's extraction holds all that is committed for it by now.

    Raises:
        StorageError: A commit record is damaged, or S3 refuses access.
    """
    batches = _read_batches(s3, contract, run_date)
    manifest = read_if_there(s3, manifest_uri(contract, run_date))
    return (
        manifest is not None
        and manifest.objects == _objects(batches)
        and manifest.dead_letters == _dead_letters(batches)
    )


def _read_batches(s3: S3Client, contract: Contract, run_date: date) -> list[Batch]:
    sequences = list_all_commits(s3, contract, run_date)
    with ThreadPoolExecutor(_READERS) as readers:
        return list(readers.map(partial(read_commit, s3, contract, run_date), sequences))


def _objects(batches: Sequence[Batch]) -> tuple[RawObject, ...]:
    return tuple(each for batch in batches for each in batch.objects)


def _dead_letters(batches: Sequence[Batch]) -> tuple[str, ...]:
    return tuple(each for batch in batches for each in batch.dead_letters)


def _tidy(s3: S3Client, prefix: str, batches: Sequence[Batch], now: datetime) -> None:
    """Hold the listing against the records: nothing may be missing, nor lie about for long."""
    bucket, folder = parse_s3_uri(prefix)
    with explain_storage_errors(prefix):
        found = {
            each.key: each
            for each in iter_objects(s3, bucket=bucket, prefix=folder)
            if _DATA_NAME.fullmatch(each.key.rpartition("/")[2])
        }
        named = {parse_s3_uri(each.uri)[1]: each for each in _objects(batches)}
        for key, each in named.items():
            if key not in found or found[key].size != each.bytes:
                raise StorageError(
                    f"{each.uri} was committed with {each.bytes:,} bytes and is not there so",
                    fix="restore it from the bucket's versions, or from where it was moved to",
                )
        left = [
            key
            for key, each in found.items()
            if key not in named
            and _is_old(each, now)
            and not key.rpartition("/")[2].startswith("ingest-")  # a repeat may complete them
        ]
        if left:
            log.info(
                "collect    deleting %s objects of batches that were never committed", len(left)
            )
            delete_objects(s3, bucket=bucket, keys=left)


def _is_old(found: S3Object, now: datetime) -> bool:
    return now - found.last_modified > _KEPT_FOR
