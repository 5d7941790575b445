"""Alerts: what failed, where, the cause and the next command; never a secret, never in the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from aws.clients import AwsConfig
from aws.sns import publish
from etl.alerts import Alert, clean_cause, dead_letter_alert, render_alert, send_alert
from etl.backfill_report import BackfillError, BackfillReport, DateResult
from etl.cli import flow_command
from etl.errors import SettingsError, SourceError, UsageError
from etl.failures import alert_of_failure, cause_of, naming_step, step_of
from etl.processing.batch import Failure
from etl.processing.dead_letters import tell_of_dead_letters
from etl.processing.options import ProcessorOptions

AWS = AwsConfig(region="us-east-1")
CANARY = "canary-0b5e"
ALERT = Alert(
    what="full-pipeline",
    environment="prod",
    dataset="orders",
    run_date=date(2026, 1, 1),
    step="transform",
    run_id="abc",
    cause="the Glue job failed: <no> & nothing",
    next_command="python flows/full_pipeline.py --run-date 2026-01-01 --env prod",
)


class Topic:
    """A topic, and a queue that has subscribed to it."""

    def __init__(self, name: str) -> None:
        sns, self._sqs = boto3.client("sns"), boto3.client("sqs")
        self.arn = sns.create_topic(Name=name)["TopicArn"]
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        queue_arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue_arn)

    def messages(self) -> list[dict[str, Any]]:
        found = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
        return [json.loads(each["Body"]) for each in found.get("Messages", [])]


@pytest.fixture
def topic() -> Iterator[Topic]:
    with mock_aws():
        yield Topic("etl-local-alerts")


def test_render_alert_as_text_says_what_where_why_and_what_next() -> None:
    assert render_alert(ALERT) == (
        "full-pipeline failed in prod: orders 2026-01-01\n"
        "\n"
        "where: environment prod, dataset orders, run date 2026-01-01, step transform, run abc\n"
        "cause: the Glue job failed: <no> & nothing\n"
        "next:  python flows/full_pipeline.py --run-date 2026-01-01 --env prod\n"
    )


def test_render_alert_for_slack_is_a_payload_of_blocks() -> None:
    payload = json.loads(render_alert(ALERT, "slack"))
    assert payload["text"] == "full-pipeline failed in prod: orders 2026-01-01"
    header, where, cause, following = payload["blocks"]
    assert header["text"] == {"type": "plain_text", "text": payload["text"]}
    assert {"type": "mrkdwn", "text": "*step*\ntransform"} in where["fields"]
    assert "&lt;no&gt; &amp; nothing" in cause["text"]["text"]
    assert ALERT.next_command in following["text"]["text"]


def test_render_alert_of_a_long_cause_fits_into_slacks_block() -> None:
    long = Alert(what="x", environment="dev", cause="<" * 100_000)
    blocks = json.loads(render_alert(long, "slack"))["blocks"]
    assert all(len(each.get("text", {}).get("text", "")) <= 3000 for each in blocks)
    assert len(render_alert(long)) < 3000


@pytest.mark.parametrize(
    "cause",
    [
        f"cannot connect to postgresql://shop:{CANARY}@db.example.com/shop",
        f"connection failed: password={CANARY} host=db",
        f'answered 401 to {{"Authorization": "Bearer {CANARY}"}}',
        f"GET https://shop.example.com/?api_key={CANARY}&page=2 failed",
        f"bad secret: '{CANARY}'",
    ],
)
@pytest.mark.parametrize("format", ["text", "slack"])
def test_render_alert_leaves_secrets_of_causes_out(cause: str, format: str) -> None:
    text = render_alert(Alert(what="x", environment="dev", cause=cause), format)
    assert CANARY not in text and "…" in text


def test_clean_cause_leaves_other_words_alone() -> None:
    cause = "the secret etl-dev/shop-api has no field token\n  fix: put one into it"
    assert clean_cause(cause) == cause
    assert clean_cause("the key AKIAIOSFODNN7EXAMPLE is unknown") == "the key … is unknown"


@pytest.mark.parametrize("by_arn", [True, False])
def test_send_alert_by_name_or_arn_arrives_with_a_subject(topic: Topic, by_arn: bool) -> None:
    where = topic.arn if by_arn else "etl-local-alerts"
    assert send_alert(ALERT, topic=where, format="text", aws=AWS)
    (message,) = topic.messages()
    assert message["Subject"] == "full-pipeline failed in prod: orders 2026-01-01"
    assert message["Message"] == render_alert(ALERT)


def test_publish_makes_a_subject_that_sns_takes(topic: Topic) -> None:
    publish(boto3.client("sns"), topic_arn=topic.arn, subject="ä\nb" * 90, message="m")
    (message,) = topic.messages()
    assert message["Subject"].startswith("? b") and len(message["Subject"]) == 100


def test_send_alert_that_cannot_be_sent_logs_why_and_fails_nothing(
    topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    assert not send_alert(ALERT, topic="unknown", format="text", aws=AWS)
    assert "not sent to unknown" in caplog.text
    assert not send_alert(ALERT, topic=None, format="text", aws=AWS)


def test_dead_letter_alert_names_the_object_and_the_redrive() -> None:
    alert = dead_letter_alert(
        environment="dev", queue="incoming", cause="line 3 is no JSON", source_key="incoming/o/a"
    )
    text = render_alert(alert)
    assert "a message to incoming failed in dev" in text
    assert "cause: incoming/o/a: line 3 is no JSON" in text
    assert "next:  python -m etl redrive --env dev" in text


def test_dead_letters_of_a_batch_are_told_in_one_message(topic: Topic) -> None:
    options = ProcessorOptions(
        environment="dev",
        processed_bucket="processed",
        artifacts_bucket="artifacts",
        queue_url="https://sqs.example.com/1/etl-dev-incoming",
        dead_letter_queue_url="https://sqs.example.com/1/dead",
        alert_topic=topic.arn,
    )
    dead = [Failure(key=f"incoming/{n}.json", cause="no JSON") for n in range(3)]
    assert tell_of_dead_letters(dead, options=options, aws=AWS)
    (message,) = topic.messages()
    assert "etl-dev-incoming failed in dev" in message["Message"]
    assert "cause: incoming/0.json: no JSON (and 2 more)" in message["Message"]
    silent = replace(options, alert_topic="")
    assert not tell_of_dead_letters(dead, options=silent, aws=AWS)


def test_flow_command_leaves_out_what_was_not_given() -> None:
    given = {"first": date(2026, 1, 1), "env": "dev", "days": 0, "force": True, "loader": None}
    options = {"from_": "first", "env": "env", "older_than_days": "days", "force": "force"}
    command = flow_command("backfill.py", given, **options, loader="loader", dry_run="dry_run")
    assert " ".join(command) == (
        "python flows/backfill.py --from 2026-01-01 --env dev --older-than-days 0 --force"
    )


def test_naming_step_tells_the_innermost_step() -> None:
    @naming_step("outer")
    @naming_step("extract")
    def fail() -> None:
        raise SourceError("no")

    with pytest.raises(SourceError) as caught:
        fail()
    assert step_of(caught.value) == "extract"
    assert step_of(SourceError("elsewhere")) == ""


def failed_backfill(*statuses: Any) -> BackfillError:
    dates = tuple(
        DateResult(run_date=date(2026, 1, n), status=each, cause=each)
        for n, each in enumerate(statuses, start=1)
    )
    return BackfillError.of(BackfillReport(dataset="orders", environment="dev", dates=dates))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (SourceError("the API is down", fix="wait"), "the API is down\n  fix: wait"),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
        (UsageError("a typing error"), ""),
        (SettingsError("a wrong setting"), ""),
        (KeyboardInterrupt(), ""),
        (failed_backfill("succeeded", "failed"), "1 succeeded, 1 failed; 2026-01-02: failed"),
        (failed_backfill("failed", "not run"), ""),
    ],
)
def test_cause_of_is_empty_where_nobody_else_need_know(error: BaseException, cause: str) -> None:
    assert cause_of(error) == cause


def test_alert_of_failure_goes_where_the_settings_say(topic: Topic) -> None:
    error = naming_failure("load")
    assert alert_of_failure(error, what="backfill", environment="local", next_command="again")
    (message,) = topic.messages()
    assert "step load" in message["Message"] and "next:  again" in message["Message"]
    mistake = UsageError("no such day")
    assert not alert_of_failure(mistake, what="x", environment="local", next_command="again")
    assert topic.messages() == []


def naming_failure(step: str) -> Exception:
    error = ClientError({"Error": {"Code": "Throttling", "Message": "slow"}}, "PutObject")
    error.add_note(f"in step {step}")
    return error
