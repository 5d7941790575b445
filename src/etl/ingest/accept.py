"""Take a request's records, once however often it comes.

Three objects are written, in this order, each only if it is not there:

1. the receipt: date and verdicts are decided, and who comes with the same key later is known;
2. the data, below the date's raw prefix, the same bytes whoever writes them;
3. the commit record that names it: the date's next run has the records.

The request is answered after the third. A process that dies in between leaves what the next
arrival of the request completes; requests that are the same and come at once complete each other.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from aws.s3 import create_object, get_bytes
from etl.folders import FolderChooser
from etl.ingest.problems import RefusedError
from etl.ingest.receipts import (
    Receipt,
    RejectedRecord,
    RequestId,
    create_receipt,
    find_receipt,
    list_verdicts,
    receipt_uri,
)
from etl.judge import Judge, Rejected
from etl.keys import parse_s3_uri, raw_prefix
from etl.manifest import RawObject
from etl.model import Contract
from etl.storage import explain_storage_errors
from etl.stream.commits import Batch, is_committed, try_commit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TOLD_REASONS = 10  # of each record: an answer of Lambda is at most 6 MB
_LEVEL = 3


def accept(
    s3: S3Client,
    *,
    contract: Contract,
    artifacts_bucket: str,
    records: Sequence[bytes],
    idempotency_key: str | None = None,
    now: datetime | None = None,
) -> tuple[RequestId, Receipt]:
    """Store the records that meet the contract; return when they are safe.

    Args:
        records: JSON texts without line breaks.

    Raises:
        RefusedError: 409 if the key was used for other records, 422 if all records are rejected.
        StorageError: S3 refuses access. The request may be sent again.
    """
    digest = hashlib.sha256(b"\n".join(records)).hexdigest()
    request = RequestId.make(contract.dataset, key=idempotency_key, content_sha256=digest)
    uri = receipt_uri(artifacts_bucket, request)
    earlier = find_receipt(s3, uri)
    receipt = earlier or create_receipt(
        s3, uri, _judge(contract, records, digest, now or datetime.now(UTC))
    )
    if receipt.content_sha256 != digest:
        raise RefusedError(
            HTTPStatus.CONFLICT,
            "this Idempotency-Key came with other records before: use another key for these",
            id=str(request),
        )
    if not (earlier and is_committed(s3, contract, receipt.run_date, commit_name(request))):
        _store(s3, contract, request, receipt, records)
    return request, receipt


def commit_name(request: RequestId) -> str:
    """The name of a request's commit record; also of its data, but for the suffix."""
    return f"ingest-{request.digest}"


def _judge(contract: Contract, records: Sequence[bytes], digest: str, now: datetime) -> Receipt:
    judge = Judge(contract, now.date())
    rejected = tuple(
        RejectedRecord(n, verdict.reasons[:_TOLD_REASONS])
        for n, verdict in enumerate(judge(record.decode()) for record in records)
        if isinstance(verdict, Rejected)
    )
    if len(rejected) == len(records):
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "no record meets the contract",
            verdicts=list_verdicts(len(records), rejected),
        )
    return Receipt(
        run_date=now.date(),
        content_sha256=digest,
        received_at=now,
        rows=len(records),
        rejected=rejected,
    )


def _store(
    s3: S3Client,
    contract: Contract,
    request: RequestId,
    receipt: Receipt,
    records: Sequence[bytes],
) -> None:
    name = commit_name(request)
    rejected = {each.record for each in receipt.rejected}
    choose = FolderChooser(contract, receipt.received_at)
    folders: dict[str, list[bytes]] = {}
    for n, record in enumerate(records):
        if n not in rejected:
            folders.setdefault(choose(record), []).append(record)
    prefix = raw_prefix(contract, receipt.run_date)
    objects = tuple(
        _put(s3, contract, f"{prefix}{folder}{name}", lines) for folder, lines in folders.items()
    )
    batch = Batch(
        run_date=receipt.run_date,
        session=request.digest,
        number=0,
        objects=objects,
        rows=receipt.accepted,
        bytes=sum(each.bytes for each in objects),
    )
    # Refused only if the same request's record is there: the name is the request's alone.
    try_commit(s3, contract, name, batch)


def _put(s3: S3Client, contract: Contract, uri: str, lines: Sequence[bytes]) -> RawObject:
    """Write a raw object, if it is not there; what a manifest says of the one that is."""
    body, suffix, kind = b"\n".join(lines) + b"\n", ".jsonl", "application/x-ndjson"
    if contract.raw.compression == "gzip":
        body, suffix, kind = gzip.compress(body, _LEVEL, mtime=0), ".jsonl.gz", "application/gzip"
    bucket, key = parse_s3_uri(uri + suffix)
    with explain_storage_errors(uri + suffix):
        if not create_object(s3, bucket=bucket, key=key, body=body, content_type=kind):
            body = get_bytes(s3, bucket=bucket, key=key)  # the same, by another version of zlib
    return RawObject(
        uri=uri + suffix,
        bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        rows=len(lines),
    )
