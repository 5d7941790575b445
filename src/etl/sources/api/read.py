"""Read a paginated HTTP API: one GET a page, and from each page the way to the next.

GET <location>?date=2026-01-31&page_size=500&cursor=…
{"data": [{…}, …], "next_cursor": "…" or null}
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial

import httpx

from etl.errors import SourceError
from etl.model import Contract
from etl.sources.api.auth import make_auth
from etl.sources.api.bodies import ACCEPTED, bound_bodies
from etl.sources.api.hidden import Hidden, excerpt
from etl.sources.api.http import Fetched, PageFetcher
from etl.sources.api.options import ApiOptions, Paging, read_api_options
from etl.sources.api.pages import Page, PageError, slice_page
from etl.sources.api.paging import Answer, make_style
from etl.sources.api.urls import parse_url, show_url
from etl.sources.locations import fill_run_date
from etl.sources.records import OpenSource, SourceContext

_MIB = 1024 * 1024


def open_api(contract: Contract, context: SourceContext) -> OpenSource:
    """An API's records of the run date, in the API's order; at most two pages are in memory.

    Raises:
        ContractError: An option is unknown, has the wrong type, or lacks another.
        SecretError: The secret is missing, may not be read, or does not hold what is needed.
        SourceError: The API cannot be read, or what it sends makes no sense.
    """
    location = fill_run_date(contract.source.location, context.run_date, dataset=contract.dataset)
    options = read_api_options(contract.source.options, where=location)
    url, hidden = parse_url(location), Hidden()
    auth = make_auth(options, url, secrets=partial(context.client, "secretsmanager"), hidden=hidden)
    first = url.copy_merge_params(_common_params(options, context.run_date))
    return OpenSource(items=_read(first, options, auth, hidden))


def _common_params(paging: Paging, run_date: date) -> dict[str, str]:
    named = {
        paging.date_param: run_date.isoformat(),
        paging.page_size_param: str(paging.page_size),
    }
    return paging.params | {name: value for name, value in named.items() if name}


def _read(
    first: httpx.URL, options: ApiOptions, auth: httpx.Auth | None, hidden: Hidden
) -> Iterator[bytes]:
    stopping = threading.Event()
    client = httpx.Client(
        auth=auth,
        headers={"Accept": "application/json", "Accept-Encoding": ACCEPTED},
        event_hooks={"response": [bound_bodies(options.page_limit_mib * _MIB)]},
        timeout=httpx.Timeout(options.read_seconds, connect=options.connect_seconds),
    )
    # One page is fetched while the one before it is being used.
    with client, ThreadPoolExecutor(max_workers=1, thread_name_prefix="page") as ahead:
        fetcher = PageFetcher(
            client,
            patience=options,
            hidden=hidden,
            sleep=stopping.wait,
        )
        pages = _Pages(fetcher, options, hidden)
        try:
            upcoming = ahead.submit(pages.fetch, pages.first(first))
            while True:
                page, next_url = upcoming.result()
                if next_url is None:
                    yield from page.records
                    return
                upcoming = ahead.submit(pages.fetch, next_url)
                yield from page.records
        except SourceError as error:
            if hidden(str(error)) == str(error):
                raise
            raise SourceError(hidden(error.message), fix=hidden(error.fix)) from None
        finally:
            # What is being fetched ahead is of no use to anybody: end its waits and its request.
            stopping.set()
            client.close()


class _Pages:
    """Fetches page after page, and notices when the source goes round in circles."""

    def __init__(self, fetcher: PageFetcher, paging: Paging, hidden: Hidden) -> None:
        self._fetcher = fetcher
        self._style = make_style(paging)
        self._data_field = paging.data_field
        self._hidden = hidden
        self._asked: set[str] = set()
        self._digests: set[bytes] = set()
        self._seen = 0

    def first(self, url: httpx.URL) -> httpx.URL:
        """The first page."""
        return self._style.first(url)

    def fetch(self, url: httpx.URL) -> tuple[Page, httpx.URL | None]:
        """A page, and where the next one is; None after the last."""
        self._asked.add(str(url))
        fetched = self._fetcher.fetch(url)
        try:
            page = slice_page(fetched.body, data_field=self._data_field)
            self._seen += len(page.records)
            answer = Answer(url=url, headers=fetched.headers, page=page, seen=self._seen)
            next_url = self._style.after(answer)
        except PageError as error:
            raise self._senseless(fetched, error) from error
        self._refuse_repetition(page, url, next_url)
        return page, next_url

    def _senseless(self, fetched: Fetched, why: PageError) -> SourceError:
        kind = fetched.headers.get("content-type") or "no content type"
        return SourceError(
            f"the answer of {show_url(fetched.url)} ({fetched.status}, {kind}) {why}; "
            f"it begins {excerpt(fetched.body, self._hidden)}",
            fix="open the URL: it must answer with a page of JSON, not a page for people, "
            "with the fields that the source's options name",
        )

    def _refuse_repetition(self, page: Page, url: httpx.URL, next_url: httpx.URL | None) -> None:
        repeated = None
        if next_url is not None and str(next_url) in self._asked:
            repeated = f"its next page, {show_url(next_url)}, has been asked for before"
        elif page.digest and page.digest in self._digests:
            repeated = "it holds the same records as an earlier page"
        if repeated:
            raise SourceError(
                f"{show_url(url)} repeats itself: {repeated}",
                fix="report it to the source's owners; going on would never end",
            )
        if page.digest:
            self._digests.add(page.digest)
