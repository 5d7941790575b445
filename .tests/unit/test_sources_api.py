from __future__ import annotations

import base64
import itertools
import json
import threading
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from source_samples import make_contract, serve
from support.scripted_http import EMPTY, Scripted, ok, refusal
from support.source_contexts import source_context

from etl.errors import ContractError, SourceError
from etl.sources.api.hidden import excerpt
from etl.sources.api.pages import PageError, slice_page
from etl.sources.open import open_source
from local_cloud import source_api, source_faults
from local_cloud.source_orders import BAD, iter_orders

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

DAY = date(2026, 1, 5)
QUICK = {"backoff_seconds": 0.001, "attempts": 3, "longest_wait_seconds": 0.01}


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with serve(source_api.app) as url:
        yield f"{url}/_source"


def read(location: str, **options: Any) -> list[bytes]:
    contract = make_contract(location, options=QUICK | options)
    items = open_source(contract, source_context(DAY)).items
    return [each for each in items if isinstance(each, bytes)]


def error_of(location: str, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(location, **options)
    assert caught.value.fix
    return caught.value


# Pages


def test_api_gives_every_record_of_every_page_in_order(shop: str) -> None:
    expected = [text.encode() for text in iter_orders(DAY, 0, 2000)]
    assert read(f"{shop}/shop/orders", page_size=300) == expected


def test_api_is_asked_for_date_page_size_and_cursor() -> None:
    pages = Scripted(ok('{"data": [1], "next_cursor": "a b&c"}'), EMPTY)
    with serve(pages) as url:
        read(f"{url}/x?fixed=1", page_size=7, params={"region": "eu"})
    common = {"fixed": "1", "date": "2026-01-05", "page_size": "7", "region": "eu"}
    assert pages.queries == [common, common | {"cursor": "a b&c"}]


def test_api_field_and_parameter_names_are_options() -> None:
    pages = Scripted(ok('{"rows": [1], "more": 2}'), ok('{"rows": [2]}'))
    options = {"data_field": "rows", "cursor_field": "more", "cursor_param": "after"}
    with serve(pages) as url:
        assert read(url, date_param="day", page_size_param="limit", **options) == [b"1", b"2"]
    assert pages.queries[1] == {"day": "2026-01-05", "limit": "500", "after": "2"}


def test_api_records_are_sliced_byte_for_byte() -> None:
    records = ['{"a": 12.50, "b":"\\u00e9é" }', '{"n":-1E+400,"m":12345678901234567890.10}', "[1]"]
    with serve(Scripted(ok(f'{{ "data" : [ {" , ".join(records)} ]}}'))) as url:
        assert read(url) == [record.encode() for record in records]


def test_api_record_over_several_lines_becomes_one() -> None:
    body = b'{"data": [{\r\n  "a": "x\\ny",\n\t"b": [\n1]\n}\n]\n}\n'
    with serve(Scripted(ok(body))) as url:
        assert read(url) == [b'{    "a": "x\\ny", \t"b": [ 1] }']


def test_api_integer_of_5000_digits_is_one_record_like_others() -> None:
    with serve(Scripted(ok(f'{{"data": [{"9" * 5000}, 1]}}'))) as url:
        assert read(url) == [b"9" * 5000, b"1"]


def test_api_record_that_is_not_utf8_is_wrapped_alone(shop: str) -> None:
    first, wrapped, last = read(f"{shop}/faults/invalid-utf8/orders")
    assert json.loads(first) and json.loads(last)
    bad = base64.b64decode(json.loads(wrapped)["_invalid_utf8_base64"])
    assert b'"note":"caf\xe9"' in bad


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "is not JSON"),
        ("<html>", "is not JSON"),
        ('{"data": [1', "is not JSON"),
        ('{"data": [1,]}', "is not JSON"),
        ('{"data": [{"a": "line\nbreak"}]}', "is not JSON"),
        ('{"data": []} {"data": []}', "is not JSON"),
        ('{"data": [],}', "is not JSON"),
        ("[]", "is not a JSON object"),
        ('"data"', "is not a JSON object"),
        ("{}", 'has no "data"'),
        ('{"data": {"a": 1}}', '"data" is not an array'),
        ('{"data": [' + "[" * 100_000, "is nested too deeply"),
    ],
)
def test_slice_page_of_something_else_is_refused(body: str, message: str) -> None:
    with pytest.raises(PageError, match=message):
        slice_page(body.encode(), data_field="data")


