"""The embedded cloud's events: S3 → SQS → Lambda, with partial failures and dead letters."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from support.functions import make_role, zipped

# Puts each message's body under its name; fails those that say so.
CODE = """
import json, os
import boto3

def handle(event, context):
    s3 = boto3.client("s3")
    failed = []
    for record in event["Records"]:
        if "poison" in record["body"]:
            failed.append({"itemIdentifier": record["messageId"]})
        else:
            key = record["messageId"]
            s3.put_object(Bucket=os.environ["BUCKET"], Key=key, Body=record["body"].encode())
    return {"batchItemFailures": failed}

def crash(event, context):
    raise RuntimeError("out of order")
"""


def wait_until(condition: Callable[[], bool], *, seconds: float = 40) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(scope="module")
def role(client: Callable[[str], Any]) -> str:
    return make_role(client, "event-function")


class Events:
    """A queue with a dead-letter queue, a bucket for results, and a function that polls."""

    def __init__(self, client: Callable[[str], Any], role: str, name: str, handler: str) -> None:
        self.sqs, self.s3, self.functions = client("sqs"), client("s3"), client("lambda")
        self.name = name
        self.s3.create_bucket(Bucket=name)
        self.dead = self.sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": self.arn(self.dead), "maxReceiveCount": 2}
        self.queue = self.sqs.create_queue(
            QueueName=name,
            Attributes={"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "1"},
        )["QueueUrl"]
        self.functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=role,
            Handler=f"shop.{handler}",
            Code={"ZipFile": zipped(CODE)},
            Environment={"Variables": {"BUCKET": name}},
            Timeout=30,
        )
        self.mapping = self.functions.create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=self.arn(self.queue),
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )["UUID"]

    def arn(self, queue: str) -> str:
        attributes = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        found: str = attributes["Attributes"]["QueueArn"]
        return found

    def bodies(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.name).get("Contents", [])
        return sorted(
            self.s3.get_object(Bucket=self.name, Key=each["Key"])["Body"].read().decode()
            for each in listed
        )

    def count(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def close(self) -> None:
        self.functions.delete_event_source_mapping(UUID=self.mapping)
        self.functions.delete_function(FunctionName=self.name)


def test_messages_are_handled_once_and_poison_ends_in_the_dead_letter_queue(
    client: Callable[[str], Any], role: str
) -> None:
    events = Events(client, role, "handled", "handle")
    wanted = [f"message {number:02}" for number in range(24)]
    for body in [*wanted, "poison"]:
        events.sqs.send_message(QueueUrl=events.queue, MessageBody=body)
    assert wait_until(lambda: events.count(events.dead) == 1)
    assert wait_until(lambda: events.count(events.queue) == 0)
    assert events.bodies() == wanted
    (dead,) = events.sqs.receive_message(QueueUrl=events.dead)["Messages"]
    assert dead["Body"] == "poison"
    events.close()


def test_messages_of_a_function_that_raises_come_back_and_then_are_dead_letters(
    client: Callable[[str], Any], role: str
) -> None:
    events = Events(client, role, "crashing", "crash")
    events.sqs.send_message(QueueUrl=events.queue, MessageBody="any")
    assert wait_until(lambda: events.count(events.dead) == 1)
    assert events.count(events.queue) == 0
    events.close()


def test_an_object_under_the_prefix_reaches_the_function_with_its_key(
    client: Callable[[str], Any], role: str
) -> None:
    events = Events(client, role, "notified", "handle")
    events.s3.create_bucket(Bucket="incoming-objects")
    events.s3.put_bucket_notification_configuration(
        Bucket="incoming-objects",
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": events.arn(events.queue),
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "incoming/"}]}},
                }
            ]
        },
    )
    key = "incoming/a b+ü.json"
    events.s3.put_object(Bucket="incoming-objects", Key=key, Body=b"{}")
    events.s3.put_object(Bucket="incoming-objects", Key="elsewhere/b.json", Body=b"{}")

    def records() -> list[dict[str, Any]]:
        return [r for body in events.bodies() for r in json.loads(body).get("Records", [])]

    assert wait_until(lambda: len(records()) == 1)
    (record,) = records()
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["object"]["key"] == quote_plus(key, safe="/")
    assert record["s3"]["object"]["size"] == 2
    assert int(record["s3"]["object"]["sequencer"], 16) > 0
    events.close()


def test_mapping_that_cannot_be_polled_is_refused(client: Callable[[str], Any], role: str) -> None:
    events = Events(client, role, "refusing", "handle")
    with pytest.raises(ClientError, match="without filters"):
        events.functions.update_event_source_mapping(
            UUID=events.mapping, FilterCriteria={"Filters": [{"Pattern": "{}"}]}
        )
    events.close()


def test_schedule_and_pattern_send_their_events_to_a_queue(
    client: Callable[[str], Any], role: str
) -> None:
    rules, events = client("events"), Events(client, role, "scheduled", "handle")
    rules.put_rule(Name="nightly", ScheduleExpression="cron(0 2 * * ? *)")
    rules.put_rule(Name="failures", EventPattern=json.dumps({"detail": {"state": ["FAILED"]}}))
    given = {"Id": "1", "Arn": events.arn(events.queue)}
    rules.put_targets(Rule="nightly", Targets=[given | {"Input": '{"dry_run": true}'}])
    rules.put_targets(Rule="failures", Targets=[given | {"InputPath": "$.detail"}])
    for minute in ("2026-01-02T01:59", "2026-01-02T02:00"):
        urlopen(f"{rules.meta.endpoint_url}/_cloud/tick/{minute}").close()
    rules.put_events(
        Entries=[
            {"Source": "shop", "DetailType": "job", "Detail": json.dumps({"state": state})}
            for state in ("SUCCEEDED", "FAILED")
        ]
    )
    assert wait_until(lambda: len(events.bodies()) == 2, seconds=30), events.bodies()
    assert [json.loads(body) for body in events.bodies()] == [
        {"dry_run": True},
        {"state": "FAILED"},
    ]
    events.close()


def test_schedule_that_could_not_run_is_refused(client: Callable[[str], Any]) -> None:
    with pytest.raises(ClientError, match="L in a schedule"):
        client("events").put_rule(Name="last", ScheduleExpression="cron(0 2 L * ? *)")
