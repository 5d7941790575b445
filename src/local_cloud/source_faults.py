"""Sources that misbehave, each in one way, for the tests: /_source/faults/<kind>/orders."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from local_cloud.source_orders import BAD, bad_order, iter_orders, render_order
from local_cloud.source_reply import JSON, Query, Reply, page_of, refuse, reply

ROWS = 200
SLOW_SECONDS = 3.0
_MIB = 1024 * 1024


class _Turns:
    """Counts the requests for each page, so that the first fails and the next does not."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, Query]] = Counter()
        self._lock = threading.Lock()

    def is_first(self, kind: str, query: Query) -> bool:
        """Whether it is this page's first, third, fifth … request."""
        with self._lock:
            self._seen[kind, query] += 1
            return self._seen[kind, query] % 2 == 1


_turns = _Turns()


def _page(query: Query, rows: int = ROWS) -> Reply:
    stop = min(rows, query.start + query.page_size)
    return page_of(iter_orders(query.day, query.start, stop), stop if stop < rows else None)


def _always_500(query: Query) -> Reply:
    return refuse("500 Internal Server Error", "the shop is on fire")


def _html(query: Query) -> Reply:
    body = b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"
    return reply(body, content_type="text/html; charset=utf-8")


def _forbidden(query: Query) -> Reply:
    return refuse("403 Forbidden", "this token may not read orders")


def _no_data(query: Query) -> Reply:
    return reply(b'{"rows":[],"next_cursor":null}')


def _bad_json(query: Query) -> Reply:
    body = b"".join(_page(query).body)
    return reply(body[: len(body) // 2])


def _cut_off(query: Query) -> Reply:
    """The connection closes before all of the announced bytes have come."""
    body = b"".join(_page(query).body)
    headers = (
        ("Content-Type", JSON),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    )
    return Reply(status="200 OK", headers=headers, body=[body[: len(body) // 2]])


def _repeated_page(query: Query) -> Reply:
    return page_of(iter_orders(query.day, 0, 10), query.start + 10)


def _repeated_cursor(query: Query) -> Reply:
    return page_of(iter_orders(query.day, query.start, query.start + 10), 10)


def _busy(query: Query) -> Reply:
    """Every page is refused once, with Retry-After."""
    if not _turns.is_first("busy", query):
        return _page(query)
    return reply(b"{}", status="429 Too Many Requests", headers=(("Retry-After", "1"),))


def _flaky(query: Query) -> Reply:
    """Every page fails once."""
    if _turns.is_first("flaky", query):
        return refuse("503 Service Unavailable", "try again")
    return _page(query)


def _empty(query: Query) -> Reply:
    return page_of([], None)


def _all_bad(query: Query) -> Reply:
    stop = min(len(BAD), query.start + query.page_size)
    records = [bad_order(query.day, each, each) for each in range(query.start, stop)]
    return page_of(records, stop if stop < len(BAD) else None)


def _slow(query: Query) -> Reply:
    time.sleep(SLOW_SECONDS)
    return _page(query)


def _invalid_utf8(query: Query) -> Reply:
    """The second record's note is in Latin-1."""
    good, other = iter_orders(query.day, 0, 2)
    bad = render_order(query.day, 2, note='"café"').encode().replace("café".encode(), b"caf\xe9")
    records = b",".join([good.encode(), bad, other.encode()])
    return reply(b'{"data":[' + records + b'],"next_cursor":null}')


def _unlucky(query: Query) -> Reply:
    """Only the 13th of a month is not there."""
    if query.day.day == 13:
        return refuse("404 Not Found", "there is no such day")
    return _page(query)


def _wide(query: Query) -> Reply:
    """Records with 200 fields that no contract names."""
    extra = {f"extra_{n:03d}": str(n) for n in range(200)}
    return page_of([render_order(query.day, each, **extra) for each in range(10)], None)


def _huge_row(query: Query) -> Reply:
    """One of three records is 10 MiB long."""
    huge = render_order(query.day, 1, note='"' + "x" * (10 * _MIB) + '"')
    good, other = render_order(query.day, 0), render_order(query.day, 2)
    return page_of([good, huge, other], None)


def _huge_page(query: Query) -> Reply:
    """A page that does not end (1 GiB)."""

    def body() -> Iterator[bytes]:
        yield b'{"data":['
        yield from itertools.repeat(b" " * _MIB, 1024)
        yield b'],"next_cursor":null}'

    return Reply(
        status="200 OK", headers=(("Content-Type", JSON), ("Connection", "close")), body=body()
    )


FAULTS: dict[str, Callable[[Query], Reply]] = {
    "all-bad": _all_bad,
    "always-500": _always_500,
    "bad-json": _bad_json,
    "busy": _busy,
    "cut-off": _cut_off,
    "empty": _empty,
    "flaky": _flaky,
    "forbidden": _forbidden,
    "html": _html,
    "huge-page": _huge_page,
    "huge-row": _huge_row,
    "invalid-utf8": _invalid_utf8,
    "no-data": _no_data,
    "repeated-cursor": _repeated_cursor,
    "repeated-page": _repeated_page,
    "slow": _slow,
    "unlucky": _unlucky,
    "wide": _wide,
}
