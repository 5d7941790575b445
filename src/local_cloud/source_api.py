"""The demo shop's API, a WSGI app that the embedded cloud serves under /_source/.

GET /shop/orders?date=2026-01-31&page_size=500&cursor=…     a day of 2,000 orders, by a token
GET /shop/rows/1000000/orders?date=…                        a day of any size
GET /styles/<offset, page or link>/orders?date=…            200 orders on pages of another style
GET /faults/<kind>/orders?date=…                            a source that misbehaves
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from local_cloud.source_faults import FAULTS
from local_cloud.source_orders import DEFAULT_ROWS, iter_orders
from local_cloud.source_reply import Query, Reply, page_of, refuse
from local_cloud.source_styles import STYLES

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

MOUNT = "/_source"
MAX_PAGE_SIZE = 10_000
MAX_ROWS = 100_000_000


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request, whoever asks."""
    reply = _answer(environ)
    start_response(reply.status, list(reply.headers))
    return reply.body


def guarded(admits: Callable[[str], bool]) -> WSGIApplication:
    """The same, where the shop itself answers only whom `admits` lets in by their Authorization."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "").removeprefix(MOUNT)
        if path == "/shop/orders" and not admits(environ.get("HTTP_AUTHORIZATION", "")):
            refused = refuse("401 Unauthorized", "this is not the token of the shop's secret")
            start_response(refused.status, [*refused.headers, ("WWW-Authenticate", "Bearer")])
            return refused.body
        return app(environ, start_response)

    return application


def _answer(environ: WSGIEnvironment) -> Reply:
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return refuse("405 Method Not Allowed", "only GET is answered")
    path = environ.get("PATH_INFO", "").removeprefix(MOUNT)
    given = {name: values[-1] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    try:
        query = _read_query(given)
    except ValueError as error:
        return refuse("400 Bad Request", str(error))
    match path.strip("/").split("/"):
        case ["shop", "orders"]:
            return _orders(query, DEFAULT_ROWS)
        case ["shop", "rows", rows, "orders"] if rows.isdecimal() and int(rows) <= MAX_ROWS:
            return _orders(query, int(rows))
        case ["styles", style, "orders"] if style in STYLES:
            return STYLES[style](query)
        case ["faults", kind, "orders"] if kind in FAULTS:
            return FAULTS[kind](query)
    return refuse("404 Not Found", f"there is nothing at {path}")


def _read_query(given: dict[str, str]) -> Query:
    """Raises ValueError, with words for the caller."""
    text = given.get("date", "")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"date must be YYYY-MM-DD, got {text!r}") from None
    if text != day.isoformat():
        raise ValueError(f"date must be YYYY-MM-DD, got {text!r}")
    size = _number(given, "page_size" if "page_size" in given else "limit", 500)
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise ValueError(f"page_size must be 1 to {MAX_PAGE_SIZE}, got {size}")
    if "page" in given:
        start = max(0, _number(given, "page", 1) - 1) * size
    else:
        start = _number(given, "offset" if "offset" in given else "cursor", 0)
    return Query(day=day, start=start, page_size=size)


def _number(given: dict[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{name} must be a whole number, got {text!r}")
    return int(text)


def _orders(query: Query, rows: int) -> Reply:
    stop = min(rows, query.start + query.page_size)
    return page_of(iter_orders(query.day, query.start, stop), stop if stop < rows else None)
