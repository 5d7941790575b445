"""Where a polled source has been read to: the newest commit record says so.

The commit records of a polled dataset are one chain over all run dates. Reading goes on with the
next date only behind a seal: a commit record of the date before, which says so and holds nothing.
As each number can be written once, two processes that poll the same dataset cannot both extend
the chain from one place: the slower one's batch is refused, and it goes on behind the other's.

A pointer beside the data says which date to look at first. It may be late, never early, and is
not needed for anything to be right.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from aws.s3 import create_object, get_bytes, put_bytes
from etl.keys import parse_s3_uri
from etl.model import Contract
from etl.storage import explain_storage_errors
from etl.stream.commits import Batch, list_commits, read_commit, try_commit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, kw_only=True)
class Head:
    """The end of the chain.

    Attributes:
        sequence: The number of the next commit record.
        position: Up to where the source has been read; None for not at all.
    """

    run_date: date
    sequence: int
    position: dict[str, Any] | None


def find_head(s3: S3Client, contract: Contract, *, today: date) -> Head:
    """The chain's end; a chain that begins at `today` if there is none."""
    run_date, position = _read_pointer(s3, contract, today), None
    while numbers := list_commits(s3, contract, run_date):
        newest = read_commit(s3, contract, run_date, numbers[-1])
        if newest.sealed_for is None:
            return Head(run_date=run_date, sequence=numbers[-1] + 1, position=newest.position)
        run_date, position = newest.sealed_for, newest.position
    return Head(run_date=run_date, sequence=0, position=position)


def extend(s3: S3Client, contract: Contract, head: Head, batch: Batch) -> Head | None:
    """Commit a batch at the chain's end; None if another process did so first."""
    if not try_commit(s3, contract, head.sequence, batch):
        return None
    return replace(head, sequence=head.sequence + 1, position=batch.position)


def move(s3: S3Client, contract: Contract, head: Head, seal: Batch) -> Head | None:
    """Go on with the date that the seal names; None if another process extended the chain."""
    assert seal.sealed_for is not None
    if not try_commit(s3, contract, head.sequence, seal):
        return None
    # Not the new date: while it has no commit records, the position stands in the seal alone.
    _write_pointer(s3, contract, head.run_date)
    return Head(run_date=seal.sealed_for, sequence=0, position=head.position)


def _pointer_uri(contract: Contract) -> str:
    return f"{contract.places.raw}_stream.json"


def _read_pointer(s3: S3Client, contract: Contract, today: date) -> date:
    """The date to look at first; of processes that find none, one decides for all."""
    uri = _pointer_uri(contract)
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        create_object(s3, bucket=bucket, key=key, body=_pointer(today))
        content = get_bytes(s3, bucket=bucket, key=key)
    return date.fromisoformat(json.loads(content)["look_from"])


def _write_pointer(s3: S3Client, contract: Contract, run_date: date) -> None:
    uri = _pointer_uri(contract)
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        put_bytes(s3, bucket=bucket, key=key, body=_pointer(run_date))


def _pointer(run_date: date) -> bytes:
    return json.dumps({"look_from": run_date.isoformat()}).encode() + b"\n"
