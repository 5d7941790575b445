"""Records are taken once, whatever dies and however often they are sent."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.ingest import ARTIFACTS, collected, event_record, get_state, make_api, post, written
from support.streams import CONTRACT, Stream, chunk, record

from etl.ingest.accept import accept
from etl.ingest.api import Api
from etl.ingest.receipts import Receipt, RequestId
from etl.keys import manifest_uri, run_uri
from etl.manifest import read_manifest
from etl.model import Raw

EVE = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
NEXT = datetime(2026, 2, 1, 0, 0, 1, tzinfo=UTC)


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


@pytest.fixture
def api(s3: Any) -> Api:
    return make_api(s3)


def today() -> date:
    return datetime.now(UTC).date()


def take(s3: Any, *numbers: int, now: datetime = EVE) -> tuple[RequestId, Receipt]:
    records = [json.dumps(event_record(n)).encode() for n in numbers]
    return accept(s3, contract=CONTRACT, artifacts_bucket=ARTIFACTS, records=records, now=now)


def once(s3: Any, event: str, nth: int, action: Callable[[], object]) -> None:
    """Have the nth such event of the client do something beside."""
    seen = 0

    def handle(**_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == nth:
            action()

    s3.meta.events.register(event, handle)


def kill() -> None:
    raise Killed


def test_post_one_record_is_stored_as_it_came(s3: Any, api: Api) -> None:
    body = json.dumps(event_record(1, amount=12.50, more=[1.0, "\u00e9"]), indent=1)
    status, answer = post(api, body)
    assert (status, answer["accepted"], answer["rejected"]) == (202, 1, 0)
    assert answer["verdicts"] == [{"record": 0, "accepted": True}]
    assert collected(s3, today()) == [body.replace("\n", " ").encode() + b"\n"]


@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson; charset=UTF-8"])
def test_post_batch_stores_the_good_and_tells_of_each(s3: Any, api: Api, media_type: str) -> None:
    records = [event_record(1), event_record(2, session_id=None), event_record(3)]
    lines = [json.dumps(each) for each in records]
    body = "\n".join(lines) if "ndjson" in media_type else f"[{', '.join(lines)}]"
    status, answer = post(api, body, media_type=media_type)
    assert (status, answer["accepted"], answer["rejected"]) == (202, 2, 1)
    assert [each["accepted"] for each in answer["verdicts"]] == [True, False, True]
    assert answer["verdicts"][1]["reasons"] == ["session_id: required, but missing or null"]
    assert collected(s3, today()) == [lines[0].encode() + b"\n", lines[2].encode() + b"\n"]


def test_post_again_is_one_object_and_one_answer(s3: Any, api: Api) -> None:
    first = post(api, [event_record(1), {}])
    objects = written(s3)
    assert post(api, [event_record(1), {}]) == first
    assert written(s3) == objects
    assert len(objects) == 3


def test_post_with_a_key_is_its_own_request(s3: Any, api: Api) -> None:
    first = post(api, event_record(1), idempotency_key="a")
    second = post(api, event_record(1), idempotency_key="b")
    assert post(api, event_record(1), idempotency_key="a") == first
    assert first[1]["id"] != second[1]["id"]
    assert len(collected(s3, today())) == 2


def test_post_other_records_with_a_used_key_is_a_conflict(s3: Any, api: Api) -> None:
    _, first = post(api, event_record(1), idempotency_key="a")
    objects = written(s3)
    status, problem = post(api, event_record(2), idempotency_key="a")
    assert (status, problem["title"], problem["id"]) == (409, "Conflict", first["id"])
    assert written(s3) == objects


@pytest.mark.parametrize("event", ["before-call.s3.PutObject", "after-call.s3.PutObject"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_accept_killed_at_any_write_is_completed_by_the_repeat(
    s3: Any, api: Api, event: str, nth: int
) -> None:
    mortal = boto3.client("s3", region_name="us-east-1")
    once(mortal, event, nth, kill)
    with pytest.raises(Killed):
        take(mortal, 1, 2)
    answer = take(s3, 1, 2, now=NEXT)
    assert answer == take(s3, 1, 2, now=NEXT)
    has_receipt = (event, nth) != ("before-call.s3.PutObject", 1)
    day = (EVE if has_receipt else NEXT).date()
    assert answer[1].run_date == day  # the first arrival decides
    assert len(collected(s3, day)) == 2
    assert len(written(s3)) == 4  # receipt, data, commit record; the manifest


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_accept_twice_at_once_is_one_object_and_one_answer(s3: Any, api: Api, nth: int) -> None:
    slow, answers = boto3.client("s3", region_name="us-east-1"), []
    once(slow, "before-call.s3.PutObject", nth, lambda: answers.append(take(s3, 1, now=NEXT)))
    answers.append(take(slow, 1))
    assert answers[0] == answers[1]
    assert len(collected(s3, answers[0][1].run_date)) == 1
    assert len(written(s3)) == 4


def test_accept_verdicts_stay_when_the_contract_has_changed(s3: Any, api: Api) -> None:
    mortal = boto3.client("s3", region_name="us-east-1")
    once(mortal, "after-call.s3.PutObject", 1, kill)
    records = [json.dumps(each).encode() for each in (event_record(1), {})]
    given: dict[str, Any] = {"artifacts_bucket": ARTIFACTS, "records": records, "now": EVE}
    with pytest.raises(Killed):
        accept(mortal, contract=CONTRACT, **given)
    lenient = replace(CONTRACT, columns=(), primary_key=(), rules=())
    _, receipt = accept(s3, contract=lenient, **given)
    assert (receipt.accepted, len(receipt.rejected)) == (1, 1)
    assert collected(s3, EVE.date()) == [records[0] + b"\n"]


def test_accept_object_of_another_zlib_is_taken_as_it_is(s3: Any, api: Api) -> None:
    mortal = boto3.client("s3", region_name="us-east-1")
    once(mortal, "after-call.s3.PutObject", 2, kill)
    with pytest.raises(Killed):
        take(mortal, 1)
    (key,) = (each for each in written(s3) if "/ingest-" in each)
    bucket, _, name = key.partition("/")
    body = gzip.compress(gzip.decompress(s3.get_object(Bucket=bucket, Key=name)["Body"].read()), 9)
    s3.put_object(Bucket=bucket, Key=name, Body=body)
    take(s3, 1)
    assert len(collected(s3, EVE.date())) == 1


def test_accept_lays_records_out_as_the_contract_says(s3: Any, api: Api) -> None:
    contract = replace(CONTRACT, raw=Raw(strategy="column", column="event_type"))
    records = [
        json.dumps(event_record(n, event_type=kind)).encode()
        for n, kind in enumerate(("search", "page_view", "search"))
    ]
    accept(s3, contract=contract, artifacts_bucket=ARTIFACTS, records=records, now=EVE)
    lines = collected(s3, EVE.date(), contract)
    assert lines == [records[n] + b"\n" for n in (0, 2, 1)]
    folders = {each.split("/")[-2] for each in written(s3) if each.endswith(".gz")}
    assert folders == {"event_type=search", "event_type=page_view"}


def test_accept_beside_a_stream_leaves_its_numbers_alone(s3: Any, api: Api) -> None:
    stream = Stream(s3, run_date=EVE.date())
    stream.run(chunk(0))
    take(s3, 1)
    stream.run(chunk(1))
    assert [each.sequence for each in stream.acknowledged] == [0, 1]
    sent = json.dumps(event_record(1)).encode() + b"\n"
    assert collected(s3, EVE.date()) == [record(0), record(1), sent]


def test_state_follows_the_request_to_the_report(s3: Any, api: Api) -> None:
    mortal = boto3.client("s3", region_name="us-east-1")
    once(mortal, "after-call.s3.PutObject", 1, kill)
    with pytest.raises(Killed):
        take(mortal, 1)
    (receipt,) = (each for each in written(s3) if "/ingest/" in each)
    request = f"events-{receipt.rpartition('/')[2].removesuffix('.json')}"

    def state() -> Any:
        return get_state(api, request)[1]["state"]

    assert state() == "pending"
    take(s3, 1)
    assert state() == "stored"
    collected(s3, EVE.date())
    assert state() == "stored"
    rows = read_manifest(s3, manifest_uri(CONTRACT, EVE.date())).rows
    key = run_uri(ARTIFACTS, "events", EVE.date(), "report.json").partition(f"{ARTIFACTS}/")[2]
    report = {"status": "succeeded", "rows": {"extracted": rows}}
    s3.put_object(Bucket=ARTIFACTS, Key=key, Body=json.dumps(report).encode())
    assert state() == "loaded"
    take(s3, 2)
    collected(s3, EVE.date())
    assert state() == "stored"  # the run that has taken another record has not ended


@pytest.mark.parametrize(
    "request_id", ["events-" + "0" * 32, "nothing-" + "0" * 32, "events", "../x", "Events-00"]
)
def test_state_of_no_request_is_not_found(api: Api, request_id: str) -> None:
    status, problem = get_state(api, request_id)
    assert (status, problem["detail"]) == (404, "there is no request of this id")
