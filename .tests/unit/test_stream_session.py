from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.streams import (
    BUCKET,
    DAY,
    NO_LIMIT,
    NOON,
    Clock,
    ListFeed,
    Stream,
    chunk,
    committed,
    data_keys,
    record,
)

from etl.errors import SourceError
from etl.stream.commits import list_commits
from etl.stream.open_batch import Limits


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def limits(records: int = 10**9, size: int = 10**9, seconds: float = 10**9) -> Limits:
    return Limits(records=records, bytes=size, seconds=seconds)


def test_batches_by_count_are_exact_whatever_comes_at_once(s3: Any) -> None:
    stream = Stream(s3, limits(records=3))
    assert stream.run(chunk(0, 1, 2, 3, 4, 5, 6), chunk(7), chunk(8, 9)) == [3, 3, 3, 1]
    assert committed(s3) == [record(n) for n in range(10)]


def test_batch_by_bytes_ends_with_the_record_that_reaches_them(s3: Any) -> None:
    size = len(record(0))
    assert Stream(s3, limits(size=2 * size)).run(chunk(*range(5))) == [2, 2, 1]
    assert Stream(s3, limits(size=2 * size + 1)).run(chunk(*range(5))) == [3, 2]
    assert Stream(s3, limits(size=1)).run(chunk(0, 1)) == [1, 1]


def test_batch_by_seconds_is_committed_while_nothing_comes(s3: Any) -> None:
    clock = Clock()
    stream = Stream(s3, limits(seconds=30), clock)

    def later() -> None:
        clock.seconds += 20

    feed = ListFeed([later, chunk(0), later, chunk(1), later, chunk(2)])
    stream.session().run(feed)
    assert [each.batch.rows for each in stream.acknowledged] == [2, 1]
    assert feed.waits == [None, None, 30, 10, 10, None]  # from the batch's first record


def test_nothing_read_is_nothing_committed(s3: Any) -> None:
    stream = Stream(s3)
    assert stream.run(lambda: None) == []
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_acknowledgement_comes_after_the_commit_and_counts_all(s3: Any) -> None:
    stream = Stream(s3, limits(records=2))
    seen: list[tuple[int, int]] = []
    session = stream.session()
    session._on_commit = lambda done: seen.append((done.records_total, len(committed(s3))))
    session.run(ListFeed([chunk(0, 1, 2, 3, 4)]))
    assert seen == [(2, 2), (4, 4), (5, 5)]


def test_batches_go_to_the_date_of_arrival(s3: Any) -> None:
    clock = Clock()
    stream = Stream(s3, clock=clock)

    def midnight() -> None:
        clock.now = NOON + timedelta(hours=12)

    stream.run(chunk(0, 1), midnight, chunk(2))
    assert [(each.batch.run_date, each.sequence) for each in stream.acknowledged] == [
        (DAY, 0),
        (DAY + timedelta(days=1), 0),
    ]


def test_batches_go_to_the_run_date_that_was_asked_for(s3: Any) -> None:
    Stream(s3, run_date=date(2026, 1, 2)).run(chunk(0))
    assert committed(s3, date(2026, 1, 2)) == [record(0)]


def test_two_streams_at_once_lose_and_repeat_nothing(s3: Any) -> None:
    one, other = Stream(s3, limits(records=1)), Stream(s3, limits(records=1))
    other_session = other.session()
    other_session.run(ListFeed([chunk(100)]))
    one.run(
        chunk(0),
        lambda: other_session.run(ListFeed([chunk(101), chunk(102)])),
        chunk(1),
        lambda: other_session.run(ListFeed([chunk(103)])),
    )
    assert list_commits(s3, _contract(), DAY) == list(range(6))
    assert sorted(committed(s3)) == [record(n) for n in (0, 1, 100, 101, 102, 103)]
    assert len(data_keys(s3)) == 6


def test_commit_whose_answer_was_lost_is_not_committed_again(s3: Any) -> None:
    """A repeated PUT is refused by its own first try."""

    def twice(params: dict[str, Any], **_: Any) -> None:
        if "/_batches/" in params["url_path"] and params["method"] == "PUT":
            s3.meta.events.unregister("before-call.s3.PutObject", twice)
            s3.put_object(Bucket=BUCKET, Key=_key(params), Body=params["body"])

    s3.meta.events.register("before-call.s3.PutObject", twice)
    assert Stream(s3).run(chunk(0)) == [1]
    assert list_commits(s3, _contract(), DAY) == [0]


@pytest.mark.parametrize("error", [SourceError("gone"), KeyboardInterrupt()])
def test_open_batch_of_a_stream_that_fails_leaves_nothing(s3: Any, error: BaseException) -> None:
    def fail() -> None:
        raise error

    stream = Stream(s3, limits(records=2))
    with pytest.raises(type(error)):
        stream.run(chunk(0, 1, 2), fail)
    assert committed(s3) == [record(0), record(1)]
    assert len(data_keys(s3)) == 1
    assert not s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_session_manifest_says_what_it_committed(s3: Any) -> None:
    stream = Stream(s3, limits(records=2))
    session = stream.session()
    session.run(ListFeed([chunk(0, 1, 2)]))
    session.write_manifests()
    key = f"raw/tracker/events/2026/01/31/_sessions/{stream.name}.json"
    manifest = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    assert manifest["sequences"] == [0, 1] and manifest["rows"] == 3


def test_limits_hold_for_a_batch_of_all(s3: Any) -> None:
    assert Stream(s3, NO_LIMIT).run(chunk(0), chunk(1, 2)) == [3]


def _contract() -> Any:
    from support.streams import CONTRACT

    return CONTRACT


def _key(params: dict[str, Any]) -> str:
    path: str = params["url_path"]
    return path.partition("/raw/")[1].lstrip("/") + path.partition("/raw/")[2]
