"""What sources get beside their contract, in unit tests."""

from __future__ import annotations

from datetime import date
from typing import Any

from etl.sources.records import SourceContext

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
