from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import jsonschema
import pytest
from moto import mock_aws

from aws.logs import put_log_events
from etl.figures import Figures
from etl.metrics import MetricSender, emf_document, send_arrival, send_figures
from etl.settings import Settings, load_settings

# CloudWatch user guide, "Specification: Embedded metric format", its JSON schema.
NAME = {"type": "string", "minLength": 1, "maxLength": 255}
UNIT = (
    "^(Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits"
    "|Kilobits|Megabits|Gigabits|Terabits|Percent|Count|Bytes/Second|Kilobytes/Second"
    "|Megabytes/Second|Gigabytes/Second|Terabytes/Second|Bits/Second|Kilobits/Second"
    "|Megabits/Second|Gigabits/Second|Terabits/Second|Count/Second|None)$"
)
METRIC = {
    "type": "object",
    "required": ["Name"],
    "properties": {"Name": NAME, "Unit": {"type": "string", "pattern": UNIT}},
    "additionalProperties": False,
}
DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "properties": {
        "Namespace": NAME,
        "Dimensions": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "maxItems": 9, "items": NAME},
        },
        "Metrics": {"type": "array", "maxItems": 100, "items": METRIC},
    },
    "additionalProperties": False,
}
SPECIFICATION = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {"type": "array", "items": DIRECTIVE},
            },
            "additionalProperties": False,
        }
    },
}
GROUP = "/etl-local/metrics"


@pytest.fixture
def logs() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("logs", region_name="us-east-1")
        client.create_log_group(logGroupName=GROUP)
        yield client


def settings(log_group: str | None = GROUP) -> Settings:
    made = load_settings("local")
    return made.model_copy(
        update={"metrics": made.metrics.model_copy(update={"log_group": log_group})}
    )


def documents(logs: Any, stream: str = "local/events/stream") -> list[dict[str, Any]]:
    events = logs.get_log_events(logGroupName=GROUP, logStreamName=stream)["events"]
    return [json.loads(each["message"]) for each in events]


def test_document_meets_the_specification() -> None:
    text = emf_document(
        {"Records": 12, "MeanUploadTime": 0.25},
        namespace="etl",
        dimensions={"Environment": "dev", "Dataset": "events", "Step": "stream"},
        timestamp_ms=1_574_109_732_004,
    )
    document = json.loads(text)
    jsonschema.validate(document, SPECIFICATION)
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    for names in directive["Dimensions"]:
        assert all(isinstance(document[name], str) for name in names)
    assert [document[each["Name"]] for each in directive["Metrics"]] == [12, 0.25]
    assert document["_aws"]["Timestamp"] == 1_574_109_732_004


def test_sender_sends_what_was_counted_since(logs: Any) -> None:
    figures = Figures()
    sender = MetricSender(figures, settings=settings(), dataset="events", step="stream")
    figures.count(records=10, size=2_000, objects=1)
    figures.uploaded(0.5)
    sender.send()
    figures.count(records=5, errors=2)
    sender.send()
    first, second = documents(logs)
    for each in (first, second):
        jsonschema.validate(each, SPECIFICATION)
        assert each["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "etl-local"
    assert (first["Records"], first["Bytes"], first["MeanUploadTime"]) == (10, 2_000, 0.5)
    assert (second["Records"], second["Bytes"], second["Errors"]) == (5, 0, 2)
    assert "MeanUploadTime" not in second


def test_arrival_tells_how_late_it_is(logs: Any) -> None:
    today = datetime.now(UTC).date()
    for days in (1, 400):
        send_arrival(7, today - timedelta(days=days), settings=settings(), dataset="orders")
    found = documents(logs, "local/orders/finish")
    for each in found:
        jsonschema.validate(each, SPECIFICATION)
    assert [(each["Records"], each["LagDays"]) for each in found] == [(7, 1), (7, 400)]


def test_sender_without_a_log_group_calls_nothing() -> None:
    send_figures(Figures(), settings=settings(None), dataset="events", step="stream")


def test_sender_that_cannot_send_says_so_once(logs: Any, caplog: pytest.LogCaptureFixture) -> None:
    logs.delete_log_group(logGroupName=GROUP)
    sender = MetricSender(Figures(), settings=settings(), dataset="events", step="stream")
    with caplog.at_level(logging.WARNING, logger="etl"):
        sender.send()
        sender.send()
    (said,) = caplog.messages
    assert said.startswith("metrics    not sent to /etl-local/metrics: ")
    assert "The specified log group does not exist" in said


def test_put_log_events_creates_the_stream_once(logs: Any) -> None:
    for text in ("one", "two"):
        put_log_events(logs, log_group=GROUP, log_stream="a/b", messages=[(0, text)])
    found = logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
    assert [each["logStreamName"] for each in found] == ["a/b"]
