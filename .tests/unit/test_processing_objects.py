"""One object on its way: written once, moved once, whatever is repeated, replaced or killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.processing import ARTIFACTS, PROCESSED, RAW, make_options, notify, sales_contract

from etl.errors import ProcessingError, StorageError
from etl.processing.objects import Processor

KEY = "incoming/sales/shop 1/day.json"
COMPLETED = "completed/sales/shop 1/day.json"
BODY = b'[{"id": 1, "User Name": "Li"}, {"id": 2, "User Name": ""}]'


class Killed(BaseException):
    """The function's process ended."""


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3")
        for bucket in (RAW, PROCESSED, ARTIFACTS):
            client.create_bucket(Bucket=bucket)
            client.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
            )
        contract = sales_contract().to_json()
        client.put_object(Bucket=ARTIFACTS, Key="contracts/current/sales.json", Body=contract)
        yield client


def put(s3: Any, body: bytes = BODY, key: str = KEY) -> None:
    s3.put_object(Bucket=RAW, Key=key, Body=body)


def contents(s3: Any) -> dict[str, bytes]:
    """All objects but the contracts."""
    return {
        each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
        for bucket in (RAW, PROCESSED)
        for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    }


def outputs(s3: Any) -> dict[str, bytes]:
    return {key: body for key, body in contents(s3).items() if key.startswith("processed/")}


def process(s3: Any, key: str = KEY, **options: Any) -> str:
    return Processor(s3, make_options(**options)).process(notify(key)).state


def test_process_object_is_written_as_rows_and_moved(s3: Any) -> None:
    put(s3)
    arrived = s3.head_object(Bucket=RAW, Key=KEY)["LastModified"]
    outcome = Processor(s3, make_options()).process(notify(KEY))
    assert (outcome.state, outcome.rows) == ("processed", 2)
    ((key, body),) = outputs(s3).items()
    assert outcome.output_uri == f"s3://{PROCESSED}/{key}"
    assert key.startswith(f"processed/{arrived:%Y/%m/%d}/sales/day-") and key.endswith(".jsonl")
    assert contents(s3) == {key: body, COMPLETED: BODY}
    first, second = map(json.loads, body.decode().splitlines())
    assert first["user_name"] == "Li" and "user_name" not in second
    assert first["_metadata"] == {
        "processed_at": f"{arrived:%Y-%m-%dT%H:%M:%S}Z",
        "environment": "test",
        "processor_version": "1.0.0",
        "source_key": KEY,
    }


def make_killer(s3: Any, monkeypatch: pytest.MonkeyPatch, *, at: int, after: bool) -> list[str]:
    """Kill before or after the nth call from now on; the calls that were begun."""
    calls: list[str] = []
    call = type(s3)._make_api_call

    def kill(operation: str, arguments: dict[str, Any]) -> Any:
        calls.append(operation)
        is_last = len(calls) == at
        if is_last and not after:
            raise Killed
        try:
            return call(s3, operation, arguments)
        finally:
            if is_last:
                raise Killed

    monkeypatch.setattr(s3, "_make_api_call", kill)
    return calls


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 8))
def test_process_killed_at_any_call_is_repaired_by_the_next_try(
    s3: Any, monkeypatch: pytest.MonkeyPatch, at: int, after: bool
) -> None:
    put(s3)
    event = notify(KEY)
    with monkeypatch.context() as patch:
        calls = make_killer(s3, patch, at=at, after=after)
        with pytest.raises(Killed):
            Processor(s3, make_options()).process(event)
    assert len(calls) == at
    assert KEY in contents(s3) or COMPLETED in contents(s3)
    left = outputs(s3)
    Processor(s3, make_options()).process(event)
    assert set(contents(s3)) == {*outputs(s3), COMPLETED}
    assert len(outputs(s3)) == 1 and left.items() <= outputs(s3).items()
    versions = s3.list_object_versions(Bucket=PROCESSED)["Versions"]
    assert len(versions) == 1, "rows that are there are not written again"


