"""Process one incoming object: read it, write its rows, move it. Any step can be done again.

An output's key and content depend on nothing but the object that was read, so that every event of
it, every repeat and every repair writes the same. An object is moved only when its rows are there.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from aws.s3 import (
    S3Object,
    copy_object,
    delete_object,
    find_checksum,
    get_bytes,
    head_object,
    is_checksum_of,
    open_object,
    put_bytes,
)
from etl.errors import ProcessingError, SourceError
from etl.keys import current_contract_uri, parse_s3_uri
from etl.model import Contract
from etl.processing.content import Kind, decompress, kind_of, read_records
from etl.processing.notifications import Notification
from etl.processing.options import ProcessorOptions
from etl.processing.rows import Rows, make_rows, tidy_contract
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VERSION = "1.0.0"  # of what is made of an object: raise it when the same object gives other rows

_DATASET = re.compile(r"[a-z][a-z0-9_]*")
_CONTENT_TYPE = "application/x-ndjson"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_KEY_BYTES = 1024  # S3's limit
_STEM_BYTES = 512
_SHOWN_CHARACTERS = 200
_ANOTHER = ("412", "PreconditionFailed")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an object.

    Attributes:
        state: "processed"; "duplicate" where that had been done before; "superseded" where
            the key was written again meanwhile, of which an event of its own tells.
        output_uri: Where its rows are; "" where nothing was read.
    """

    state: Literal["processed", "duplicate", "superseded"]
    output_uri: str = ""
    rows: int = 0
    filtered: int = 0


