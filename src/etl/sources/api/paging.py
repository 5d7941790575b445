"""Page styles: how the URL of the next page comes from a page. One small object each, no state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import httpx

from etl.sources.api.options import Paging
from etl.sources.api.pages import Page, PageError
from etl.sources.api.urls import origin_of, show_url

# RFC 8288, 3: <URI-Reference>, then parameters whose values may be quoted.
_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+\s*(?:=\s*(?:"[^"]*"|[^\s;,"]*))?)*)')
_WHOLE = re.compile(r"\d{1,18}")
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]*))', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A page, where it came from, and what came with it.

    Attributes:
        seen: Records so far, the page's own included.
    """

    url: httpx.URL
    headers: Mapping[str, str]
    page: Page
    seen: int


class PageStyle(Protocol):
    """Finds the pages of one extraction."""

    def first(self, url: httpx.URL) -> httpx.URL:
        """The first page; `url` has what every page is asked with."""

    def after(self, answer: Answer) -> httpx.URL | None:
        """The page after this one; None if it was the last.

        Raises:
            PageError: The answer does not hold what the style goes by.
        """


def make_style(paging: Paging) -> PageStyle:
    """The style that the options name."""
    match paging.page_style:
        case "cursor":
            return _Cursor(param=paging.cursor_param, field=paging.cursor_field)
        case "offset":
            return _Offset(param=paging.offset_param, total_field=paging.total_field)
        case "page":
            return _Numbered(
                param=paging.page_param,
                first_page=paging.first_page,
                total_field=paging.total_field,
            )
        case "link":
            return _Link()


@dataclass(frozen=True, kw_only=True)
class _Cursor:
    """Each page names the next; null or "" is after the last."""

    param: str
    field: str

    def first(self, url: httpx.URL) -> httpx.URL:
        return url

    def after(self, answer: Answer) -> httpx.URL | None:
        cursor = answer.page.field(self.field)
        if cursor is None or cursor == "":
            return None
        if not isinstance(cursor, str) or not cursor.isascii():
            raise PageError(f'"{self.field}" is neither ASCII text, a number nor null')
        return answer.url.copy_set_param(self.param, cursor)


@dataclass(frozen=True, kw_only=True)
class _Offset:
    """Records from a position on, which is the number of those that have come.

    Not the number that was asked for: an API may send fewer, and none must be left out.
    """

    param: str
    total_field: str | None

    def first(self, url: httpx.URL) -> httpx.URL:
        return url.copy_set_param(self.param, "0")

    def after(self, answer: Answer) -> httpx.URL | None:
        if _is_last(answer, self.total_field):
            return None
        return answer.url.copy_set_param(self.param, str(answer.seen))


@dataclass(frozen=True, kw_only=True)
class _Numbered:
    """Pages by their number."""

    param: str
    first_page: int
    total_field: str | None

    def first(self, url: httpx.URL) -> httpx.URL:
        return url.copy_set_param(self.param, str(self.first_page))

    def after(self, answer: Answer) -> httpx.URL | None:
        if _is_last(answer, self.total_field):
            return None
        number = int(answer.url.params[self.param])
        return answer.url.copy_set_param(self.param, str(number + 1))


@dataclass(frozen=True, kw_only=True)
class _Link:
    """The Link header's rel="next"."""

    def first(self, url: httpx.URL) -> httpx.URL:
        return url

    def after(self, answer: Answer) -> httpx.URL | None:
        target = find_next_link(answer.headers.get("link", ""))
        if target is None:
            return None
        try:
            url = answer.url.join(target)
        except httpx.InvalidURL as error:
            raise PageError(f"links to a next page that is not a URL: {error}") from error
        if origin_of(url) != origin_of(answer.url):
            raise PageError(f"links to a next page at another host, {show_url(url)}")
        return url


def _is_last(answer: Answer, total_field: str | None) -> bool:
    """Whether all records have come.

    A page that is shorter than asked for says nothing: APIs cap the size of a page.
    """
    if total_field is None:
        return not answer.page.records
    total = answer.page.field(total_field)
    if not (isinstance(total, str) and _WHOLE.fullmatch(total)):
        raise PageError(f'has no whole number "{total_field}"')
    if answer.seen < int(total) and not answer.page.records:
        raise PageError(f"holds no records, after {answer.seen} of {total}")
    return answer.seen >= int(total)


def find_next_link(header: str) -> str | None:
    """The target of a Link header's first link with the relation "next" (RFC 8288)."""
    for link in _LINK.finditer(header):
        relation = _REL.search(link[2])
        words = (relation[1] or relation[2] or "").lower().split() if relation else []
        if "next" in words:
            return link[1].strip()
    return None
