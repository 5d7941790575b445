"""Dates and timestamps in the formats of others."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.date_formats import DateFormatError, date_reader, read_day, read_moment


@pytest.mark.parametrize(
    "pattern, text, expected",
    [
        ("d.M.yyyy", "31.1.2026", date(2026, 1, 31)),
        ("d.M.yyyy", "31.01.2026", date(2026, 1, 31)),
        ("dd.MM.yyyy", "31.1.2026", None),
        ("M/d/yyyy", "13/1/2026", None),
        ("M/d/yyyy", "2/29/2026", None),
        ("MMM d, yyyy", "jan 5, 2026", date(2026, 1, 5)),
        ("MMM d yyyy", "Foo 5 2026", None),
        ("yyyyMMdd", "20260131", date(2026, 1, 31)),
        ("d.M.yyyy", "31x1x2026", None),
        ("d.M.yyyy", "31.1.2026\n", None),
        ("d.M.yyyy", "٣.1.2026", None),
    ],
)
def test_read_day_reads_what_is_of_the_format(
    pattern: str, text: str, expected: date | None
) -> None:
    assert read_day(pattern, text) == expected


@pytest.mark.parametrize(
    "pattern, text, expected",
    [
        ("yyyy-MM-dd HH:mm:ss", "2026-01-31 09:15:27", datetime(2026, 1, 31, 9, 15, 27)),
        ("yyyy-MM-dd'T'HH:mm", "2026-01-31T09:15", datetime(2026, 1, 31, 9, 15)),
        ("d/M/yyyy H:mm", "31/1/2026 9:05", datetime(2026, 1, 31, 9, 5)),
        (
            "yyyy-MM-dd HH:mm:ss.SSS",
            "2026-01-31 09:15:27.120",
            datetime(2026, 1, 31, 9, 15, 27, 120000),
        ),
        ("yyyy-MM-dd HH:mmXXX", "2026-01-31 09:15+02:00", datetime(2026, 1, 31, 7, 15)),
        ("yyyy-MM-dd HH:mm", "2026-01-31 24:00", None),
        ("yyyy-MM-dd HH:mmXXX", "0001-01-01 00:00+02:00", None),
    ],
)
def test_read_moment_is_in_utc(pattern: str, text: str, expected: datetime | None) -> None:
    assert read_moment(pattern, text) == (expected and expected.replace(tzinfo=timezone.utc))


@pytest.mark.parametrize(
    "pattern, with_time, words",
    [
        ("dd.MM.yy", False, '"yy" is not one of'),
        ("dd.MM", False, "needs a year, a month and a day"),
        ("dd.MM.yyyy HH:mm", False, "has a time"),
        ("dd.MM.yyyy", True, "needs hours and minutes"),
        ("dd.MM.yyyy dd", False, "a part twice"),
        ("", False, "needs a year"),
    ],
)
def test_date_reader_refuses_what_could_be_misread(
    pattern: str, with_time: bool, words: str
) -> None:
    with pytest.raises(DateFormatError, match=words):
        date_reader(pattern, with_time=with_time)


@given(st.dates(min_value=date(1000, 1, 1)))
def test_read_day_reads_back_every_day(day: date) -> None:
    assert read_day("d-M-yyyy", f"{day.day}-{day.month}-{day.year}") == day
    assert read_day("dd MMM yyyy", day.strftime("%d %b %Y")) == day
