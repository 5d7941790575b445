"""What sources get beside their contract, in unit tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from etl.sources.records import Item, Lines, SourceContext, SourceObject

STATE_PREFIX = "s3://test-artifacts/state/orders/"


def source_context(
    run_date: date, *, backfill_from: date | None = None, **clients: Any
) -> SourceContext:
    """A context whose clients are those given, by their service's name."""
    return SourceContext(
        run_date=run_date,
        client=lambda service, *, region=None, role_arn=None: clients[service],
        state_prefix=STATE_PREFIX,
        backfill_from=backfill_from,
    )


def records(items: Iterable[Item]) -> list[bytes]:
    """The records among what a source yields."""
    found: list[bytes] = []
    for item in items:
        if isinstance(item, Lines):
            lines = item.data.split(b"\n")
            assert lines.pop() == b"" and len(lines) == item.rows and all(lines)
            found += lines
        elif not isinstance(item, SourceObject):
            found.append(item)
    return found