class Processor:
    """Processes objects; it reads each dataset's contract once."""

    def __init__(self, s3: S3Client, options: ProcessorOptions) -> None:
        self._s3 = s3
        self._options = options
        self._contracts: dict[str, Contract] = {}

    def process(self, notification: Notification) -> Outcome:
        """Turn what lies at the notification's key into rows, then move it.

        Raises:
            ProcessingError: The object is bad, or is gone. Nothing has been written.
            StorageError, ClientError: S3 refused something; another try goes on from there.
        """
        bucket, key = notification.bucket, notification.key
        with explain_storage_errors(notification.uri):
            self._check_key(key)
            dataset, kind = self._dataset_of(key), kind_of(key)
            found = head_object(self._s3, bucket=bucket, key=key)
            if found is None:
                return self._gone(notification)
            body = self._read(notification, found)
            if body is None:
                return Outcome(state="superseded")
            rows = self._rows(body, kind, dataset, found)
            output_key = _output_key(dataset, found)
            self._write(output_key, rows.data)
            return Outcome(
                state="processed" if self._move(bucket, found) else "superseded",
                output_uri=f"s3://{self._options.processed_bucket}/{output_key}",
                rows=rows.count,
                filtered=rows.filtered,
            )

    def _check_key(self, key: str) -> None:
        """Refuse a key that cannot be moved, or that means another place to those who copy it."""
        fault = ""
        if len(self._completed_key(key).encode("utf-8", "replace")) > _KEY_BYTES:
            fault = f"longer than {_KEY_BYTES} bytes below {self._options.completed_prefix}"
        elif {".", ".."} & set(key.split("/")):
            fault = "with . or .. for a folder"
        elif _CONTROL.search(key):
            fault = "with a control character"
        if fault:
            raise ProcessingError(
                f"{key[:_SHOWN_CHARACTERS]!r} is a key {fault}",
                fix="put the object there again under a plain name",
            )

    def _dataset_of(self, key: str) -> str:
        prefix = self._options.incoming_prefix
        dataset, slash, name = key.removeprefix(prefix).partition("/")
        if not key.startswith(prefix) or not slash or not name:
            raise ProcessingError(
                f"{key} names no dataset", fix=f"put it at {prefix}<dataset>/<name>"
            )
        if not _DATASET.fullmatch(dataset):
            raise _unknown_dataset(dataset)
        return dataset

    def _gone(self, notification: Notification) -> Outcome:
        """Nothing lies there: it has been moved since it was written, or was taken away."""
        target = self._completed_key(notification.key)
        completed = head_object(self._s3, bucket=notification.bucket, key=target)
        # S3 tells the time of a copy in whole seconds. Copies of some objects have another ETag.
        since = notification.occurred_at.replace(microsecond=0)
        if completed and (completed.last_modified >= since or completed.etag == notification.etag):
            return Outcome(state="duplicate")
        raise ProcessingError(
            f"{notification.uri} is gone, and was not processed", fix="put the object there again"
        )

    def _read(self, notification: Notification, found: S3Object) -> bytes | None:
        """The object as it was found; None if another one lies there by now."""
        if found.size > self._options.limit_bytes:
            raise ProcessingError(
                f"{found.key} has {found.size:,} bytes, more than"
                f" {self._options.object_limit_mib} MiB",
                fix="send it in parts, or make it a file source of the pipeline",
            )
        try:
            with open_object(
                self._s3, bucket=notification.bucket, key=found.key, etag=found.etag
            ) as stream:
                return stream.read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _ANOTHER:
                return None
            raise

    def _rows(self, body: bytes, kind: Kind, dataset: str, found: S3Object) -> Rows:
        if kind.is_compressed:
            body = decompress(body, name=found.key, limit_bytes=self._options.limit_bytes)
        contract = tidy_contract(self._contract(dataset), kind.format)
        arrived_at = found.last_modified.astimezone(UTC)
        metadata = {
            # The object's arrival and not the clock: another try must write the same bytes.
            "processed_at": f"{arrived_at:%Y-%m-%dT%H:%M:%S}Z",
            "environment": self._options.environment,
            "processor_version": VERSION,
            "source_key": found.key,
        }
        try:
            return make_rows(
                read_records(body, kind.format, contract, found.key),
                contract=contract,
                run_date=arrived_at.date(),
                metadata=metadata,
                name=found.key,
                limit_bytes=self._options.rows_limit_bytes,
            )
        except SourceError as error:
            fix = "mend the object, and put it there again"
            raise ProcessingError(error.message, fix=fix) from error

    def _contract(self, dataset: str) -> Contract:
        if dataset not in self._contracts:
            uri = current_contract_uri(self._options.artifacts_bucket, dataset)
            bucket, key = parse_s3_uri(uri)
            try:
                text = get_bytes(self._s3, bucket=bucket, key=key).decode()
            except self._s3.exceptions.NoSuchKey:
                raise _unknown_dataset(dataset) from None
            self._contracts[dataset] = Contract.from_json(text)
        return self._contracts[dataset]

    def _write(self, key: str, data: bytes) -> None:
        bucket = self._options.processed_bucket
        with explain_storage_errors(f"s3://{bucket}/{key}"):
            checksum = find_checksum(self._s3, bucket=bucket, key=key)
            if checksum is None or not is_checksum_of(checksum, hashlib.sha256(data).digest()):
                put_bytes(self._s3, bucket=bucket, key=key, body=data, content_type=_CONTENT_TYPE)

    def _move(self, bucket: str, found: S3Object) -> bool:
        """Move the object that was read; False if another one lies there by now, or none."""
        is_copied = copy_object(
            self._s3,
            bucket=bucket,
            key=found.key,
            etag=found.etag,
            size=found.size,
            to_bucket=bucket,
            to_key=self._completed_key(found.key),
        )
        return is_copied and delete_object(self._s3, bucket=bucket, key=found.key, etag=found.etag)

    def _completed_key(self, key: str) -> str:
        return self._options.completed_prefix + key.removeprefix(self._options.incoming_prefix)


def _output_key(dataset: str, found: S3Object) -> str:
    day = found.last_modified.astimezone(UTC)
    stem = PurePosixPath(found.key).name.removesuffix(".gz").rpartition(".")[0]
    # Athena and Spark leave out files whose names begin so.
    stem = stem.lstrip("._").encode()[:_STEM_BYTES].decode(errors="ignore") or "object"
    digest = hashlib.sha256(f"{found.key}\0{found.etag}".encode()).hexdigest()[:16]
    return f"processed/{day:%Y/%m/%d}/{dataset}/{stem}-{digest}.jsonl"


def _unknown_dataset(dataset: str) -> ProcessingError:
    return ProcessingError(
        f'there is no dataset "{dataset}"',
        fix="put the object under a dataset that has a contract; `python -m etl publish-contracts`"
        " makes contracts known",
    )
