"""Incoming objects on the embedded cloud: S3 tells the queue, the queue the function's archive.

Files arrive shuffled, their events twice or more often; malformed ones end as dead letters, are
mended, and sent again.
"""

from __future__ import annotations

import gzip
import json
import random
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.processing import event_body

from etl.redrive import DeadLetter, list_dead_letters, redrive
from etl.settings import load_settings

SETTINGS = load_settings("local")
RAW, PROCESSED = SETTINGS.buckets.raw, SETTINGS.buckets.processed
FILES = 300
HEADER = "IATA,Name,City,State,Country,Latitude,Longitude"

Client = Callable[[str], Any]


def good_file(number: int) -> tuple[str, bytes]:
    """One airport, spelled in one of four ways."""
    row = ["A" + format(number, "03"), f"Port {number}", "Å", "TX", "USA", "1.5", "-2.5"]
    names = ["iata", "Name", "city", "state", "Country", "latitude", "longitude"]
    record = dict(zip(names, row, strict=True)) | {"latitude": 1.5, "longitude": -2.5}
    text = f"{HEADER}\n{','.join(row)}\n"
    match number % 4:
        case 0:
            return ".csv", text.encode()
        case 1:
            return ".csv.gz", gzip.compress(text.encode(), mtime=0)
        case 2:
            return ".json", json.dumps([record], indent=1).encode()
    return ".jsonl", json.dumps(record).encode() + b"\n"


