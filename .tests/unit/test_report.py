"""The report: as JSON and as people read it."""

from __future__ import annotations

import json
from datetime import date

import pytest

from etl.report import Rows, RunReport, StageReport, human_bytes
from etl.report_text import print_report


def make_report(**changes: object) -> RunReport:
    given: dict[str, object] = {
        "dataset": "orders",
        "run_date": date(2026, 1, 1),
        "run_id": "abc",
        "environment": "local",
        "status": "succeeded",
        "rows": Rows(extracted=100, deduplicated=3, quarantined=2, loaded=95),
        "table_rows": 190,
        "stages": (
            StageReport(name="extract", seconds=1.5, rows=100, bytes=12_345, cost_usd=0.001),
        ),
        "places": {"raw": "s3://bucket/raw/shop/orders/2026/01/01/"},
        "prices_as_of": date(2026, 11, 1),
        "contract_version": "1.0.0",
        "contract_fingerprint": "0123456789ab",
    }
    return RunReport(**given | changes)


def test_rows_add_up_with_those_left_out() -> None:
    rows = Rows(extracted=100, deduplicated=3, quarantined=2, filtered=5, loaded=90)
    assert rows.missing == 0
    assert rows.equation.endswith("= 90 loaded + 2 quarantined + 3 deduplicated + 5 filtered")


def test_rows_add_up_with_those_that_raw_cannot_hold() -> None:
    rows = Rows(extracted=100, rejected=4, quarantined=2, loaded=94)
    assert rows.missing == 0
    assert rows.equation.endswith("= 94 loaded + 2 quarantined + 0 deduplicated + 4 rejected")


def test_report_of_a_dataset_without_a_table_shows_none(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(make_report(table_rows=None))
    assert "table " not in capsys.readouterr().out


def test_report_tells_of_rows_that_are_gone(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(make_report(deleted_rows=2))
    assert "2 rows left it: they are gone from the source" in capsys.readouterr().out


def test_report_tells_of_corrections(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(make_report(corrected_rows=2))
    assert "2 were corrected by people" in capsys.readouterr().out


def test_report_tells_where_the_source_differs(capsys: pytest.CaptureFixture[str]) -> None:
    lines = tuple(f"+ field_{n}: not in the contract → [red]" for n in range(12))
    places = {"raw": "s3://bucket/raw/", "drift": "s3://bucket/drift.json"}
    print_report(make_report(drift=lines, places=places))
    shown = capsys.readouterr().out
    assert "drift    + field_0: not in the contract → [red]\n         + field_1:" in shown
    assert "field_9" in shown and "field_10" not in shown
    assert "         2 others, see s3://bucket/drift.json" in shown
    print_report(make_report())
    assert "drift" not in capsys.readouterr().out


def test_to_json_holds_what_is_promised() -> None:
    content = json.loads(make_report().to_json())
    assert content["run_date"] == "2026-01-01"
    assert content["rows"] == {
        "extracted": 100,
        "deduplicated": 3,
        "quarantined": 2,
        "filtered": 0,
        "loaded": 95,
        "rejected": 0,
    }
    assert content["stages"] == [
        {"name": "extract", "seconds": 1.5, "rows": 100, "bytes": 12345, "cost_usd": 0.001}
    ]
    promised = {"dataset", "run_id", "status", "table_rows", "places"}
    assert promised <= content.keys()


@pytest.mark.parametrize(("loaded", "missing"), [(95, 0), (94, 1), (96, -1)])
def test_rows_missing_counts_what_is_nowhere(loaded: int, missing: int) -> None:
    rows = Rows(extracted=100, deduplicated=3, quarantined=2, loaded=loaded)
    assert rows.missing == missing


def test_print_report_shows_conservation_places_and_next_steps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_report(make_report(reject_reasons={"status": 2}, next_steps=("make [up]",)))
    printed = capsys.readouterr().out
    assert "100 extracted = 95 loaded + 2 quarantined + 3 deduplicated" in printed
    assert "12.3 kB" in printed and "s3://bucket/raw/shop/orders/2026/01/01/" in printed
    assert "2 quarantined for status" in printed and "make [up]" in printed


def test_print_report_of_an_empty_day_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(make_report(rows=Rows(extracted=0, deduplicated=0, quarantined=0, loaded=0)))
    assert "no rows for this date" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000_000, "2.5 GB")]
)
def test_human_bytes_chooses_the_unit(count: int, text: str) -> None:
    assert human_bytes(count) == text
