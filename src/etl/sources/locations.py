"""Where a run date's records are."""

from __future__ import annotations

from datetime import date

from etl.errors import ContractError


def fill_run_date(location: str, run_date: date, *, dataset: str) -> str:
    """Fill `{run_date}` in; `{run_date:%Y/%m}` takes strftime's letters."""
    try:
        return location.format(run_date=run_date)
    except (AttributeError, KeyError, IndexError, ValueError) as error:
        raise ContractError(
            f"contract {dataset}: the source's location {location!r} cannot be filled in: {error}",
            fix="use {run_date} or {run_date:%Y/%m/%d}, and no other braces",
        ) from error
