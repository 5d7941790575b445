from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.streams import (
    BUCKET,
    CONTRACT,
    DAY,
    NO_LIMIT,
    NOON,
    Clock,
    Stream,
    chunk,
    committed,
    data_keys,
    record,
)

from etl.errors import UsageError
from etl.stream.commits import list_commits
from etl.stream.feeds import Chunk
from etl.stream.logs import ChainedLog, OvertakenError
from etl.stream.open_batch import Limits
from etl.stream.polling import Polling
from etl.stream.signals import Stop

NEXT_DAY = DAY + timedelta(days=1)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def chained(
    s3: Any, *, run_date: date | None = None, clock: Clock | None = None
) -> tuple[Stream, ChainedLog]:
    clock = clock or Clock()
    log = ChainedLog(s3, CONTRACT, session="0" * 12, today=clock.now.date(), run_date=run_date)
    return Stream(s3, NO_LIMIT, clock, run_date=run_date, log=log), log


class Numbers:
    """A source of records 0, 1, 2 …, as many as there are at the moment, two a page."""

    def __init__(self, count: int) -> None:
        self.count = count

    def batches(self, *, after: dict[str, Any] | None) -> Iterator[Chunk]:
        start = after["after"] + 1 if after else 0
        for first in range(start, self.count, 2):
            last = min(first + 2, self.count) - 1
            yield chunk(*range(first, last + 1), position=last)


def polling(reader: Any, **options: Any) -> Polling:
    return Polling(reader, **{"after": None, "poll_seconds": 30, "stop": Stop(), **options})


def test_polling_goes_on_behind_the_last_page() -> None:
    reader = Numbers(3)
    clock = Clock()
    feed = polling(reader, clock=clock, max_polls=2)
    found = [feed.read(0), feed.read(0)]
    reader.count = 5
    assert feed.read(0) is None  # the end of the first poll
    assert feed.read(0) is None and not feed.has_ended  # the second is not due
    clock.seconds += 30
    found += [feed.read(0), feed.read(0)]
    assert feed.has_ended
    assert b"".join(each.lines.data for each in found if each) == b"".join(map(record, range(5)))


def test_polling_asked_to_stop_ends_between_pages() -> None:
    stop = Stop()
    feed = polling(Numbers(100), stop=stop)
    assert feed.read(None)
    stop.request()
    assert feed.read(None) is None and feed.has_ended


def test_polling_asked_to_stop_while_it_waits_ends_at_once() -> None:
    stop = Stop()
    feed = polling(Numbers(0), stop=stop, poll_seconds=10**6)
    assert feed.read(None) is None
    stop.request()
    assert feed.read(None) is None and feed.has_ended


def test_position_is_that_of_the_last_commit(s3: Any) -> None:
    stream, log = chained(s3)
    assert log.position is None

    def die() -> None:
        raise KeyboardInterrupt

    stream.limits = Limits(records=2, bytes=10**9, seconds=10**9)
    with pytest.raises(KeyboardInterrupt):
        stream.run(chunk(0, 1, position=1), chunk(2, position=2), die)
    _, again = chained(s3)
    assert again.position == {"after": 1}
    assert committed(s3) == [record(0), record(1)]


def test_position_goes_over_run_dates_with_and_without_batches(s3: Any) -> None:
    clock = Clock()
    stream, _ = chained(s3, clock=clock)

    def days_later(days: int) -> Callable[[], None]:
        def change() -> None:
            clock.now = NOON + timedelta(days=days)

        return change

    stream.run(chunk(0, position=0), days_later(1), chunk(1, position=1), days_later(40))
    late, log = chained(s3, clock=clock)
    assert log.position == {"after": 1}
    late.run(chunk(2, position=2))
    assert chained(s3, clock=clock)[1].position == {"after": 2}
    found = [committed(s3, DAY + timedelta(days=days)) for days in (0, 1, 40)]
    assert found == [[record(0)], [record(1)], [record(2)]]


def test_position_of_a_stream_killed_behind_its_seal_is_kept(s3: Any) -> None:
    stream, _ = chained(s3)
    stream.run(chunk(0, position=0))
    tomorrow = Clock(now=NOON + timedelta(days=1))
    _, log = chained(s3, clock=tomorrow)
    assert log.place(NEXT_DAY).sequence == 0  # sealed, and nothing committed behind it
    _, after = chained(s3, clock=tomorrow)
    assert after.position == {"after": 0}
    assert after.place(NEXT_DAY).run_date == NEXT_DAY


