"""Each line of docs/production.md names a test or a command that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def lines() -> list[list[str]]:
    text = (ROOT / "docs" / "production.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return [row for row in rows[5:] if len(row) == 3 and row[2] not in ("", "---", "proved by")]


def test_checklist_names_what_proves_each_line() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert len(lines()) > 20
    for what, _, proof in lines():
        named = re.findall(r"`([^`]+)`", proof)
        assert named, what
        for each in named:
            if each.startswith("make "):
                assert each.split()[1] in targets, each
            else:
                path = each.removeprefix("pytest ").split()[0]
                assert (ROOT / path).exists(), each
