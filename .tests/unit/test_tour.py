"""The tour's end where a step does not show what it should."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from etl.settings import load_settings
from local_cloud.tour import __main__ as command
from local_cloud.tour.steps import Shown, TourError, expect, wait_for


def test_tour_whose_step_fails_shows_the_others_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def steps(tour: Any) -> Iterator[Shown]:
        yield Shown(step="the first", answer="as it should", place="s3://here")
        expect(False, "the second has shown nothing", fix="look there")

    monkeypatch.setattr(
        command, "enter", lambda environment, assume_role: load_settings(environment)
    )
    monkeypatch.setattr(command, "_steps", steps)
    monkeypatch.setattr("sys.argv", ["tour"])
    assert command.main() == 1
    printed = capsys.readouterr()
    last = printed.out.splitlines()[-1]
    assert last.split() == "the first as it should s3://here".split()
    assert "failed: the second has shown nothing\n  fix: look there" in printed.err
    assert "Traceback" not in printed.err


def test_wait_for_nothing_fails_by_its_deadline() -> None:
    with pytest.raises(TourError, match="in vain for the moon"):
        wait_for("the moon", lambda: None, seconds=0)
