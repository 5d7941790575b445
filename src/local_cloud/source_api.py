"""The demo shop's API, a WSGI app that the embedded cloud serves under /_source/.

GET /shop/orders?date=2026-01-31&page_size=500&cursor=…     a day of 2,000 orders
GET /shop/rows/1000000/orders?date=…                        a day of any size
GET /faults/<kind>/orders?date=…                            a source that misbehaves
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from local_cloud.source_faults import FAULTS
from local_cloud.source_orders import DEFAULT_ROWS, iter_orders
from local_cloud.source_reply import Query, Reply, page_of, refuse

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

MOUNT = "/_source"
MAX_PAGE_SIZE = 10_000
MAX_ROWS = 100_000_000


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request."""
    reply = _answer(environ)
    start_response(reply.status, list(reply.headers))
    return reply.body


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
    size = given.get("page_size", "500")
    if not size.isdecimal() or not 1 <= int(size) <= MAX_PAGE_SIZE:
        raise ValueError(f"page_size must be 1 to {MAX_PAGE_SIZE}, got {size!r}")
    cursor = given.get("cursor", "0")
    if not cursor.isdecimal():
        raise ValueError(f"cursor must be one that a page gave, got {cursor!r}")
    return Query(day=day, start=int(cursor), page_size=int(size))


def _orders(query: Query, rows: int) -> Reply:
    stop = min(rows, query.start + query.page_size)
    return page_of(iter_orders(query.day, query.start, stop), stop if stop < rows else None)
