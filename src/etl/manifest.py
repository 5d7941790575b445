"""The manifest of an extraction: which objects it is made of, and proof of what is in them.

It is written last. Without its manifest an extraction does not exist: nothing downstream lists a
prefix and hopes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from aws.s3 import get_bytes
from etl.errors import StorageError
from etl.keys import parse_s3_uri
from etl.model import Encoding
from etl.storage import explain_storage_errors, write_json

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, kw_only=True)
class RawObject:
    """One object of the extraction.

    Attributes:
        bytes: Its size on S3, compressed.
        sha256: Hex digest of the bytes on S3.
        rows: How many records it holds.
        source: The source's object that all of its records come from, where that is kept.
    """

    uri: str
    bytes: int
    sha256: str
    rows: int
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One extraction. It holds no time of day: the same input gives the same manifest.

    Attributes:
        source: The source system's name.
        encoding: Whether values are typed by JSON or all text, as from CSV.
        rows: Records in all objects.
        bytes: Compressed size of all objects.
        contract_uri: The compiled contract that the extraction was made for.
        rejected: Records that the raw format cannot hold; they are dead letters.
        dead_letters: The objects that hold those.
        keys: Parquet files of all primary keys of the source, for detecting deletes; None if the
            contract does not ask for it.
        progress: What `etl.state` is to keep once the run is loaded.
        corrections: What people have put in place of some of the records, see `etl.corrections`.
    """

    dataset: str
    run_date: date
    source: str
    encoding: Encoding
    objects: tuple[RawObject, ...]
    rows: int
    bytes: int
    contract_uri: str
    rejected: int = 0
    dead_letters: tuple[str, ...] = ()
    keys: tuple[RawObject, ...] | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    corrections: RawObject | None = None

    @property
    def extracted(self) -> int:
        """All records that the source gave."""
        return self.rows + self.rejected

    def to_json(self) -> str:
        """Canonical JSON: the same manifest gives the same text."""
        content = dataclasses.asdict(self) | {"run_date": self.run_date.isoformat()}
        if self.corrections is None:
            del content["corrections"]  # as extractions of earlier releases have it
        return json.dumps(content, sort_keys=True, indent=1) + "\n"

    @property
    def digest(self) -> str:
        """The identity of the extraction: SHA-256 of its canonical JSON, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The manifest that `to_json` wrote.

        Raises:
            ValueError: The text is something else.
        """
        try:
            content = json.loads(text)
            objects = tuple(RawObject(**each) for each in content["objects"])
            keys = content["keys"]
            if keys is not None:
                keys = tuple(RawObject(**each) for each in keys)
            corrections = content.get("corrections")
            return cls(
                **content
                | {
                    "objects": objects,
                    "run_date": date.fromisoformat(content["run_date"]),
                    "keys": keys,
                    "dead_letters": tuple(content["dead_letters"]),
                    "corrections": RawObject(**corrections) if corrections else None,
                }
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a manifest: {error}") from error


def write_manifest(s3: S3Client, uri: str, manifest: Manifest) -> None:
    """Make the extraction exist."""
    write_json(s3, uri, manifest.to_json())


def earlier_uri(uri: str) -> str:
    """Where a manifest is put aside while its extraction is replaced."""
    return f"{uri.removesuffix('.json')}.earlier.json"


def find_manifest(s3: S3Client, uri: str) -> Manifest | None:
    """What is known of an extraction: its manifest, or the one that a run which died put aside.

    Of the latter, objects may have been replaced meanwhile: their digests tell.
    """
    return read_if_there(s3, uri) or read_if_there(s3, earlier_uri(uri))


def read_if_there(s3: S3Client, uri: str) -> Manifest | None:
    """The manifest at a URI; None if there is none, or a damaged one."""
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        try:
            return Manifest.from_json(get_bytes(s3, bucket=bucket, key=key).decode())
        except (ValueError, s3.exceptions.NoSuchKey):
            return None


def read_manifest(s3: S3Client, uri: str) -> Manifest:
    """Read an extraction's manifest.

    Raises:
        StorageError: The extraction does not exist (or is not complete), or S3 refuses access.
    """
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        try:
            body = get_bytes(s3, bucket=bucket, key=key)
        except s3.exceptions.NoSuchKey as error:
            raise StorageError(
                f"there is no complete extraction: {uri} does not exist",
                fix="run the pipeline for this date again; it extracts first",
            ) from error
    try:
        return Manifest.from_json(body.decode())
    except ValueError as error:
        raise StorageError(
            f"{uri} is damaged: {error}", fix="run the pipeline for this date again"
        ) from error
