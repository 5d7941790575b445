"""Commit records: one small object per batch, whose appearance is the commit.

They lie below the run date's prefix, `_batches/00000000.json` and so on, each written once and
only if its number is free. Data objects that no record names do not exist for readers, so a batch
is there whole or not at all, whatever died in between, and streams side by side take turns.

What comes once by its nature, such as a request with an id, has a record of that name instead of a
number: written again, it is the same one.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from aws.s3 import create_object, get_bytes, head_object, iter_objects
from etl.errors import StorageError
from etl.keys import parse_s3_uri, raw_prefix
from etl.manifest import RawObject
from etl.model import Contract
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FOLDER = "_batches/"
_SUFFIX = ".json"

CommitName = int | str  # what a commit record is called: its number, or its name


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One committed batch.

    Attributes:
        session: The process that wrote it.
        number: How many batches that process had committed before.
        rows: Records in the objects.
        bytes: Size of the objects.
        rejected: Records that the raw format cannot hold; they are dead letters.
        dead_letters: The objects that hold those.
        position: Up to where the source has been read, for one that is polled.
        sealed_for: The date on which reading goes on: the batch holds nothing, and ends its own.
    """

    run_date: date
    session: str
    number: int
    objects: tuple[RawObject, ...] = ()
    rows: int = 0
    bytes: int = 0
    rejected: int = 0
    dead_letters: tuple[str, ...] = ()
    position: dict[str, Any] | None = None
    sealed_for: date | None = None

    def to_json(self) -> str:
        """Canonical JSON; no two batches have the same."""
        content = dataclasses.asdict(self)
        return json.dumps(content, sort_keys=True, indent=1, default=date.isoformat) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Batch:
        """The batch that `to_json` wrote.

        Raises:
            ValueError: The text is something else.
        """
        try:
            content = json.loads(text)
            sealed_for = content["sealed_for"]
            return cls(
                **content
                | {
                    "run_date": date.fromisoformat(content["run_date"]),
                    "objects": tuple(RawObject(**each) for each in content["objects"]),
                    "dead_letters": tuple(content["dead_letters"]),
                    "sealed_for": sealed_for and date.fromisoformat(sealed_for),
                }
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a commit record: {error}") from error


def commit_uri(contract: Contract, run_date: date, sequence: CommitName) -> str:
    """Where a run date's commit record of this number or name lies."""
    name = f"{sequence:08d}" if isinstance(sequence, int) else sequence
    return f"{raw_prefix(contract, run_date)}{_FOLDER}{name}{_SUFFIX}"


def try_commit(s3: S3Client, contract: Contract, sequence: CommitName, batch: Batch) -> bool:
    """Commit a batch under this number or name; False if another batch has it."""
    uri = commit_uri(contract, batch.run_date, sequence)
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        return create_object(
            s3,
            bucket=bucket,
            key=key,
            body=batch.to_json().encode(),
            content_type="application/json",
        )


def is_committed(s3: S3Client, contract: Contract, run_date: date, name: str) -> bool:
    """Whether there is a commit record of this name."""
    uri = commit_uri(contract, run_date, name)
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        return head_object(s3, bucket=bucket, key=key) is not None


def list_commits(s3: S3Client, contract: Contract, run_date: date) -> list[int]:
    """The numbers of a run date's commit records, lowest first."""
    # Digits stand before letters.
    found = takewhile(str.isdecimal, _names(s3, contract, run_date))
    return [int(name) for name in found]


def list_all_commits(s3: S3Client, contract: Contract, run_date: date) -> list[CommitName]:
    """The numbers and names of a run date's commit records, numbers first."""
    return [int(name) if name.isdecimal() else name for name in _names(s3, contract, run_date)]


def _names(s3: S3Client, contract: Contract, run_date: date) -> Iterator[str]:
    prefix = f"{raw_prefix(contract, run_date)}{_FOLDER}"
    bucket, folder = parse_s3_uri(prefix)
    with explain_storage_errors(prefix):
        for each in iter_objects(s3, bucket=bucket, prefix=folder):
            if each.key.endswith(_SUFFIX):
                yield each.key.removeprefix(folder).removesuffix(_SUFFIX)


def read_commit(s3: S3Client, contract: Contract, run_date: date, sequence: CommitName) -> Batch:
    """Read a commit record.

    Raises:
        StorageError: It is damaged, or S3 refuses access.
    """
    uri = commit_uri(contract, run_date, sequence)
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        text = get_bytes(s3, bucket=bucket, key=key).decode(errors="replace")
    try:
        return Batch.from_json(text)
    except ValueError as error:
        raise StorageError(
            f"{uri} is damaged: {error}",
            fix="restore it from the bucket's versions: it alone says what its batch holds",
        ) from error
