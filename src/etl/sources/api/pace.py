"""When the next request may go out: by our own limit, and by what the API says is left for us."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

# "RateLimit: limit=100, remaining=0, reset=5" and "RateLimit: "day";r=0;t=5", as the drafts of
# RateLimit header fields for HTTP (draft-ietf-httpapi-ratelimit-headers) have had it.
_LEFT = re.compile(r"\b(?:remaining|r)=(\d{1,18})\b")
_RESET = re.compile(r"\b(?:reset|t)=(\d{1,18})\b")
_WHOLE = re.compile(r"\s*(\d{1,18})(?:\.\d*)?\s*")
_EPOCH_SECONDS = 10**9  # a greater number is a time, not a wait
_EPOCH_MILLISECONDS = 10**12


class Pace:
    """Spaces the requests of one extraction evenly.

    Args:
        requests_per_second: Our own limit; None for none.
        longest_wait_seconds: Upper bound of a wait that the API asks for.
    """

    def __init__(
        self,
        requests_per_second: float | None,
        *,
        longest_wait_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._longest_wait_seconds = longest_wait_seconds
        self._clock = clock
        self._next_at = clock()

    def delay(self) -> float:
        """Seconds until the next request may go out."""
        return max(0.0, self._next_at - self._clock())

    def take(self) -> None:
        """A request goes out."""
        self._next_at = max(self._next_at, self._clock()) + self._interval

    def note(self, headers: Mapping[str, str]) -> bool:
        """Heed what an answer says of the API's own limit.

        Returns:
            Whether the limit is used up.
        """
        left, reset_seconds = _read_limit(headers)
        if left != 0 or reset_seconds is None:
            return left == 0
        wait = min(reset_seconds, self._longest_wait_seconds)
        self._next_at = max(self._next_at, self._clock() + wait)
        return True


def _read_limit(headers: Mapping[str, str]) -> tuple[int | None, float | None]:
    """How many requests are left, and the seconds until there are more."""
    combined = headers.get("ratelimit", "")
    left, reset = _number(_LEFT.search(combined)), _number(_RESET.search(combined))
    for prefix in ("ratelimit-", "x-ratelimit-", "x-rate-limit-"):
        if left is None:
            left = _number(_WHOLE.fullmatch(headers.get(f"{prefix}remaining", "")))
        if reset is None:
            reset = _number(_WHOLE.fullmatch(headers.get(f"{prefix}reset", "")))
    return left, None if reset is None else _seconds_until(reset)


def _number(found: re.Match[str] | None) -> int | None:
    return int(found[1]) if found else None


def _seconds_until(reset: int) -> float:
    if reset >= _EPOCH_MILLISECONDS:
        return max(0.0, reset / 1000 - time.time())
    return max(0.0, reset - time.time()) if reset >= _EPOCH_SECONDS else float(reset)
