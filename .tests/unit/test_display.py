from __future__ import annotations

import io
import logging
import threading
import time

import pytest
from rich.console import Console

from etl.display import describe, every, show_progress, summary_table
from etl.figures import Figures


def counted() -> Figures:
    figures = Figures()
    figures.count(records=12_345, size=4_500_000, errors=2, objects=3)
    figures.uploaded(0.5)
    figures.uploaded(1.5)
    return figures


def test_line_of_figures_names_them() -> None:
    text = describe(counted())
    for part in ("12,345 records", "4.5 MB", "records/s", "last upload 1.50 s", "2 errors"):
        assert part in text
    assert "errors" not in describe(Figures())


def test_summary_has_every_figure() -> None:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as capture:
        console.print(summary_table(counted()))
    rows = dict(line.split(maxsplit=1) for line in capture.get().splitlines() if line[0] != " ")
    assert rows["records"].strip() == "12,345"
    assert rows["errors"].strip() == "2"
    assert rows["mean"].split() == ["upload", "1.000", "s"]
    assert rows["last"].split() == ["upload", "1.500", "s"]
    assert "records/s" in rows["throughput"] and "B/s" in rows["throughput"]


def test_progress_without_a_terminal_is_a_line_at_every_interval(
    caplog: pytest.LogCaptureFixture,
) -> None:
    console = Console(file=io.StringIO())
    with caplog.at_level(logging.INFO, logger="etl"):
        with show_progress(counted(), title="stream", interval_seconds=0.01, console=console):
            while not caplog.messages:
                time.sleep(0.01)
    assert caplog.messages[0].startswith("stream     12,345 records, 4.5 MB")


def test_progress_on_a_terminal_is_a_bar_that_goes_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    with caplog.at_level(logging.INFO, logger="etl"):
        with show_progress(counted(), title="stream", console=console):
            pass
    assert "stream" in out.getvalue() and "12,345 records" in out.getvalue()
    assert not caplog.messages


def test_every_ends_with_its_block_even_if_the_block_fails() -> None:
    calls = threading.Event()
    before = set(threading.enumerate())
    with pytest.raises(ValueError), every(0.01, calls.set):
        assert calls.wait(10)
        raise ValueError
    assert set(threading.enumerate()) <= before
