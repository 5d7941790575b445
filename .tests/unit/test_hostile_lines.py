"""Lines that are made to cost time: judged as fast as others."""

from __future__ import annotations

from datetime import date

import pytest
from support.contracts import make_contract

from etl.judge import Judge, Rejected

NESTED = "[" * 200  # from here on the judge looks how deep a line is


@pytest.mark.timeout(60)  # each would take hours
@pytest.mark.parametrize(
    "text",
    [
        '"' + '\\"' * 500_000,
        '"' + '\\"' * 500_000 + "\\",
        '"' * 999_999,
        "\\" * 1_000_000,
        '"' + "\\" * 999_999,
        '"a' * 500_001,
    ],
    ids=lambda text: text[:4],
)
def test_line_of_a_text_without_an_end_is_rejected_at_once(text: str) -> None:
    verdict = Judge(make_contract(), date(2026, 1, 5))(NESTED + text)
    assert isinstance(verdict, Rejected)
    assert verdict.reasons[0].startswith("record: not valid JSON")


def test_brackets_inside_a_text_without_an_end_are_not_depth() -> None:
    verdict = Judge(make_contract(), date(2026, 1, 5))('"' + "[" * 5_000)
    assert verdict == Rejected(
        ["record: not valid JSON: Unterminated string starting at at character 1"]
    )
