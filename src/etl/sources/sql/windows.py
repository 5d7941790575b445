"""Which rows are a run date's, by their watermark, and what is remembered of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from etl.errors import ContractError, SourceError
from etl.sources.records import SourceContext
from etl.sources.sql.marks import Mark, Window
from etl.sources.sql.options import SqlOptions
from etl.state import latest_progress_before


def start_of_day(day: date) -> datetime:
    """Midnight, UTC."""
    return datetime.combine(day, time.min, UTC)


def end_of_day(day: date) -> datetime:
    """The next day's midnight, UTC."""
    return start_of_day(day) + timedelta(days=1)


def plan_window(
    context: SourceContext, options: SqlOptions, previous: Mark | None, *, is_time: bool
) -> Window:
    """The window of a run.

    A live run, and a backfill's first date, take what came since the run date before them; a
    backfill's other dates take their own day. Each begins earlier by the lookback.

    Args:
        previous: How far earlier run dates have read; None for not at all.
        is_time: Whether the watermark is a timestamp or date, not a number.

    Raises:
        ContractError: A number is to be looked back in time, or backfilled by date.
    """
    if options.watermark is None:
        return Window()
    if not is_time:
        _refuse_time(context, options)
        return Window(lower=previous)
    lower = previous
    if context.backfill_from not in (None, context.run_date):
        lower = start_of_day(context.run_date)
    if isinstance(lower, datetime):
        lower -= options.lookback
    return Window(lower=lower, upper=end_of_day(context.run_date))


def read_previous(context: SourceContext, options: SqlOptions, *, is_time: bool) -> Mark | None:
    """How far the run dates before this one have read; None for not at all.

    Raises:
        SourceError: What was kept is of another watermark.
        StorageError: It cannot be read.
    """
    found = latest_progress_before(context.client("s3"), context.state_prefix, context.run_date)
    if found is None or "watermark" not in found[1]:
        return None
    day, progress = found
    kept = progress["watermark"]
    if progress.get("column") != options.watermark or isinstance(kept, str) != is_time:
        raise SourceError(
            f"run date {day} was read by watermark {progress.get('column')} up to {kept}, and the"
            f" contract says {options.watermark} now",
            fix=f"change the contract back, or remove {context.state_prefix} to read the table"
            " from its beginning",
        )
    return datetime.fromisoformat(kept) if is_time else int(kept)


def make_progress(
    options: SqlOptions, previous: Mark | None, latest: Mark | None
) -> dict[str, Any]:
    """What is kept of a run date; {} if nothing was ever read."""
    reached = max((each for each in (previous, latest) if each is not None), default=None)
    if reached is None:
        return {}
    watermark = reached.isoformat() if isinstance(reached, datetime) else reached
    return {"watermark": watermark, "column": options.watermark}


def _refuse_time(context: SourceContext, options: SqlOptions) -> None:
    what = None
    if options.lookback_minutes:
        what = "lookbackMinutes cannot be taken off it"
    if context.backfill_from is not None:
        what = "a date's rows cannot be told by it, so they cannot be backfilled"
    if what:
        raise ContractError(
            f"the watermark {options.watermark} is a number: {what}",
            fix="name a timestamp as the watermark, or do without",
        )
