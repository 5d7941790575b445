from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from source_samples import make_contract, serve
from support.scripted_http import EMPTY, Scripted, ok, refusal
from support.source_contexts import source_context

from etl.errors import SourceError
from etl.sources.api.hidden import Hidden
from etl.sources.api.http import PageFetcher
from etl.sources.api.options import ApiOptions
from etl.sources.api.pace import Pace
from etl.sources.api.paging import find_next_link
from etl.sources.open import open_source
from local_cloud import source_api
from local_cloud.source_orders import iter_orders
from local_cloud.source_styles import ROWS

DAY = date(2026, 1, 5)
STYLES: dict[str, dict[str, Any]] = {
    "offset": {"page_size_param": "limit", "total_field": "meta.total"},
    "page": {},
    "link": {"data_field": ""},
}


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with serve(source_api.app) as url:
        yield f"{url}/_source"


def read(location: str, **options: Any) -> list[bytes]:
    quick = {"backoff_seconds": 0.001, "attempts": 3, "longest_wait_seconds": 0.01}
    contract = make_contract(location, options=quick | options)
    items = open_source(contract, source_context(DAY)).items
    return [each for each in items if isinstance(each, bytes)]


def error_of(location: str, **options: Any) -> str:
    with pytest.raises(SourceError) as caught:
        read(location, **options)
    assert caught.value.fix
    return caught.value.message


@pytest.mark.parametrize("page_size", [7, 50, 200, 1000])
@pytest.mark.parametrize("style", STYLES)
def test_api_of_any_page_style_gives_every_record_once(
    shop: str, style: str, page_size: int
) -> None:
    expected = [text.encode() for text in iter_orders(DAY, 0, ROWS)]
    location = f"{shop}/styles/{style}/orders"
    assert read(location, page_style=style, page_size=page_size, **STYLES[style]) == expected


def test_api_offset_goes_by_the_records_that_came_not_by_those_asked_for() -> None:
    """An API that caps its pages at two records, however many are asked for."""
    pages = [ok('{"data": [1, 2]}'), ok('{"data": [3, 4]}'), ok('{"data": [5]}'), EMPTY]
    script = Scripted(*pages)
    with serve(script) as url:
        assert read(url, page_style="offset") == [b"1", b"2", b"3", b"4", b"5"]
    assert [each["offset"] for each in script.queries] == ["0", "2", "4", "5"]


@pytest.mark.parametrize("style", ["offset", "page"])
def test_api_that_tells_a_total_is_not_asked_beyond_it(style: str) -> None:
    script = Scripted(ok('{"data": [1, 2], "all": 3}'), ok('{"data": [3], "all": "3"}'))
    with serve(script) as url:
        assert read(url, page_style=style, total_field="all") == [b"1", b"2", b"3"]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ('{"data": [], "all": 3}', "holds no records, after 2 of 3"),
        ('{"data": [3]}', 'has no whole number "all"'),
        ('{"data": [3], "all": "many"}', 'has no whole number "all"'),
        ('{"data": [1, 2], "all": 9}', "holds the same records as an earlier page"),
    ],
)
def test_api_whose_total_makes_no_sense_is_refused(page: str, message: str) -> None:
    with serve(Scripted(ok('{"data": [1, 2], "all": 3}'), ok(page))) as url:
        assert message in error_of(url, page_style="offset", total_field="all")


def test_api_pages_are_numbered_from_the_first() -> None:
    script = Scripted(ok('{"data": [1]}'), EMPTY)
    with serve(script) as url:
        read(url, page_style="page", first_page=0, page_param="p", date_param="")
    assert script.queries == [{"page_size": "500", "p": "0"}, {"page_size": "500", "p": "1"}]


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<https://a/b?c=1,2&d>; rel="next"', "https://a/b?c=1,2&d"),
        ('<a>; rel="prev", <b>; title="x, <y>; rel=next"; rel="last next"', "b"),
        ("<a>;rel=next", "a"),
        ('<a> ; REL = "NEXT"', "a"),
        ('<a>; rel="nextish"', None),
        ("<a>", None),
        ("", None),
        ('a; rel="next"', None),
    ],
)
def test_find_next_link_reads_what_rfc_8288_allows(header: str, target: str | None) -> None:
    assert find_next_link(header) == target


@pytest.mark.parametrize("target", ["https://evil.example.com/x", "http://127.0.0.1:9/x", "//b/x"])
def test_api_link_to_another_host_is_refused(target: str) -> None:
    with serve(Scripted(ok("[1]", ("Link", f'<{target}>; rel="next"')))) as url:
        message = error_of(url, page_style="link", data_field="")
    assert "links to a next page at another host" in message


def test_api_link_that_goes_in_circles_is_refused() -> None:
    with serve(
        Scripted(
            ok("[1]", ("Link", '<?x=1>; rel="next"')), ok("[2]", ("Link", '<?x=1>; rel="next"'))
        )
    ) as url:
        assert "?x=1, has been asked for before" in error_of(url, page_style="link", data_field="")


def test_api_page_that_should_be_an_array_is_refused() -> None:
    with serve(Scripted(ok('{"data": []}'))) as url:
        assert "is not a JSON array" in error_of(url, page_style="link", data_field="")


# Rate limits


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def pace_after(headers: dict[str, str], longest_wait_seconds: float = 60) -> float:
    """The delay after an answer with these headers."""
    pace = Pace(None, longest_wait_seconds=longest_wait_seconds, clock=Clock())
    pace.take()
    pace.note(headers)
    return pace.delay()


def test_pace_spaces_requests_evenly() -> None:
    clock = Clock()
    pace = Pace(4, longest_wait_seconds=60, clock=clock)
    delays = []
    for _ in range(3):
        delays.append(pace.delay())
        clock.now += pace.delay()
        pace.take()
    assert delays == [0, 0.25, 0.25]
    clock.now += 10
    assert pace.delay() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "7"},
        {"ratelimit-remaining": "0", "ratelimit-reset": "7"},
        {"ratelimit": "limit=100, remaining=0, reset=7"},
        {"ratelimit": '"day";r=0;t=7'},
    ],
)
def test_pace_waits_until_a_limit_that_is_used_up_starts_anew(headers: dict[str, str]) -> None:
    assert pace_after(headers) == 7


def test_pace_waits_no_longer_than_it_may() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4102444800"}
    assert pace_after(headers, longest_wait_seconds=30) == 30


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "7"},
        {"x-ratelimit-remaining": "0"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767225600"},
        {"x-ratelimit-remaining": "9" * 5000, "x-ratelimit-reset": "7"},
    ],
)
def test_pace_goes_on_where_there_is_nothing_to_wait_for(headers: dict[str, str]) -> None:
    assert pace_after(headers) == 0


def test_api_is_asked_no_oftener_than_the_contract_says_retries_included() -> None:
    waits: list[float] = []
    with serve(Scripted(refusal("503 Busy"), EMPTY, EMPTY)) as url, httpx.Client() as client:
        fetcher = PageFetcher(
            client,
            patience=ApiOptions(requests_per_second=1 / 1000, backoff_seconds=1),
            hidden=Hidden(),
            sleep=waits.append,  # which takes no time: the next request may go out later still
        )
        for _ in range(2):
            fetcher.fetch(httpx.URL(url))
    backoff, retry, page = waits
    assert backoff <= 1 and 900 < retry <= 1000 and 1900 < page <= 2000


def test_api_that_forbids_because_a_limit_is_used_up_is_asked_again() -> None:
    limit = [("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "0")]
    with serve(Scripted(("403 Forbidden", limit, b""), ok('{"data": [1]}'))) as url:
        assert read(url) == [b"1"]
