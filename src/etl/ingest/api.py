"""The API's two operations: API Gateway's event (payload format 2.0) in, its answer out."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws.s3 import get_bytes
from etl.errors import StorageError
from etl.ingest.accept import accept
from etl.ingest.bodies import Limits, check_media_type, cut_records
from etl.ingest.problems import MEDIA_TYPE, RefusedError
from etl.ingest.receipts import RequestId, find_receipt, receipt_uri
from etl.ingest.state import find_state
from etl.keys import current_contract_uri, parse_s3_uri
from etl.model import Contract
from etl.storage import explain_storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger("etl")

_CONTRACT_SECONDS = 60.0
_DATASET = re.compile(r"[a-z][a-z0-9_]*")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_COMPRESSIONS = ("gzip", "none")


def why_not_ingested(contract: Contract) -> str | None:
    """Why a dataset's records cannot be sent to the API; None if they can."""
    if contract.source.kind != "stream":
        return f"{contract.dataset} is read from its source ({contract.source.kind}), not sent"
    if contract.raw.format != "jsonl" or contract.raw.compression not in _COMPRESSIONS:
        form = f"{contract.raw.format} compressed by {contract.raw.compression}"
        return f"{contract.dataset} lies as {form}: only JSON lines by gzip or none are taken"
    return None


@dataclass
class Api:
    """What answers requests. Compiled contracts are kept for a minute.

    Attributes:
        on_accept: Called with dataset and run date when records have been committed.
    """

    s3: S3Client
    artifacts_bucket: str
    limits: Limits
    on_accept: Callable[[str, date], None] | None = None
    clock: Callable[[], float] = time.monotonic
    _contracts: dict[str, tuple[float, Contract]] = field(default_factory=dict)

    def respond(self, event: dict[str, Any]) -> dict[str, Any]:
        """Answer one request."""
        try:
            name = event.get("pathParameters", {}).get("name", "")
            if event["requestContext"]["http"]["method"] == "POST":
                return self._take(name, event)
            return self._tell(name)
        except RefusedError as error:
            return _answer(error.status, error.to_document(), media_type=MEDIA_TYPE)
        except StorageError as error:
            # What it names is not the caller's to know.
            log.error("%s", error)
            unavailable = RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "the request was not completed: send it again"
            )
            document = unavailable.to_document()
            return _answer(
                unavailable.status, document, {"retry-after": "5"}, media_type=MEDIA_TYPE
            )

    def _take(self, dataset: str, event: dict[str, Any]) -> dict[str, Any]:
        headers = event.get("headers", {})
        contract = self._contract(dataset)
        if contract is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, f'there is no dataset "{dataset[:100]}"')
        if reason := why_not_ingested(contract):
            raise RefusedError(HTTPStatus.NOT_FOUND, reason)
        if encoding := headers.get("content-encoding"):
            raise RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a body encoded as {encoding} is not read"
            )
        media_type = check_media_type(headers.get("content-type", ""))
        key = headers.get("idempotency-key")
        if key is not None and not _KEY.fullmatch(key):
            raise RefusedError(
                HTTPStatus.BAD_REQUEST,
                "an Idempotency-Key is 1 to 255 characters of visible ASCII",
            )
        request, receipt = accept(
            self.s3,
            contract=contract,
            artifacts_bucket=self.artifacts_bucket,
            records=cut_records(_body(event), media_type, self.limits),
            idempotency_key=key,
        )
        if self.on_accept is not None:
            self.on_accept(contract.dataset, receipt.run_date)
        content = {
            "id": str(request),
            "accepted": receipt.accepted,
            "rejected": len(receipt.rejected),
            "verdicts": receipt.verdicts,
        }
        return _answer(HTTPStatus.ACCEPTED, content, {"location": f"/ingest/{request}"})

    def _tell(self, text: str) -> dict[str, Any]:
        request = RequestId.parse(text)
        contract = self._contract(request.dataset) if request else None
        receipt = (
            find_receipt(self.s3, receipt_uri(self.artifacts_bucket, request))
            if request and contract
            else None
        )
        if request is None or contract is None or receipt is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "there is no request of this id")
        state = find_state(
            self.s3,
            contract=contract,
            artifacts_bucket=self.artifacts_bucket,
            request=request,
            receipt=receipt,
        )
        content = {
            "id": str(request),
            "dataset": request.dataset,
            "state": state,
            "received_at": receipt.received_at.isoformat().replace("+00:00", "Z"),
            "accepted": receipt.accepted,
            "rejected": len(receipt.rejected),
        }
        return _answer(HTTPStatus.OK, content)

    def _contract(self, dataset: str) -> Contract | None:
        read_at, contract = self._contracts.get(dataset, (-_CONTRACT_SECONDS, None))
        if contract is not None and self.clock() - read_at < _CONTRACT_SECONDS:
            return contract
        if not _DATASET.fullmatch(dataset):
            return None
        uri = current_contract_uri(self.artifacts_bucket, dataset)
        bucket, key = parse_s3_uri(uri)
        with explain_storage_errors(uri):
            try:
                text = get_bytes(self.s3, bucket=bucket, key=key).decode()
            except self.s3.exceptions.NoSuchKey:
                return None
        contract = Contract.from_json(text)
        self._contracts[dataset] = self.clock(), contract
        return contract


def _body(event: dict[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body)
    except binascii.Error as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the body cannot be read") from error


def _answer(
    status: HTTPStatus,
    content: dict[str, Any],
    headers: dict[str, str] | None = None,
    *,
    media_type: str = "application/json",
) -> dict[str, Any]:
    return {
        "statusCode": int(status),
        "headers": {"content-type": media_type, **(headers or {})},
        "body": json.dumps(content, ensure_ascii=False),
    }