def test_process_makes_seven_calls(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(s3)
    calls = make_killer(s3, monkeypatch, at=0, after=False)
    process(s3)
    assert calls == [
        *("HeadObject", "GetObject", "GetObject"),
        *("HeadObject", "PutObject", "CopyObject", "DeleteObject"),
    ]


def test_process_repeated_event_changes_nothing(s3: Any) -> None:
    put(s3)
    assert process(s3) == "processed"
    before = contents(s3)
    assert Processor(s3, make_options()).process(notify(KEY, after=-timedelta(hours=1))).state == (
        "duplicate"
    )
    assert contents(s3) == before


def test_process_events_of_two_versions_in_any_order_take_the_later_one_once(s3: Any) -> None:
    put(s3)
    older = notify(KEY)
    put(s3, b'{"id": 7}')
    newer = notify(KEY)
    states = [Processor(s3, make_options()).process(each).state for each in (newer, older)]
    assert states == ["processed", "duplicate"]
    (body,) = outputs(s3).values()
    assert json.loads(body)["id"] == 7 and contents(s3)[COMPLETED] == b'{"id": 7}'


def test_process_key_written_again_after_it_was_moved_is_another_object(s3: Any) -> None:
    put(s3)
    process(s3)
    put(s3, b'{"id": 7}')
    assert process(s3) == "processed"
    assert len(outputs(s3)) == 2
    put(s3, b'{"id": 7}')
    assert process(s3) == "processed"
    assert len(outputs(s3)) == 2, "the same content at the same key has the same output"


@pytest.mark.parametrize("operation", ["GetObject", "CopyObject", "DeleteObject"])
def test_process_object_replaced_meanwhile_is_left_to_its_own_event(
    s3: Any, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    put(s3)
    call = type(s3)._make_api_call
    replaced = []

    def replace_first(name: str, arguments: dict[str, Any]) -> Any:
        if name == operation and not replaced:
            replaced.append(name)
            put(s3, b'{"id": 7}')
        return call(s3, name, arguments)

    with monkeypatch.context() as patch:
        patch.setattr(s3, "_make_api_call", replace_first)
        assert process(s3) == "superseded"
    assert contents(s3)[KEY] == b'{"id": 7}'
    assert process(s3) == "processed"
    ids = [json.loads(line)["id"] for body in outputs(s3).values() for line in body.splitlines()]
    assert 7 in ids and KEY not in contents(s3)


def test_process_object_that_was_taken_away_is_told(s3: Any) -> None:
    with pytest.raises(ProcessingError, match="is gone, and was not processed"):
        process(s3)
    put(s3)
    process(s3)
    later = notify(KEY, after=timedelta(hours=1))
    with pytest.raises(ProcessingError, match="is gone, and was not processed"):
        Processor(s3, make_options()).process(later)
    etag = s3.head_object(Bucket=RAW, Key=COMPLETED)["ETag"].strip('"')
    same = notify(KEY, after=timedelta(hours=1), etag=etag)
    assert Processor(s3, make_options()).process(same).state == "duplicate"


@pytest.mark.parametrize(
    ("key", "body", "message"),
    [
        ("incoming/sales/a.json", b'{"id": ', "not a JSON document"),
        ("incoming/sales/a.csv", b"id,a,b,c\n1,2,3,4\n", "does not know: a, b, c"),
        ("incoming/sales/a.csv", b"id\n1\nx\n", "1 of 2 records are bad: record 2: id: expected"),
        ("incoming/sales/a.csv.gz", b"id\n1\n", "not a whole gzip file"),
        ("incoming/sales/a.xlsx", b"PK", "its suffix says nothing"),
        ("incoming/sales/a.json", b" " * (1024 * 1024 + 1), "more than 1 MiB"),
        ("incoming/nothing/a.json", b"{}", 'there is no dataset "nothing"'),
        ("incoming/Sales.X/a.json", b"{}", 'there is no dataset "Sales.X"'),
        ("incoming/a.json", b"{}", "names no dataset"),
        ("elsewhere/sales/a.json", b"{}", "names no dataset"),
    ],
)
def test_process_bad_object_writes_nothing(s3: Any, key: str, body: bytes, message: str) -> None:
    put(s3, body, key)
    with pytest.raises(ProcessingError) as caught:
        process(s3, key)
    assert message in caught.value.message and caught.value.fix
    assert contents(s3) == {key: body}


def test_process_bucket_that_refuses_is_a_storage_error(s3: Any) -> None:
    put(s3)
    with pytest.raises(StorageError, match="nowhere does not exist"):
        process(s3, processed_bucket="nowhere")
    assert contents(s3) == {KEY: BODY}
