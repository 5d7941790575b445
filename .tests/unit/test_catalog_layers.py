"""Which run date a key belongs to, for every layout of the raw layer."""

from __future__ import annotations

from datetime import date

import pytest
from support.contracts import make_contract

from etl import partitioning
from etl.catalog.layers import Dates, date_prefix, run_date_of
from etl.model import Raw

DAY = date(2026, 1, 31)


class ByMonth(partitioning.Strategy):
    """Whose prefix holds digits that look like another date: 2026-01/date=20…"""

    def prefix(self, run_date: date) -> str:
        return f"month={run_date:%Y-%m}/date={run_date}/"


@pytest.mark.parametrize("strategy", [*partitioning.STRATEGIES, "month"])
def test_run_date_of_raw_keys_follows_the_strategy(
    monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    monkeypatch.setitem(partitioning.STRATEGIES, "month", ByMonth)
    contract = make_contract(raw=Raw(strategy=strategy, column="id"))
    below = date_prefix(contract, "raw", DAY).removeprefix(contract.places.raw)
    assert run_date_of(contract, "raw", f"{below}id=1999-12-31/part-00000.jsonl.gz") == DAY
    assert run_date_of(contract, "raw", f"other/{below}part-00000.jsonl.gz") is None
    assert run_date_of(contract, "raw", "2026/02/30/part-00000.jsonl.gz") is None


def test_run_date_of_processed_keys_is_the_partition() -> None:
    contract = make_contract()
    key = "ingest_date=2026-01-31/day=2025-12-31/part-0"
    assert run_date_of(contract, "processed", key) == DAY
    assert run_date_of(contract, "processed", "day=2025-12-31/part-0") is None


def test_dates_hold_both_ends() -> None:
    dates = Dates.of(("2026-01-30", DAY))
    assert [day in dates for day in (date(2026, 1, 29), date(2026, 1, 30), DAY)] == [
        False,
        True,
        True,
    ]
    assert Dates.of("2026-01-31").single == DAY and Dates.of(None).single is None
    assert [str(each) for each in (dates, Dates.of(DAY), Dates.of(None))] == [
        "2026-01-30 to 2026-01-31",
        "2026-01-31",
        "any run date",
    ]
