"""Receipts: what is known of each request that was taken, one small object on S3 a request.

A receipt is written once, only if there is none, and before the data: of requests that are the
same, one decides for all under which date and with which verdicts the records are stored.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from aws.s3 import create_object, get_bytes
from etl.errors import StorageError
from etl.keys import parse_s3_uri
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ID = re.compile(r"([a-z][a-z0-9_]*)-([0-9a-f]{32})")


@dataclass(frozen=True)
class RequestId:
    """Names a request.

    Attributes:
        digest: 32 hex digits.
    """

    dataset: str
    digest: str

    def __str__(self) -> str:
        return f"{self.dataset}-{self.digest}"

    @classmethod
    def parse(cls, text: str) -> RequestId | None:
        """What `str` gave; None for anything else."""
        found = _ID.fullmatch(text)
        return cls(found[1], found[2]) if found else None

    @classmethod
    def make(cls, dataset: str, *, key: str | None, content_sha256: str) -> RequestId:
        """The id of a request: by its Idempotency-Key, else by what it brings."""
        identity = f"content {content_sha256}" if key is None else f"key {key}"
        return cls(dataset, hashlib.sha256(f"{dataset}\n{identity}".encode()).hexdigest()[:32])


@dataclass(frozen=True)
class RejectedRecord:
    """A record that does not meet the contract.

    Attributes:
        record: Which of the request's, from 0.
    """

    record: int
    reasons: list[str]


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """A request that was taken.

    Attributes:
        run_date: The run date that its records belong to: UTC, of the first arrival.
        content_sha256: Hex digest of its records.
        rows: Records in the request.
        rejected: Those that are not stored.
    """

    run_date: date
    content_sha256: str
    received_at: datetime
    rows: int
    rejected: tuple[RejectedRecord, ...]

    @property
    def accepted(self) -> int:
        """Records that are stored."""
        return self.rows - len(self.rejected)

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """One for each record of the request, in order."""
        return list_verdicts(self.rows, self.rejected)

    def to_json(self) -> str:
        """Canonical JSON."""
        content = dataclasses.asdict(self)
        return json.dumps(content, sort_keys=True, default=_iso, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Receipt:
        """The receipt that `to_json` wrote.

        Raises:
            ValueError: The text is something else.
        """
        try:
            content = json.loads(text)
            return cls(
                **content
                | {
                    "run_date": date.fromisoformat(content["run_date"]),
                    "received_at": datetime.fromisoformat(content["received_at"]),
                    "rejected": tuple(RejectedRecord(**each) for each in content["rejected"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a receipt: {error}") from error


def _iso(value: date) -> str:
    return value.isoformat()


def list_verdicts(rows: int, rejected: tuple[RejectedRecord, ...]) -> list[dict[str, Any]]:
    """What became of each record of a request, in order."""
    reasons = {each.record: each.reasons for each in rejected}
    return [
        {"record": n, "accepted": n not in reasons}
        | ({"reasons": reasons[n]} if n in reasons else {})
        for n in range(rows)
    ]


def receipt_uri(artifacts_bucket: str, request: RequestId) -> str:
    """Where a request's receipt lies."""
    return f"s3://{artifacts_bucket}/ingest/{request.dataset}/{request.digest}.json"


def create_receipt(s3: S3Client, uri: str, receipt: Receipt) -> Receipt:
    """Write the receipt of a request, if it has none; the one that it has then."""
    bucket, key = parse_s3_uri(uri)
    body = receipt.to_json().encode()
    with explain_storage_errors(uri):
        if create_object(s3, bucket=bucket, key=key, body=body, content_type="application/json"):
            return receipt
    found = find_receipt(s3, uri)
    if found is None:
        raise StorageError(f"{uri} was there and is gone", fix="send the request again")
    return found


def find_receipt(s3: S3Client, uri: str) -> Receipt | None:
    """A request's receipt; None for a request that never came.

    Raises:
        StorageError: It is damaged, or S3 refuses access.
    """
    bucket, key = parse_s3_uri(uri)
    with explain_storage_errors(uri):
        try:
            text = get_bytes(s3, bucket=bucket, key=key).decode(errors="replace")
        except s3.exceptions.NoSuchKey:
            return None
    try:
        return Receipt.from_json(text)
    except ValueError as error:
        raise StorageError(
            f"{uri} is damaged: {error}", fix="restore it from the bucket's versions"
        ) from error
