"""Names and values written into SQL stay names and values, whatever they hold."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from etl.warehouse.sql import identifier, literal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("orders", "'orders'"),
        ("O'Brien", "'O''Brien'"),
        ("'; DROP TABLE orders; --", "'''; DROP TABLE orders; --'"),
        ("''", "''''''"),
        ("Zoë 😀 %s :name $1", "'Zoë 😀 %s :name $1'"),
        ("", "''"),
        (-7, "-7"),
        (True, "1"),
        (date(2026, 1, 31), "CAST('2026-01-31' AS DATE)"),
        (
            datetime(2026, 1, 31, 1, 2, 3, 4, tzinfo=UTC),
            "CAST('2026-01-31 01:02:03.000004+00' AS TIMESTAMPTZ)",
        ),
        (
            datetime(2026, 1, 31, 1, 0, tzinfo=timezone(timedelta(hours=2))),
            "CAST('2026-01-30 23:00:00.000000+00' AS TIMESTAMPTZ)",
        ),
    ],
)
def test_literal_value_is_quoted(value, text):
    assert literal(value) == text


@pytest.mark.parametrize("text", ["\\", "\\'; DROP TABLE orders; --", "a\0b", "a\nb", "\ud800"])
def test_literal_text_beyond_doubt_only_or_refused(text):
    with pytest.raises(ValueError, match="cannot be a SQL literal"):
        literal(text)


def test_literal_datetime_without_zone_is_refused():
    with pytest.raises(ValueError, match="without a zone"):
        literal(datetime(2026, 1, 1))


def test_identifier_parts_are_quoted_and_joined():
    assert identifier("sales", "order") == '"sales"."order"'


@pytest.mark.parametrize(
    "name", ["", "Orders", "1st", 'a"; DROP TABLE b; --', "a b", "a.b", "é", "a\n", "x" * 128]
)
def test_identifier_that_is_no_plain_name_is_refused(name):
    with pytest.raises(ValueError, match="not a lower-case SQL name"):
        identifier("sales", name)