@pytest.mark.parametrize("cursor", ["null", '""'])
def test_api_page_without_a_next_cursor_is_the_last(cursor: str) -> None:
    body = f'\ufeff{{"next_cursor": {cursor}, "data": [1 , 2], "other": [{{}}]}}'
    with serve(Scripted(ok(body))) as url:
        assert read(url) == [b"1", b"2"]


def test_api_cursor_that_is_no_text_is_refused() -> None:
    with serve(Scripted(ok('{"data": [], "next_cursor": {"a": 1}}'))) as url:
        message = error_of(url).message
    assert '"next_cursor" is neither ASCII text, a number nor null' in message


def test_api_empty_day_has_no_records(shop: str) -> None:
    assert read(f"{shop}/faults/empty/orders") == []


def test_api_empty_pages_between_others_are_followed() -> None:
    script = [ok(f'{{"data": [], "next_cursor": {n}}}') for n in (1, 2, 3)]
    with serve(Scripted(*script, ok('{"data": [1]}'))) as url:
        assert read(url) == [b"1"]


@pytest.mark.parametrize(
    ("kind", "rows"), [("all-bad", len(BAD)), ("wide", 10), ("huge-row", 3), ("flaky", 200)]
)
def test_api_odd_but_honest_sources_are_read_whole(shop: str, kind: str, rows: int) -> None:
    lines = read(f"{shop}/faults/{kind}/orders", page_size=150)
    assert len(lines) == rows
    assert all(b"\n" not in line and json.loads(line) for line in lines)


# What never gets better fails at once


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("html", "is not JSON"),
        ("bad-json", "is not JSON"),
        ("no-data", 'has no "data"'),
        ("repeated-page", "holds the same records as an earlier page"),
        ("repeated-cursor", "cursor=10, has been asked for before"),
        ("forbidden", "answered 403"),
        ("none", "answered 404"),
    ],
)
def test_api_that_makes_no_sense_is_refused_with_its_url(
    shop: str, kind: str, message: str
) -> None:
    error = error_of(f"{shop}/faults/{kind}/orders")
    assert message in error.message
    assert f"{shop}/faults/{kind}/orders?" in error.message


def test_api_that_answers_html_shows_what_it_answered(shop: str) -> None:
    message = error_of(f"{shop}/faults/html/orders").message
    assert "200, text/html" in message
    assert "<h1>Please sign in</h1>" in message


