"""GET one page over HTTP, with patience for what passes and none for what does not."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from etl.errors import SourceError

_RETRIED = (408, 425, 429, 500, 502, 503, 504)
_SECRET = re.compile(r"key|token|secret|password|signature|^sig$", re.IGNORECASE)
_MIB = 1024 * 1024
_EXCERPT = 200


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to go on trying.

    Attributes:
        attempts: Requests for one page, the first included.
        backoff_seconds: Upper bound of the first wait; it doubles with each failure. The wait is
            drawn evenly between 0 and the bound ("full jitter").
        longest_wait_seconds: Upper bound of any wait, a server's Retry-After included.
        deadline_minutes: For the whole extraction.
    """

    attempts: int = 6
    backoff_seconds: float = 0.5
    longest_wait_seconds: float = 60
    deadline_minutes: float = 120
    connect_seconds: float = 10
    read_seconds: float = 60


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A page's body, with the URL that it came from as it may be shown."""

    url: str
    status: int
    content_type: str
    body: bytes


class Retry(Exception):
    """A failure that may pass; `wait_seconds` is what the server asked for."""

    def __init__(self, why: str, wait_seconds: float | None = None) -> None:
        super().__init__(why)
        self.wait_seconds = wait_seconds


class PageFetcher:
    """Fetches pages of one extraction, under one deadline."""

    def __init__(
        self,
        client: httpx.Client,
        url: str,
        *,
        patience: Patience,
        page_limit_mib: int,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """`sleep` waits for so many seconds; it returns True early if nobody wants the page."""
        self._client = client
        self._url = url
        self._patience = patience
        self._limit_bytes = page_limit_mib * _MIB
        self._sleep = sleep
        self._deadline = time.monotonic() + patience.deadline_minutes * 60

    def fetch(self, params: Mapping[str, str]) -> Fetched:
        """GET the URL with these query parameters.

        Raises:
            SourceError: It answered something final, or failed for too often or too long.
        """
        url = self._build_url(params)
        for attempt in range(1, self._patience.attempts + 1):
            try:
                return self._get(url)
            except Retry as failure:
                if attempt == self._patience.attempts:
                    raise SourceError(
                        f"{show_url(url)} failed {attempt} times, the last time: {failure}",
                        fix="see whether the source is up, then run the same date again",
                    ) from failure
                self._wait(attempt, failure, url)
        raise ValueError("patience.attempts must be at least 1")

    def _build_url(self, params: Mapping[str, str]) -> httpx.URL:
        try:
            return httpx.URL(self._url).copy_merge_params(dict(params))
        except httpx.InvalidURL as error:
            raise SourceError(
                f"the source's location is not a URL: {error}",
                fix="correct the source's location in the contract or in config/",
            ) from error

    def _wait(self, attempt: int, failure: Retry, url: httpx.URL) -> None:
        longest = self._patience.longest_wait_seconds
        backoff = min(longest, self._patience.backoff_seconds * 2 ** (attempt - 1))
        seconds = random.uniform(0, backoff)
        if failure.wait_seconds is not None:
            seconds += min(longest, failure.wait_seconds)
        if time.monotonic() + seconds > self._deadline:
            raise self._late(url, failure)
        if self._sleep(seconds) is True:
            raise SourceError(f"the extraction from {show_url(url)} was stopped") from failure

    def _get(self, url: httpx.URL) -> Fetched:
        try:
            with self._client.stream("GET", url) as response:
                if response.status_code in _RETRIED:
                    raise Retry(_describe(response), _retry_after(response))
                body = self._read(response, url)
        except (httpx.TimeoutException, httpx.TransportError) as error:
            if isinstance(error, httpx.UnsupportedProtocol):
                raise SourceError(
                    f"{show_url(url)} is not an http:// or https:// URL",
                    fix="correct the source's location in the contract or in config/",
                ) from error
            raise Retry(f"{type(error).__name__}: {error}") from error
        except httpx.DecodingError as error:
            raise Retry(f"the body's compression is damaged: {error}") from error
        if response.status_code != 200:
            raise self._final(response, url, body)
        return Fetched(
            url=show_url(url),
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            body=body,
        )

    def _read(self, response: httpx.Response, url: httpx.URL) -> bytes:
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > self._limit_bytes:
                raise SourceError(
                    f"{show_url(url)} answered more than {self._limit_bytes // _MIB} MiB",
                    fix="ask for smaller pages (page_size), or raise page_limit_mib",
                )
            if time.monotonic() > self._deadline:
                raise self._late(url, None)
            chunks.append(chunk)
        return b"".join(chunks)

    def _late(self, url: httpx.URL, failure: Retry | None) -> SourceError:
        last = f", the last failure: {failure}" if failure else ""
        return SourceError(
            f"{show_url(url)}: the extraction took longer than its "
            f"{self._patience.deadline_minutes:g} minutes{last}",
            fix="raise deadline_minutes in the source's options, or ask for larger pages",
        )

    def _final(self, response: httpx.Response, url: httpx.URL, body: bytes) -> SourceError:
        fixes = {
            401: "give the source's token (the variable that token_variable names)",
            403: "give a token that may read this",
            404: "correct the source's location in the contract or in config/",
        }
        to = response.headers.get("location")
        if response.is_redirect and to:
            fix = f"make {show_url(url.join(to))} the source's location if it is right"
        else:
            fix = fixes.get(response.status_code, "correct the source's location or options")
        return SourceError(
            f"{show_url(url)} answered {response.status_code} {response.reason_phrase}: "
            f"{excerpt(body)}",
            fix=fix,
        )


def show_url(url: httpx.URL) -> str:
    """A URL to be shown: without a password, and with `***` for parameters that sound secret."""
    shown = url.copy_with(username=None, password=None, fragment=None)
    secret = {name: "***" for name in url.params if _SECRET.search(name)}
    return str(shown.copy_merge_params(secret) if secret else shown)


def excerpt(body: bytes) -> str:
    """The first characters of a body, on one line, to be shown."""
    text = " ".join(body[: 4 * _EXCERPT].decode("utf-8", "replace").split())
    return repr(text[:_EXCERPT] + ("…" if len(text) > _EXCERPT else ""))


def _describe(response: httpx.Response) -> str:
    return f"{response.status_code} {response.reason_phrase}"


def _retry_after(response: httpx.Response) -> float | None:
    """The seconds that Retry-After asks for: a number, or until a date (RFC 9110)."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
