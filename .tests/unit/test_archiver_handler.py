"""The archiver's Lambda: parts that follow one another, and one alert at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from archiver import archiver_handler
from etl.archiving import ArchiveConfig, function
from etl.archiving.config import VARIABLE
from etl.errors import StorageError, UsageError
from etl.settings import load_settings

KEYS = [f"processed/t/ingest_date=2010-01-01/{n}" for n in range(6)]
ENOUGH, TOO_LITTLE = 500_000, 30_000
Payloads = list[dict[str, Any]]


class Context:
    """Lambda's word on how much time is left: enough for some objects."""

    function_name = "etl-dev-archiver"

    def __init__(self, objects: int) -> None:
        self._asked, self._objects = 0, objects

    def get_remaining_time_in_millis(self) -> int:
        self._asked += 1
        return ENOUGH if self._asked <= self._objects + 1 else TOO_LITTLE


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> ArchiveConfig:
    given = replace(ArchiveConfig.of(load_settings("dev")), settle_hours=0, concurrency=1)
    monkeypatch.setenv(VARIABLE, given.to_json())
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return given


@pytest.fixture
def s3(config: ArchiveConfig) -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3")
        for bucket in (config.bucket, config.archive_bucket):
            client.create_bucket(Bucket=bucket)
        for key in KEYS:
            client.put_object(Bucket=config.bucket, Key=key, Body=key.encode())
        yield client


@pytest.fixture
def invoked(monkeypatch: pytest.MonkeyPatch) -> Payloads:
    """What the function has itself called with."""
    payloads: Payloads = []

    def note(client: Any, *, function_name: str, payload: dict[str, Any]) -> None:
        assert function_name == "etl-dev-archiver"
        payloads.append(json.loads(json.dumps(payload)))

    monkeypatch.setattr(function, "invoke_later", note)
    return payloads


@pytest.fixture
def alerts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    causes: list[str] = []

    def note(alert: Any, **_: Any) -> bool:
        causes.append(alert.cause)
        return True

    monkeypatch.setattr(function, "send_alert", note)
    return causes


def archived(s3: Any, config: ArchiveConfig) -> list[str]:
    listed = s3.list_objects_v2(Bucket=config.archive_bucket).get("Contents", [])
    return [each["Key"] for each in listed]


def figures(out: str) -> list[tuple[int, int]]:
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return [(line["Objects"], line["Errors"]) for line in lines]


def test_parts_follow_one_another_until_all_is_archived(
    s3: Any,
    config: ArchiveConfig,
    invoked: Payloads,
    alerts: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    event: dict[str, Any] = {"source": "aws.events", "detail": {}}
    first = archiver_handler.handle(event, Context(objects=4))
    assert (first["status"], first["cursor"]) == ("stopped", KEYS[3])
    assert archived(s3, config) == KEYS[:4]
    (following,) = invoked
    second = archiver_handler.handle(following, Context(objects=4))
    assert (second["status"], second["counts"]["objects"]) == ("succeeded", 6)
    assert (archived(s3, config), len(invoked), alerts) == (KEYS, 1, [])
    assert figures(capsys.readouterr().out) == [(4, 0), (2, 0)]


def test_failures_of_any_part_are_told_once_at_the_end(
    s3: Any, config: ArchiveConfig, invoked: Payloads, alerts: list[str]
) -> None:
    s3.put_object(Bucket=config.archive_bucket, Key=KEYS[0], Body=b"another")
    archiver_handler.handle({}, Context(objects=3))
    assert alerts == []
    report = archiver_handler.handle(invoked[0], Context(objects=9))
    assert report["status"] == "failed"
    (cause,) = alerts
    assert cause.startswith(f"1 objects stay where they are; {KEYS[0]}: ")


def test_part_that_would_be_taken_for_a_loop_leaves_the_rest_to_the_next_night(
    s3: Any, invoked: Payloads
) -> None:
    report = archiver_handler.handle({"part": 15}, Context(objects=1))
    assert (report["status"], invoked) == ("stopped", [])


def test_failure_of_the_whole_is_told_and_raised(
    s3: Any, config: ArchiveConfig, alerts: list[str]
) -> None:
    for key in KEYS:
        s3.delete_object(Bucket=config.bucket, Key=key)
    s3.delete_bucket(Bucket=config.bucket)
    with pytest.raises(StorageError, match="does not exist"):
        archiver_handler.handle({}, Context(objects=9))
    assert len(alerts) == 1 and config.bucket in alerts[0]


@pytest.mark.parametrize("event", [[], {"dry_run": "yes"}, {"cursor": 3}, {"part": "1"}])
def test_event_that_makes_no_sense_is_refused(config: ArchiveConfig, event: Any) -> None:
    with pytest.raises(UsageError):
        archiver_handler.handle(event, Context(objects=1))
