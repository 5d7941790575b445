"""Schedules of EventBridge rules, as the embedded cloud reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from local_cloud.events.schedules import ScheduleError, parse_schedule

MADE = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "due", "not_due"),
    [
        ("cron(0 2 * * ? *)", ["2026-01-01T02:00", "2026-05-31T02:00"], ["2026-01-01T02:01"]),
        ("cron(0/15 * * * ? *)", ["2026-01-01T05:45"], ["2026-01-01T05:46"]),
        ("cron(30 8-10 ? * MON-FRI *)", ["2026-01-02T09:30"], ["2026-01-03T09:30"]),
        ("cron(0 0 1,15 JAN ? 2026)", ["2026-01-15T00:00"], ["2026-02-15T00:00"]),
        ("cron(0 12 ? * 1 *)", ["2026-01-04T12:00"], ["2026-01-05T12:00"]),
        ("rate(5 minutes)", ["2026-01-01T00:05", "2026-01-01T01:00"], ["2026-01-01T00:00"]),
        ("rate(1 day)", ["2026-01-02T00:00"], ["2026-01-01T12:00"]),
    ],
)
def test_schedule_is_due_in_its_minutes(text: str, due: list[str], not_due: list[str]) -> None:
    schedule = parse_schedule(text)
    for minutes, expected in ((due, True), (not_due, False)):
        for minute in minutes:
            moment = datetime.fromisoformat(minute).replace(tzinfo=UTC)
            assert schedule.is_due(moment, MADE) is expected, minute


@pytest.mark.parametrize(
    "text",
    [
        "cron(0 2 L * ? *)",
        "cron(0 2 ? * 6#3 *)",
        "cron(60 2 * * ? *)",
        "cron(0 2 * * ?)",
        "rate(0 minutes)",
        "at(2026-01-01T00:00:00)",
        "daily",
    ],
)
def test_schedule_that_is_not_run_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError):
        parse_schedule(text)