def test_api_page_above_the_limit_is_refused_without_reading_it(shop: str) -> None:
    tracemalloc.start()
    try:
        error = error_of(f"{shop}/faults/huge-page/orders", page_limit_mib=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "answered more than 2 MiB" in error.message
    assert peak < 16 * 1024**2


def test_api_redirect_is_not_followed_but_shown() -> None:
    script = Scripted(("302 Found", [("Location", "/sign-in")], b""))
    with serve(script) as url:
        error = error_of(url)
    assert "answered 302" in error.message
    assert f"{url}/sign-in" in error.fix


def test_api_client_error_is_not_retried() -> None:
    script = Scripted(("400 Bad Request", [], b"no such date"))
    with serve(script) as url:
        message = error_of(url).message
    assert "answered 400" in message and "'no such date'" in message
    assert len(script.queries) == 1


@pytest.mark.parametrize("location", ["ftp://x/y", "orders", "http://", "http://[::1/x"])
def test_api_location_that_is_no_url_is_refused_without_retries(location: str) -> None:
    error_of(location, attempts=50, backoff_seconds=60, longest_wait_seconds=60)


def test_api_error_shows_no_parameter_that_sounds_secret() -> None:
    script = Scripted(("403 Forbidden", [], b""))
    with serve(script) as url:
        message = str(error_of(f"{url}/x?api_key=hunter2"))
    assert "hunter2" not in message and "api_key=" in message


def test_api_location_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(ContractError, match="has a password in it") as caught:
        read("http://ann:pass-word@127.0.0.1:9/x")
    assert "pass-word" not in str(caught.value)


# What may get better is tried again


@pytest.mark.parametrize("status", ["429 Too Many Requests", "500 Oops", "503 Busy", "408 Slow"])
def test_api_failure_that_passes_is_retried(status: str) -> None:
    script = Scripted(refusal(status), refusal(status), ok('{"data": [1]}'))
    with serve(script) as url:
        assert read(url) == [b"1"]
    assert len(script.queries) == 3


def test_api_that_fails_for_ever_gives_up_and_says_so(shop: str) -> None:
    error = error_of(f"{shop}/faults/always-500/orders")
    assert "failed 3 times, the last time: 500" in error.message


def test_api_that_cannot_be_reached_gives_up_and_says_so() -> None:
    with serve(Scripted()) as url:
        pass
    error = error_of(url)
    assert "failed 3 times, the last time: ConnectError" in error.message


def test_api_that_breaks_off_is_retried_and_gives_up(shop: str) -> None:
    error = error_of(f"{shop}/faults/cut-off/orders")
    assert "failed 3 times, the last time: RemoteProtocolError" in error.message


def test_api_that_is_too_slow_gives_up(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_faults, "SLOW_SECONDS", 1)
    error = error_of(f"{shop}/faults/slow/orders", read_seconds=0.1, attempts=2)
    assert "failed 2 times, the last time: ReadTimeout" in error.message


def test_api_retry_after_in_seconds_is_waited_for() -> None:
    script = Scripted(refusal("429 Too Many Requests", ("Retry-After", "1")), EMPTY)
    with serve(script) as url:
        read(url, longest_wait_seconds=5)
    assert 1 <= script.times[1] - script.times[0] < 2


def test_api_retry_after_as_a_date_is_waited_for() -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    script = Scripted(refusal("503 Busy", ("Retry-After", when)), EMPTY)
    with serve(script) as url:
        read(url, longest_wait_seconds=5)
    assert 0.5 < script.times[1] - script.times[0] < 3


@pytest.mark.parametrize("text", ["86400", "Fri, 31 Dec 2199 23:59:59 GMT", "soon", "-1", ""])
def test_api_retry_after_that_is_odd_or_too_long_is_capped(text: str) -> None:
    script = Scripted(refusal("503 Busy", ("Retry-After", text)), EMPTY)
    with serve(script) as url:
        read(url, longest_wait_seconds=0.1)
    assert script.times[1] - script.times[0] < 1


def test_api_deadline_ends_the_retries() -> None:
    script = Scripted(*itertools.repeat(refusal("503 Busy"), 1000))
    with serve(script) as url:
        error = error_of(url, attempts=1000, longest_wait_seconds=0.1, deadline_minutes=0.01)
    assert "took longer than its 0.01 minutes, the last failure: 503" in error.message


def test_api_deadline_ends_a_page_that_drips() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Connection", "close")])
        for _ in range(100):
            time.sleep(0.05)
            yield b" "

    with serve(app) as url:
        assert "took longer" in error_of(url, deadline_minutes=0.005).message


# Options


def test_api_options_unknown_or_wrong_are_refused_together() -> None:
    with pytest.raises(ContractError) as caught:
        read("http://x", pagesize=3, page_size=0, attempts=True, params=[1])
    for part in ("unknown option 'pagesize'", "pageSize must", "attempts must", "params must"):
        assert part in caught.value.message


def test_excerpt_of_bytes_is_short_and_on_one_line() -> None:
    assert excerpt(b"a\n\tb\xff") == "'a b\N{REPLACEMENT CHARACTER}'"
    assert len(excerpt(b"x" * 10_000)) < 210


# Streams


def test_api_memory_does_not_grow_with_the_records(shop: str) -> None:
    peaks = []
    for rows in (2_000, 2_000, 20_000):  # the first fills caches
        contract = make_contract(f"{shop}/shop/rows/{rows}/orders")
        tracemalloc.start()
        try:
            assert sum(1 for _ in open_source(contract, source_context(DAY)).items) == rows
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[2] - peaks[1] < 2 * 1024**2  # the records are 10 MB


def test_api_is_not_asked_before_the_first_record_is_wanted() -> None:
    script = Scripted(EMPTY)
    with serve(script) as url:
        records = open_source(make_contract(url), source_context(DAY)).items
        assert script.queries == []
        assert list(records) == []


def test_api_reading_that_is_given_up_ends_at_once(
    shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch ahead that nobody waits for any more neither blocks nor outlives the reader."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        first = "cursor" not in environ["QUERY_STRING"]
        body = b'{"data": [1, 2], "next_cursor": "2"}' if first else b"{}"
        start_response("200 OK" if first else "503 Busy", [("Content-Length", str(len(body)))])
        return [body]

    options = {"backoff_seconds": 60, "longest_wait_seconds": 60, "attempts": 10}
    with serve(app) as url:
        records = open_source(make_contract(url, options=options), source_context(DAY)).items
        assert next(records) == b"1"
        time.sleep(0.2)
        records.close()  # type: ignore[attr-defined]
    assert not [each for each in threading.enumerate() if each.name.startswith("page")]
