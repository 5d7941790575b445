"""A small contract and places for tests of the processor."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

from support.contracts import make_column, make_contract

from etl.model import Contract, Field, Source, Type
from etl.processing.notifications import Notification
from etl.processing.options import ProcessorOptions

RAW, PROCESSED, ARTIFACTS = "test-raw", "test-processed", "test-artifacts"
LINES = Type(
    kind="array",
    element=Type(
        kind="object",
        fields=(
            Field(name="sku", type=Type(kind="string"), required=True),
            Field(name="price", type=Type(kind="decimal", precision=10, scale=2)),
        ),
    ),
)


def sales_contract(**changes: Any) -> Contract:
    """Sales: every kind of value, a nested field whose name is not normal, and a derived column."""
    columns = (
        make_column("id", Type(kind="integer"), required=True),
        make_column("user_name", Type(kind="string", max_bytes=100)),
        make_column("email", Type(kind="string"), path=("buyerData", "eMail")),
        make_column("amount", Type(kind="decimal", precision=20, scale=4)),
        make_column("weight", Type(kind="double")),
        make_column("is_gift", Type(kind="boolean")),
        make_column("day", Type(kind="date")),
        make_column("sold_at", Type(kind="timestamp")),
        make_column("lines", LINES),
        make_column("loaded_on", Type(kind="date"), path=(), derive=["run_date"]),
    )
    source = Source(kind="file", name="tests", location="sales.jsonl", format="jsonl")
    return make_contract(*columns, **{"dataset": "sales", "source": source, **changes})


def make_options(**changes: Any) -> ProcessorOptions:
    """Options of a processor that writes to the test buckets."""
    fields: dict[str, Any] = {
        "environment": "test",
        "processed_bucket": PROCESSED,
        "artifacts_bucket": ARTIFACTS,
        "queue_url": "http://nowhere/incoming",
        "dead_letter_queue_url": "http://nowhere/dead",
        "object_limit_mib": 1,
    }
    return ProcessorOptions(**{**fields, **changes})


def notify(key: str, *, after: timedelta = timedelta(0), etag: str = "") -> Notification:
    """That an object was written at this moment, or `after` it."""
    return Notification(bucket=RAW, key=key, etag=etag, occurred_at=datetime.now(UTC) + after)


def event_body(*keys: str, bucket: str = RAW) -> str:
    """What S3 sends to a queue."""
    records = [
        {
            "eventName": "ObjectCreated:Put",
            "eventTime": datetime.now(UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}},
        }
        for key in keys
    ]
    return json.dumps({"Records": records})
