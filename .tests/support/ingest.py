"""Requests to the ingestion API in unit tests: an API on moto's S3, and what it has written."""

from __future__ import annotations

import base64
import json
from datetime import date
from typing import Any

from support.streams import BUCKET, CONTRACT, CONTRACT_URI, extracted

from etl.ingest.api import Api
from etl.ingest.bodies import Limits
from etl.keys import current_contract_uri, parse_s3_uri
from etl.model import Contract
from etl.stream.collect import collect_stream

ARTIFACTS = "test-artifacts"
LIMITS = Limits(body_bytes=20_000, records=20)


def make_api(s3: Any, *contracts: Contract) -> Api:
    """The API, with buckets and compiled contracts."""
    for bucket in (BUCKET, ARTIFACTS):
        s3.create_bucket(Bucket=bucket)
    for each in contracts or (CONTRACT,):
        bucket, key = parse_s3_uri(current_contract_uri(ARTIFACTS, each.dataset))
        s3.put_object(Bucket=bucket, Key=key, Body=each.to_json().encode())
    return Api(s3=s3, artifacts_bucket=ARTIFACTS, limits=LIMITS)


def event_record(number: int, **changes: Any) -> dict[str, Any]:
    """A good record of the events contract."""
    return {
        "event_id": f"0b8c1f6e-7d52-4f0e-9a44-{number:012x}",
        "event_type": "search",
        "session_id": "s1",
        "page": {"path": "/shoes"},
        "occurred_at": "2026-01-31T09:15:27Z",
        "sent_at": "2026-01-31T09:15:28Z",
    } | changes


def request_event(
    body: bytes | str | Any,
    *,
    name: str = "events",
    method: str = "POST",
    media_type: str | None = "application/json",
    **headers: str,
) -> dict[str, Any]:
    """API Gateway's event; what is neither bytes nor text is sent as JSON."""
    given = {each.replace("_", "-"): value for each, value in headers.items()}
    if media_type is not None:
        given["content-type"] = media_type
    event: dict[str, Any] = {
        "version": "2.0",
        "headers": given,
        "pathParameters": {"name": name},
        "requestContext": {"http": {"method": method, "path": f"/ingest/{name}"}},
        "isBase64Encoded": isinstance(body, bytes),
    }
    if isinstance(body, bytes):
        event["body"] = base64.b64encode(body).decode()
    else:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    return event


def post(api: Api, body: Any, **options: Any) -> tuple[int, dict[str, Any]]:
    """Send a request; status and content of the answer."""
    answer = api.respond(request_event(body, **options))
    if answer["statusCode"] >= 400:
        assert answer["headers"]["content-type"] == "application/problem+json"
    return answer["statusCode"], json.loads(answer["body"])


def get_state(api: Api, request: str) -> tuple[int, dict[str, Any]]:
    """Ask for a request's state."""
    return post(api, "", name=request, method="GET", media_type=None)


def collected(s3: Any, run_date: date, contract: Contract = CONTRACT) -> list[bytes]:
    """The records that a run of the date extracts."""
    manifest = collect_stream(s3, contract=contract, run_date=run_date, contract_uri=CONTRACT_URI)
    lines = extracted(s3, manifest)
    assert len(lines) == manifest.rows
    return lines


def written(s3: Any) -> dict[str, str]:
    """Every object but the contracts, with its ETag."""
    return {
        f"{bucket}/{each['Key']}": each["ETag"]
        for bucket in (BUCKET, ARTIFACTS)
        for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        if not each["Key"].startswith("contracts/")
    }
