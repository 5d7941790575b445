"""The demo shop's orders on pages of other styles: /_source/styles/<style>/orders, 200 a day."""

from __future__ import annotations

from collections.abc import Callable

from local_cloud.source_orders import iter_orders
from local_cloud.source_reply import Query, Reply, reply

ROWS = 200


def _records(query: Query) -> str:
    stop = min(ROWS, query.start + query.page_size)
    return ",".join(iter_orders(query.day, query.start, stop))


def _offset(query: Query) -> Reply:
    """?offset=100&limit=50: records from a position on, and how many there are."""
    return reply(f'{{"data":[{_records(query)}],"meta":{{"total":{ROWS}}}}}'.encode())


def _page(query: Query) -> Reply:
    """?page=3&page_size=50: numbered from 1; those after the last are empty."""
    return reply(f'{{"data":[{_records(query)}]}}'.encode())


def _link(query: Query) -> Reply:
    """?page_size=50: just an array, and a Link header."""
    following = query.start + query.page_size
    target = f"?date={query.day}&page_size={query.page_size}&cursor={following}"
    link = (("Link", f'<{target}>; rel="next"'),) if following < ROWS else ()
    return reply(f"[{_records(query)}]".encode(), headers=link)


STYLES: dict[str, Callable[[Query], Reply]] = {"link": _link, "offset": _offset, "page": _page}
