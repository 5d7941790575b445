"""Read a paginated HTTP API: one GET a page, and a cursor from each page to the next.

GET <location>?date=2026-01-31&page_size=500&cursor=…
{"data": [{…}, …], "next_cursor": "…" or null}
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx

from etl.errors import SourceError
from etl.model import Contract
from etl.sources.http import Fetched, PageFetcher, Patience, excerpt
from etl.sources.locations import fill_run_date
from etl.sources.options import read_options
from etl.sources.pages import Page, PageError, slice_page
from etl.sources.records import OpenSource, SourceContext


@dataclass(frozen=True, kw_only=True)
class ApiOptions(Patience):
    """What a contract may say of an API, as the source's options.

    Attributes:
        data_field, cursor_field: Where a page's records and the next cursor stand.
        date_param, cursor_param, page_size_param: The names of the query's parameters.
        params: Further query parameters, the same on every page.
        token_variable: The environment variable that holds a bearer token; the token itself
            stands in no file.
        page_limit_mib: A larger page is refused.
    """

    page_size: int = 500
    data_field: str = "data"
    cursor_field: str = "next_cursor"
    date_param: str = "date"
    cursor_param: str = "cursor"
    page_size_param: str = "page_size"
    params: dict[str, str] = field(default_factory=dict)
    token_variable: str | None = None
    page_limit_mib: int = 64


def open_api(contract: Contract, context: SourceContext) -> OpenSource:
    """An API's records of the run date.

    Raises:
        ContractError, SourceError: As `read_api`.
    """
    location = fill_run_date(contract.source.location, context.run_date, dataset=contract.dataset)
    return OpenSource(items=read_api(location, context.run_date, options=contract.source.options))


def read_api(location: str, run_date: date, *, options: dict[str, Any]) -> Iterator[bytes]:
    """A date's records, in the API's order; at most two pages are held in memory.

    Raises:
        ContractError: An option is unknown or has the wrong type.
        SourceError: The API cannot be read, or what it sends makes no sense.
    """
    chosen = read_options(ApiOptions, options, where=location)
    return _read(location, run_date, chosen)


def _read(location: str, run_date: date, options: ApiOptions) -> Iterator[bytes]:
    stopping = threading.Event()
    client = httpx.Client(
        headers=_headers(options.token_variable),
        timeout=httpx.Timeout(options.read_seconds, connect=options.connect_seconds),
    )
    # One page is fetched while the one before it is being used.
    with client, ThreadPoolExecutor(max_workers=1, thread_name_prefix="page") as ahead:
        fetcher = PageFetcher(
            client,
            location,
            patience=options,
            page_limit_mib=options.page_limit_mib,
            sleep=stopping.wait,
        )
        pages = _Pages(fetcher, run_date, options)
        try:
            upcoming = ahead.submit(pages.fetch, None)
            while True:
                page = upcoming.result()
                if page.next_cursor is None:
                    yield from page.records
                    return
                upcoming = ahead.submit(pages.fetch, page.next_cursor)
                yield from page.records
        finally:
            # What is being fetched ahead is of no use to anybody: end its waits and its request.
            stopping.set()
            client.close()


class _Pages:
    """Fetches page after page, and notices when the source goes round in circles."""

    def __init__(self, fetcher: PageFetcher, run_date: date, options: ApiOptions) -> None:
        self._fetcher = fetcher
        self._options = options
        self._params = options.params | {
            options.date_param: run_date.isoformat(),
            options.page_size_param: str(options.page_size),
        }
        self._cursors: set[str] = set()
        self._digests: set[bytes] = set()

    def fetch(self, cursor: str | None) -> Page:
        """The page at a cursor; None for the first."""
        params = self._params | ({self._options.cursor_param: cursor} if cursor else {})
        fetched = self._fetcher.fetch(params)
        page = self._slice(fetched)
        self._refuse_repetition(page, fetched.url)
        return page

    def _slice(self, fetched: Fetched) -> Page:
        try:
            return slice_page(
                fetched.body,
                data_field=self._options.data_field,
                cursor_field=self._options.cursor_field,
            )
        except PageError as error:
            kind = fetched.content_type or "no content type"
            raise SourceError(
                f"the answer of {fetched.url} ({fetched.status}, {kind}) {error}; "
                f"it begins {excerpt(fetched.body)}",
                fix="open the URL: it must answer with a page of JSON, not a page for people",
            ) from error

    def _refuse_repetition(self, page: Page, url: str) -> None:
        repeated = None
        if page.next_cursor in self._cursors:
            repeated = f"its next cursor {page.next_cursor!r} has been followed before"
        elif page.digest and page.digest in self._digests:
            repeated = "it holds the same records as an earlier page"
        if repeated:
            raise SourceError(
                f"{url} repeats itself: {repeated}",
                fix="report it to the source's owners; going on would never end",
            )
        if page.next_cursor is not None:
            self._cursors.add(page.next_cursor)
        if page.digest:
            self._digests.add(page.digest)


def _headers(token_variable: str | None) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if token_variable:
        token = os.environ.get(token_variable, "")
        if not token:
            raise SourceError(
                f"the source needs a token, and {token_variable} is not set",
                fix=f"export {token_variable}=… before the run",
            )
        headers["Authorization"] = f"Bearer {token}"
    return headers
