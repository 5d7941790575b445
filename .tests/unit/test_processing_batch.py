"""Messages of a queue: which come back, and which become dead letters with their cause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.processing import ARTIFACTS, PROCESSED, RAW, event_body, make_options, sales_contract

from etl.errors import ProcessingError, SettingsError
from etl.processing.batch import process_batch
from etl.processing.notifications import Notification, read_notifications
from etl.processing.objects import Outcome
from etl.processing.options import ProcessorOptions
from processor import processor_handler


class Queues:
    """A queue and its dead letters."""

    def __init__(self) -> None:
        self.sqs: Any = boto3.client("sqs")
        self.url = self.sqs.create_queue(QueueName="incoming")["QueueUrl"]
        self.dead_url = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        self.options = make_options(
            queue_url=self.url, dead_letter_queue_url=self.dead_url, retry_seconds=0
        )

    def receive(self, *bodies: str, count: int = 1) -> list[dict[str, Any]]:
        """Send messages, and receive them as a function gets them."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)
        received = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return [
            {
                "messageId": each["MessageId"],
                "receiptHandle": each["ReceiptHandle"],
                "body": each["Body"],
                "attributes": {"ApproximateReceiveCount": str(count)},
            }
            for each in received["Messages"]
        ]

    def dead(self) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(
            QueueUrl=self.dead_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return list(answer.get("Messages", []))


@pytest.fixture
def queues() -> Iterator[Queues]:
    with mock_aws():
        yield Queues()


def refuse_bad(notification: Notification) -> Outcome:
    if "bad" in notification.key:
        raise ProcessingError(f"{notification.key} is bad \0", fix="mend it")
    if "bug" in notification.key:
        raise ZeroDivisionError("oops")
    return Outcome(state="processed")


def test_process_batch_failed_messages_alone_come_back_at_once(queues: Queues) -> None:
    bodies = [event_body("good"), event_body("bad"), event_body("bug"), "no JSON"]
    messages = queues.receive(*bodies)
    answer = process_batch(messages, refuse_bad, sqs=queues.sqs, options=queues.options)
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert failed == [each["messageId"] for each in messages[1:]]
    assert queues.dead() == []
    assert {each["messageId"] for each in queues.receive()} == set(failed)


def test_process_batch_last_try_is_a_dead_letter_with_its_cause(queues: Queues) -> None:
    messages = queues.receive(event_body("good", "bad"), "no JSON", count=3)
    answer = process_batch(messages, refuse_bad, sqs=queues.sqs, options=queues.options)
    assert answer == {"batchItemFailures": []}
    found = queues.dead()
    assert [each["Body"] for each in found] == [each["body"] for each in messages]
    said = [{k: v["StringValue"] for k, v in each["MessageAttributes"].items()} for each in found]
    assert said[0]["cause"] == "bad is bad \ufffd; fix: mend it"
    assert said[0]["source_key"] == "bad" and said[0]["receive_count"] == "3"
    assert said[0]["failed_at"].endswith("Z")
    assert "no S3 event notification" in said[1]["cause"] and "source_key" not in said[1]


def test_process_batch_dead_letter_that_cannot_be_sent_comes_back(queues: Queues) -> None:
    queues.sqs.delete_queue(QueueUrl=queues.dead_url)
    (message,) = queues.receive(event_body("bad"), count=3)
    answer = process_batch([message], refuse_bad, sqs=queues.sqs, options=queues.options)
    assert answer == {"batchItemFailures": [{"itemIdentifier": message["messageId"]}]}


def test_process_batch_all_objects_of_a_message_are_tried(queues: Queues) -> None:
    seen: list[str] = []

    def note(notification: Notification) -> Outcome:
        seen.append(notification.key)
        return refuse_bad(notification)

    messages = queues.receive(event_body("bad", "a b+ü", "bug"), count=3)
    process_batch(messages, note, sqs=queues.sqs, options=queues.options)
    assert seen == ["bad", "a b+ü", "bug"]
    assert queues.dead()[0]["MessageAttributes"]["source_key"]["StringValue"] == "bad"


def test_read_notifications_tests_folders_and_deletions_are_no_objects() -> None:
    assert read_notifications('{"Event": "s3:TestEvent", "Bucket": "b"}') == []
    assert read_notifications(event_body("incoming/sales/")) == []
    assert (
        read_notifications(event_body("a").replace("ObjectCreated:Put", "ObjectRemoved:Delete"))
        == []
    )


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"Records": [{}]}', '{"Records": 1}', "[" * 9999]
)
def test_read_notifications_anything_else_is_refused(body: str) -> None:
    with pytest.raises(ProcessingError, match="no S3 event notification"):
        read_notifications(body)


def test_options_environment_is_read_as_it_was_written() -> None:
    options = make_options(max_receive_count=5)
    written = options.to_environment()
    assert written["PROCESSOR_MAX_RECEIVE_COUNT"] == "5"
    assert ProcessorOptions.from_environment(written | {"OTHER": "x"}) == options
    with pytest.raises(SettingsError, match="queue_url"):
        ProcessorOptions.from_environment({})
    with pytest.raises(SettingsError, match="five"):
        ProcessorOptions.from_environment(written | {"PROCESSOR_MAX_RECEIVE_COUNT": "five"})


def test_handle_good_and_bad_objects_of_a_batch(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3: Any = boto3.client("s3")
    for bucket in (RAW, PROCESSED, ARTIFACTS):
        s3.create_bucket(Bucket=bucket)
    contract = sales_contract().to_json()
    s3.put_object(Bucket=ARTIFACTS, Key="contracts/current/sales.json", Body=contract)
    s3.put_object(Bucket=RAW, Key="incoming/sales/a b.csv", Body=b"id\n1\n")
    s3.put_object(Bucket=RAW, Key="incoming/sales/bad.csv", Body=b"id\nx\n")
    for name, value in (queues.options.to_environment() | {"AWS_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, value)
    processor_handler._client.cache_clear()
    messages = queues.receive(
        event_body("incoming/sales/a b.csv"), event_body("incoming/sales/bad.csv")
    )
    answer = processor_handler.handle({"Records": messages}, None)
    processor_handler._client.cache_clear()
    assert answer == {"batchItemFailures": [{"itemIdentifier": messages[1]["messageId"]}]}
    listed = s3.list_objects_v2(Bucket=RAW)["Contents"]
    assert [each["Key"] for each in listed] == ["completed/sales/a b.csv", "incoming/sales/bad.csv"]
    (written,) = s3.list_objects_v2(Bucket=PROCESSED)["Contents"]
    body = s3.get_object(Bucket=PROCESSED, Key=written["Key"])["Body"].read()
    assert json.loads(body)["id"] == 1


def test_handle_event_of_another_kind_is_refused() -> None:
    with pytest.raises(processor_handler.InvalidEventError, match="expected messages"):
        processor_handler.handle({"detail": {}}, None)
