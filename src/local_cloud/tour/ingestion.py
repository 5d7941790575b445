"""Records by HTTP: a batch, its repeat, another one under its key, and a bad record."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import boto3
import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from etl.ingest.receipts import RequestId, receipt_uri
from local_cloud.demo_events import make_events
from local_cloud.tour.steps import Shown, Tour, TourError, expect, log

_BATCH = 50
_PROBLEM = "application/problem+json"
_TIMEOUT_SECONDS = 60


class Sender:
    """Sends signed requests to the API that $INGEST_API_URL names."""

    def __init__(self, tour: Tour) -> None:
        self.url = os.environ.get("INGEST_API_URL", "")
        expect(self.url, "INGEST_API_URL is not set", fix="the environment's before_run exports it")
        self._region = tour.settings.region
        credentials = boto3.Session().get_credentials()
        if credentials is None:
            raise TourError("there are no AWS credentials", fix="the environment exports them")
        self._credentials = credentials

    def post(self, path: str, content: Any, **headers: str) -> httpx.Response:
        """A POST of JSON."""
        sent = {"content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self._send("POST", path, json.dumps(content).encode(), sent)

    def get(self, path: str) -> httpx.Response:
        """A GET."""
        return self._send("GET", path, b"", {})

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        request = AWSRequest(method, f"{self.url}{path}", data=body, headers=headers)
        SigV4Auth(self._credentials, "execute-api", self._region).add_auth(request)
        try:
            return httpx.request(
                method,
                f"{self.url}{path}",
                content=body,
                headers=dict(request.headers.items()),
                timeout=_TIMEOUT_SECONDS,
            )
        except httpx.HTTPError as error:
            raise TourError(f"{method} {self.url}{path}: {error!r}", fix="try it again") from error


def show_ingestion(tour: Tour) -> Iterator[Shown]:
    """Send events of this moment.

    Raises:
        TourError: An answer is not the one that docs/events.md tells.
    """
    sender = Sender(tour)
    log.info("%-10s events to %s", "sending", sender.url)
    events = make_events(seed=int(tour.token[-9:]), start=datetime.now(UTC))
    batch, other = list(islice(events, _BATCH)), list(islice(events, 1))
    key = f"tour-{tour.token}"

    first = sender.post("/ingest/events", batch, idempotency_key=key)
    taken = _content(first, 202)
    expect(taken["rejected"] == 1, f"of {_BATCH} events, {taken['rejected']} were rejected, not 1")
    request = RequestId.parse(taken["id"])
    if request is None:
        raise TourError(f"{taken['id']} is no request's id", fix="see etl.ingest.receipts")
    state = _content(sender.get(f"/ingest/{taken['id']}"), 200)["state"]
    expect(state == "stored", f"{taken['id']} is {state}, not stored")
    yield Shown(
        step=f"POST a batch of {_BATCH} events, one bad",
        answer=f"202: {taken['accepted']} accepted, {taken['rejected']} rejected, {state}",
        place=receipt_uri(tour.settings.buckets.artifacts, request),
    )

    again = sender.post("/ingest/events", batch, idempotency_key=key)
    expect(_content(again, 202) == taken, "the repeat was answered otherwise than the first")
    yield Shown(step="the same again", answer="202: the same answer", place="the same objects")

    conflict = sender.post("/ingest/events", other, idempotency_key=key)
    yield _problem("its Idempotency-Key, another body", conflict, 409)
    bad = sender.post("/ingest/events", [batch[0] | {"event_type": "teleport"}])
    yield _problem("a record that breaks the contract", bad, 422)


def _content(answer: httpx.Response, status: int) -> dict[str, Any]:
    asked = f"{answer.request.method} {answer.request.url.path}"
    expect(
        answer.status_code == status,
        f"{asked} was answered {answer.status_code}, not {status}: {answer.text[:500]}",
    )
    content: dict[str, Any] = answer.json()
    return content


def _problem(step: str, answer: httpx.Response, status: int) -> Shown:
    said = _content(answer, status)
    kind = answer.headers.get("content-type", "")
    expect(kind.startswith(_PROBLEM), f"{step}: {status} came as {kind}, not as {_PROBLEM}")
    reasons = [reason for each in said.get("verdicts", []) for reason in each.get("reasons", [])]
    words = ": ".join([str(status), said["detail"], *reasons])
    return Shown(step=step, answer=words, place="nothing written")