@pytest.mark.parametrize("days", [0, 1])
def test_two_pollers_from_one_position_commit_it_once(s3: Any, days: int) -> None:
    """Also when one of them is a date ahead, as at midnight."""
    chained(s3)[0].run(chunk(0, position=0))
    slow, slow_log = chained(s3)
    fast, _ = chained(s3, clock=Clock(now=NOON + timedelta(days=days)))

    def overtake() -> None:
        fast.run(chunk(1, 2, position=2))

    with pytest.raises(OvertakenError):
        slow.run(chunk(1, position=1), overtake)
    slow_log.refresh()
    assert slow_log.position == {"after": 2}
    slow.run(chunk(3, position=3))
    both = [*committed(s3, DAY), *committed(s3, NEXT_DAY)]
    assert both == [record(n) for n in range(4)]
    assert len(data_keys(s3)) == 3  # what the slow one had written is gone


def test_first_pollers_on_two_dates_commit_once(s3: Any) -> None:
    _, early_log = chained(s3)
    late, _ = chained(s3, clock=Clock(now=NOON + timedelta(days=1)))
    early = Stream(s3, log=early_log)
    late.run(chunk(0, position=0))
    with pytest.raises(OvertakenError):
        early.run(chunk(0, position=0))
    assert committed(s3, NEXT_DAY) == [record(0)] and not committed(s3, DAY)


def test_run_date_before_what_was_read_is_refused(s3: Any) -> None:
    chained(s3)[0].run(chunk(0, position=0))
    stream, _ = chained(s3, run_date=DAY - timedelta(days=1))
    with pytest.raises(UsageError, match="has been read up to 2026-01-31"):
        stream.run(chunk(1, position=1))


def test_seal_is_no_batch_to_readers(s3: Any) -> None:
    stream, _ = chained(s3)
    stream.run(chunk(0, position=0))
    chained(s3)[1].place(NEXT_DAY)
    assert list_commits(s3, CONTRACT, DAY) == [0, 1]
    assert committed(s3) == [record(0)]


def test_rewound_polling_reads_again() -> None:
    feed = polling(Numbers(4))
    assert feed.read(None)
    feed.rewind(None)
    again = feed.read(None)
    assert again and again.position == {"after": 1}


def test_rewound_polling_does_not_count_the_poll_that_is_read_again() -> None:
    feed = polling(Numbers(4), max_polls=1)
    while not feed.has_ended:
        feed.read(None)
    feed.rewind({"after": 1})
    assert not feed.has_ended
    rest = feed.read(None)
    assert rest and rest.position == {"after": 3}
    assert feed.read(None) is None and feed.has_ended


def test_polling_rewound_within_a_poll_has_no_more_polls_than_before() -> None:
    feed = polling(Numbers(4), max_polls=1)
    assert feed.read(None)
    feed.rewind(None)
    found = [feed.read(None), feed.read(None)]
    assert all(found) and feed.read(None) is None and feed.has_ended


def test_polling_asked_to_stop_stays_ended_when_it_is_rewound() -> None:
    stop = Stop()
    feed = polling(Numbers(4), max_polls=1, stop=stop)
    assert feed.read(None)
    stop.request()
    assert feed.read(None) is None
    feed.rewind(None)
    assert feed.has_ended


def test_poller_overtaken_in_its_last_poll_commits_what_the_other_has_not_read(s3: Any) -> None:
    slow, slow_log = chained(s3)
    fast, _ = chained(s3)
    feed = polling(Numbers(4), max_polls=1)
    session = slow.session()
    place = slow_log.place

    def overtaken(run_date: date) -> Any:
        found = place(run_date)
        fast.run(chunk(0, 1, position=1))
        return found

    with pytest.MonkeyPatch.context() as patch, pytest.raises(OvertakenError):
        patch.setattr(slow_log, "place", overtaken)
        session.run(feed)
    slow_log.refresh()
    feed.rewind(slow_log.position)
    while not feed.has_ended:
        session.run(feed)
    assert committed(s3) == [record(n) for n in range(4)]
