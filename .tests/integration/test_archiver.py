"""The archiver on the embedded cloud: by its rule, killed and run again; its failures are told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from support.pipeline_runs import Bench

from etl.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = load_settings("local")
PROCESSED, ARCHIVE = SETTINGS.buckets.processed, str(SETTINGS.buckets.archive)
Client = Callable[[str], Any]

# The archiver in a process of its own, to be killed.
ARCHIVE_NOW = """
import sys
from dataclasses import replace
from datetime import UTC, datetime
from aws.clients import make_client
from etl.archiving import ArchiveConfig, archive
from etl.settings import load_settings

settings = load_settings("local")
config = replace(ArchiveConfig.of(settings), prefix=sys.argv[1], concurrency=2)
s3, glue = (make_client(each, settings.aws) for each in ("s3", "glue"))
print(archive(config, s3=s3, glue=glue, now=datetime.now(UTC)).to_json())
"""


@pytest.fixture
def prefix() -> str:
    """A place for a test's own objects, of a run date that is old."""
    return f"processed/test/t{uuid.uuid4().hex[:8]}/ingest_date=2010-01-01/"


@pytest.fixture
def messages(client: Client) -> Iterator[Callable[[], list[str]]]:
    """Gives the alerts that have been sent since, by a queue that has subscribed."""
    sqs, sns = client("sqs"), client("sns")
    url = sqs.create_queue(QueueName=f"alerts-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    topic = sns.create_topic(Name=SETTINGS.alerts.topic_name)["TopicArn"]
    made = sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
        ReturnSubscriptionArn=True,
    )

    def receive() -> list[str]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [each["Body"] for each in answer.get("Messages", [])]

    yield receive
    sns.unsubscribe(SubscriptionArn=made["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=url)


def keys(client: Client, bucket: str, prefix: str) -> set[str]:
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {each["Key"] for page in pages for each in page.get("Contents", [])}


def put(client: Client, prefix: str, count: int) -> set[str]:
    names = {f"{prefix}part-{number:04}" for number in range(count)}
    for name in names:
        client("s3").put_object(Bucket=PROCESSED, Key=name, Body=name.encode())
    return names


def wait_until(condition: Callable[[], bool], *, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_rule_starts_the_function_which_archives_what_is_old(client: Client, prefix: str) -> None:
    names = put(client, prefix, 3)
    young = f"{prefix.replace('2010-01-01', '2026-01-01')}part-0"
    client("s3").put_object(Bucket=PROCESSED, Key=young, Body=b"stays")
    endpoint = client("events").meta.endpoint_url
    urlopen(f"{endpoint}/_cloud/tick/2026-01-02T01:59").close()
    urlopen(f"{endpoint}/_cloud/tick/2026-01-02T02:00").close()
    assert wait_until(lambda: not keys(client, PROCESSED, prefix))
    assert keys(client, ARCHIVE, prefix) == names
    for name in names:
        found = client("s3").get_object(Bucket=ARCHIVE, Key=name)
        assert (found["StorageClass"], found["Body"].read()) == ("STANDARD_IA", name.encode())
    assert keys(client, PROCESSED, young) == {young}


def test_function_says_what_a_dry_run_would_do(client: Client, prefix: str) -> None:
    names = put(client, prefix, 2)
    answer = client("lambda").invoke(
        FunctionName=SETTINGS.archiver.function_name, Payload=b'{"dry_run": true}'
    )
    report = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, report
    assert report["status"] == "succeeded" and report["counts"]["objects"] >= len(names)
    assert keys(client, PROCESSED, prefix) == names


def test_archiver_killed_and_run_again_leaves_each_object_once(client: Client, prefix: str) -> None:
    names = put(client, prefix, 120)
    command = [sys.executable, "-c", ARCHIVE_NOW, prefix]
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    assert wait_until(lambda: bool(keys(client, ARCHIVE, prefix)))
    process.send_signal(signal.SIGKILL)
    process.wait()
    here, there = keys(client, PROCESSED, prefix), keys(client, ARCHIVE, prefix)
    assert here and here | there == names
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["counts"]["objects"] == len(here)
    assert (keys(client, PROCESSED, prefix), keys(client, ARCHIVE, prefix)) == (set(), names)


def test_flow_that_cannot_archive_an_object_says_so_once_and_goes_on(
    client: Client, prefix: str, messages: Callable[[], list[str]], prefect_api_url: str
) -> None:
    names = put(client, prefix, 3)
    other = min(names)
    client("s3").put_object(Bucket=ARCHIVE, Key=other, Body=b"another")
    command = [sys.executable, str(ROOT / "flows" / "archive.py"), "--prefix", prefix]
    environ = os.environ | {"PREFECT_API_URL": prefect_api_url}
    done = subprocess.run([*command, "--json"], env=environ, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert (report["status"], report["counts"]["objects"]) == ("failed", 2)
    assert "is another object than" in done.stderr
    assert keys(client, PROCESSED, prefix) == {other}
    (message,) = messages()
    assert message.startswith("archive failed in local\n")
    assert "step archive" in message and f"{other}: s3://{ARCHIVE}/{other} is another" in message
    assert f"next:  python flows/archive.py --env local --prefix {prefix}\n" in message
    assert messages() == []


def test_pipeline_that_fails_is_told_once_and_bad_options_are_not(
    bench: Bench, messages: Callable[[], list[str]]
) -> None:
    nowhere = {"ETL_PLACES__SHOP_API_URL": "http://127.0.0.1:9"}
    bench.run("2026-03-02", environ=nowhere).fails("failed")
    (message,) = messages()
    assert message.startswith("full-pipeline failed in local: orders 2026-03-02\n")
    assert "step extract" in message
    again = "python flows/full_pipeline.py --run-date 2026-03-02 --dataset orders --env local"
    assert f"next:  {again}\n" in message
    bench.run("2026-03-02", environ={"ETL_WAREHOUSE__KIND": "none"}).fails("warehouse", code=2)
    assert messages() == []


def test_message_among_the_dead_letters_is_told(
    client: Client, messages: Callable[[], list[str]]
) -> None:
    key = f"{SETTINGS.processor.incoming_prefix}orders/bad-{uuid.uuid4().hex[:8]}.json"
    place = {"Bucket": SETTINGS.buckets.raw, "Key": key}
    client("s3").put_object(**place, Body=b'{"order_id": ')
    found: list[str] = []

    def has_arrived() -> bool:
        found.extend(messages())
        return bool(found)

    assert wait_until(has_arrived)
    (message,) = found
    assert f"a message to {SETTINGS.processor.queue_name} failed in local" in message
    assert f"cause: {key}: " in message and "next:  python -m etl redrive" in message
    sqs = client("sqs")
    dead = sqs.get_queue_url(QueueName=SETTINGS.processor.dead_letter_queue_name)["QueueUrl"]
    for each in sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10).get("Messages", []):
        if key in each["Body"]:
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=each["ReceiptHandle"])
        else:
            handle = each["ReceiptHandle"]
            sqs.change_message_visibility(QueueUrl=dead, ReceiptHandle=handle, VisibilityTimeout=0)
    client("s3").delete_object(**place)
