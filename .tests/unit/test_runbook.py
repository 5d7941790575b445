"""Whoever gets an alarm finds in docs/operations.md what to do."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ALARM = re.compile(r'alarm_name\s*=\s*"[^"]*\}(-[a-z-]+)"')
_RULE = re.compile(r'resource "aws_cloudwatch_event_rule".*?name\s*=\s*"[^"]*\}(-[a-z-]+)"', re.S)


def test_runbook_has_a_heading_for_each_alarm() -> None:
    modules = ROOT / "terraform" / "modules"
    texts = [path.read_text("utf-8") for path in modules.rglob("*.tf")]
    alarms = {name for text in texts for name in _ALARM.findall(text)}
    failures = {name for text in texts for name in _RULE.findall(text) if "failures" in name}
    assert len(alarms) >= 7 and failures
    runbook = (ROOT / "docs" / "operations.md").read_text("utf-8")
    headings = " ".join(line for line in runbook.splitlines() if line.startswith("### "))
    assert [name for name in sorted(alarms | failures) if name not in headings] == []