def malformed_file(number: int) -> tuple[str, bytes, str]:
    """A file of the same airport that is broken, and what the cause must say."""
    suffix, body = good_file(number)
    if suffix == ".csv":
        wider = body.replace(b"Longitude", b"Longitude,x,y,z").replace(b"-2.5", b"-2.5,1,2,3")
        return suffix, wider, "fields that the contract does not know: x, y, z"
    if suffix == ".csv.gz":
        return suffix, body[:-6], "not a whole gzip file"
    if suffix == ".json":
        return suffix, body[: len(body) // 2], "not a JSON document"
    return suffix, body.replace(b"1.5", b'"north"'), "record 1: latitude: expected number"


class Incoming:
    """300 files of this test, ten of them malformed: four kinds, and two of an unknown dataset."""

    def __init__(self, client: Client) -> None:
        self.s3, self.sqs = client("s3"), client("sqs")
        name = SETTINGS.processor.queue_name
        self.queue_url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        self.folder = uuid.uuid4().hex
        self.unknown = f"unknown_{self.folder}"
        self.good: dict[str, bytes] = {}
        self.bad: dict[str, tuple[bytes, bytes, str]] = {}  # broken, mended, cause
        for number in range(FILES):
            suffix, body = good_file(number)
            key = f"incoming/airports/{number % 7}/{self.folder} {number:03}{suffix}"
            if number < 8:
                _, broken, cause = malformed_file(number)
                self.bad[key] = broken, body, cause
            elif number < 10:
                key = key.replace("airports", self.unknown, 1)
                self.bad[key] = body, body, f'there is no dataset "{self.unknown}"'
            else:
                self.good[key] = body

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=RAW, Key=key, Body=body)

    def tell(self, body: str) -> None:
        """Have an event come once more."""
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)

    def listed(self, bucket: str, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = (each["Key"] for page in pages for each in page.get("Contents", []))
        return [key for key in found if self.folder in key]

    def rows(self) -> list[dict[str, Any]]:
        """The rows of this test's files, as they lie under processed/."""

        def read(key: str) -> list[dict[str, Any]]:
            body = self.s3.get_object(Bucket=PROCESSED, Key=key)["Body"].read()
            return [json.loads(line) for line in body.splitlines()]

        with ThreadPoolExecutor(4) as pool:
            keys = self.listed(PROCESSED, "processed/")
            return [row for rows in pool.map(read, keys) for row in rows]

    def letters(self) -> list[DeadLetter]:
        """The dead letters of this test's files."""
        found = list_dead_letters(self.sqs, SETTINGS.processor)
        return [each for each in found if self.folder in each.source_key]

    def is_quiet(self) -> bool:
        """Whether every message has been handled."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)
        return all(int(found["Attributes"][name]) == 0 for name in names)

    def wait_until_quiet(self) -> None:
        deadline = time.monotonic() + 120
        while not self.is_quiet():
            assert time.monotonic() < deadline, "the queue is not emptied"
            time.sleep(0.2)


@pytest.fixture
def incoming(client: Client) -> Incoming:
    return Incoming(client)


def completed(key: str) -> str:
    return key.replace("incoming/", "completed/", 1)


def test_processor_files_are_processed_once_and_malformed_ones_after_they_are_mended(
    incoming: Incoming,
) -> None:
    chance = random.Random(4)
    files = [*incoming.good.items(), *((key, bad[0]) for key, bad in incoming.bad.items())]
    chance.shuffle(files)
    repeated = [event_body(key, bucket=RAW) for key in chance.choices(list(incoming.good), k=100)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda file: incoming.put(*file), files))
        list(pool.map(incoming.tell, repeated))
    incoming.wait_until_quiet()

    outputs = incoming.listed(PROCESSED, "processed/")
    assert len(outputs) == len(incoming.good) == 290
    assert sorted(incoming.listed(RAW, "completed/")) == sorted(map(completed, incoming.good))
    assert sorted(incoming.listed(RAW, "incoming/")) == sorted(incoming.bad)
    letters = incoming.letters()
    assert sorted(each.source_key for each in letters) == sorted(incoming.bad)
    for each in letters:
        assert incoming.bad[each.source_key][2] in each.cause
        assert each.receive_count == SETTINGS.processor.max_receive_count

    source = {"Bucket": SETTINGS.buckets.artifacts, "Key": "contracts/current/airports.json"}
    incoming.s3.copy_object(
        CopySource=source,
        Bucket=source["Bucket"],
        Key=f"contracts/current/{incoming.unknown}.json",
    )
    for key, (broken, mended, _) in incoming.bad.items():
        if mended != broken:
            incoming.put(key, mended)
    sent = redrive(
        incoming.sqs, SETTINGS.processor, message_ids=[each.message_id for each in letters]
    )
    assert len(sent) == len(letters)
    incoming.wait_until_quiet()

    rows = incoming.rows()
    assert len(incoming.listed(PROCESSED, "processed/")) == FILES
    assert sorted(row["iata"] for row in rows) == [f"A{number:03}" for number in range(FILES)]
    assert all((row["latitude"], row["longitude"]) == (1.5, -2.5) for row in rows)
    assert incoming.listed(RAW, "incoming/") == []
    assert len(incoming.listed(RAW, "completed/")) == FILES
    assert incoming.letters() == []


def test_attach_leads_events_of_incoming_objects_to_the_processor(client: Client) -> None:
    wanted, sqs, functions = SETTINGS.processor, client("sqs"), client("lambda")
    url = sqs.get_queue_url(QueueName=wanted.queue_name)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    function = functions.get_function_configuration(FunctionName=wanted.function_name)
    assert function["Role"].endswith(f":role/{wanted.function_name}")
    assert int(queue["VisibilityTimeout"]) == 6 * function["Timeout"]
    redrives = json.loads(queue["RedrivePolicy"])
    assert redrives["deadLetterTargetArn"].endswith(f":{wanted.dead_letter_queue_name}")
    assert int(redrives["maxReceiveCount"]) == wanted.max_receive_count
    (allowed,) = json.loads(queue["Policy"])["Statement"]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert RAW in str(allowed["Condition"])
    notified = client("s3").get_bucket_notification_configuration(Bucket=RAW)
    (configured,) = notified["QueueConfigurations"]
    assert configured["QueueArn"] == queue["QueueArn"]
    assert configured["Filter"]["Key"]["FilterRules"][0]["Value"] == wanted.incoming_prefix
    found = functions.list_event_source_mappings(FunctionName=wanted.function_name)
    (mapping,) = found["EventSourceMappings"]
    assert mapping["EventSourceArn"] == queue["QueueArn"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
