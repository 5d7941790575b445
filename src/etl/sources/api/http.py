"""GET one page over HTTP, with patience for what passes and none for what does not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from etl.errors import SourceError
from etl.sources.api.bodies import BodyError, DamagedBodyError
from etl.sources.api.hidden import Hidden, excerpt
from etl.sources.api.options import Patience
from etl.sources.api.pace import Pace
from etl.sources.api.urls import show_url

RETRIED = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A page's body, and what came with it."""

    url: httpx.URL
    status: int
    headers: httpx.Headers
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
        *,
        patience: Patience,
        hidden: Hidden,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """`sleep` waits for so many seconds; it returns True early if nobody wants the page."""
        self._client = client
        self._patience = patience
        self._hidden = hidden
        self._sleep = sleep
        self._deadline = time.monotonic() + patience.deadline_minutes * 60
        self._pace = Pace(
            patience.requests_per_second, longest_wait_seconds=patience.longest_wait_seconds
        )

    def fetch(self, url: httpx.URL) -> Fetched:
        """GET the URL.

        Raises:
            SourceError: It answered something final, or failed for too often or too long.
        """
        failure: Retry | None = None
        for attempt in range(self._patience.attempts):
            if failure:
                self._wait(self._backoff(attempt, failure), url, failure)
            self._wait(self._pace.delay(), url, failure)
            self._pace.take()
            try:
                return self._get(url)
            except Retry as error:
                failure = error
        raise SourceError(
            f"{show_url(url)} failed {self._patience.attempts} times, the last time: {failure}",
            fix="see whether the source is up, then run the same date again",
        ) from failure

    def _backoff(self, attempt: int, failure: Retry) -> float:
        longest = self._patience.longest_wait_seconds
        bound = min(longest, self._patience.backoff_seconds * 2 ** (attempt - 1))
        return random.uniform(0, bound) + min(longest, failure.wait_seconds or 0)

    def _wait(self, seconds: float, url: httpx.URL, failure: Retry | None) -> None:
        if time.monotonic() + seconds > self._deadline:
            raise self._late(url, failure)
        if seconds and self._sleep(seconds) is True:
            raise SourceError(f"the extraction from {show_url(url)} was stopped") from failure

    def _get(self, url: httpx.URL) -> Fetched:
        try:
            with self._client.stream("GET", url) as response:
                is_used_up = self._pace.note(response.headers)
                if response.status_code in RETRIED or (is_used_up and response.status_code == 403):
                    raise Retry(_describe(response), _retry_after(response))
                body = self._read(response, url)
        except (httpx.TimeoutException, httpx.TransportError) as error:
            raise Retry(f"{type(error).__name__}: {error}") from error
        except DamagedBodyError as error:
            raise Retry(f"the body's compression is damaged: {error}") from error
        except BodyError as error:
            raise SourceError(
                f"{show_url(url)} answered {error}",
                fix="ask for smaller pages (pageSize), or raise pageLimitMib; of compressions,"
                " gzip is read",
            ) from error
        if response.status_code != 200:
            raise self._final(response, url, body)
        return Fetched(url=url, status=response.status_code, headers=response.headers, body=body)

    def _read(self, response: httpx.Response, url: httpx.URL) -> bytes:
        chunks: list[bytes] = []
        for chunk in response.iter_bytes():
            if time.monotonic() > self._deadline:
                raise self._late(url, None)
            chunks.append(chunk)
        return b"".join(chunks)

    def _late(self, url: httpx.URL, failure: Retry | None) -> SourceError:
        last = f", the last failure: {failure}" if failure else ""
        return SourceError(
            f"{show_url(url)}: the extraction took longer than its "
            f"{self._patience.deadline_minutes:g} minutes{last}",
            fix="raise deadlineMinutes in the source's options, or ask for larger pages",
        )

    def _final(self, response: httpx.Response, url: httpx.URL, body: bytes) -> SourceError:
        fixes = {
            401: "check the contract's auth, and what the secret that it names holds",
            403: "give a credential that may read this (the contract's auth and secret)",
            404: "correct the source's location in the contract or in config/",
        }
        to = response.headers.get("location")
        if response.is_redirect and to:
            fix = f"make {show_url(url.join(to))} the source's location if it is right"
        else:
            fix = fixes.get(response.status_code, "correct the source's location or options")
        return SourceError(
            f"{show_url(url)} answered {response.status_code} {response.reason_phrase}: "
            f"{excerpt(body, self._hidden)}",
            fix=fix,
        )


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
