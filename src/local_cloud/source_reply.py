"""What the demo shop is asked, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Query:
    """A request for a page: a date's records from position `start`."""

    day: date
    start: int
    page_size: int


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An HTTP response."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: Iterable[bytes]


def reply(
    body: bytes,
    *,
    status: str = "200 OK",
    content_type: str = JSON,
    headers: tuple[tuple[str, str], ...] = (),
) -> Reply:
    """A response whose length is known."""
    fixed = (("Content-Type", content_type), ("Content-Length", str(len(body))))
    return Reply(status=status, headers=fixed + headers, body=[body])


def refuse(status: str, why: str) -> Reply:
    """A response to a request that cannot be answered."""
    return reply(json.dumps({"error": why}, ensure_ascii=False).encode(), status=status)


def page_of(records: Iterable[str], next_position: int | None) -> Reply:
    """A page of records; the cursor is the position that the next page begins at."""
    cursor = "null" if next_position is None else f'"{next_position}"'
    return reply(f'{{"data":[{",".join(records)}],"next_cursor":{cursor}}}'.encode())
