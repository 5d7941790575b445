"""Names, values and dates from anywhere: in SQL they are one token, or they are refused."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.redshift import Redshift
from sqlglot.dialects.trino import Trino
from sqlglot.tokens import TokenType
from support.contracts import orders_contract

from aws.athena.parameters import bind
from aws.athena.parameters import literal as athena_literal
from etl.arguments import date_argument
from etl.errors import UsageError
from etl.expressions import to_spark_sql
from etl.named_queries import NamedQuery
from etl.queries import render
from etl.warehouse.sql import identifier, literal

SQL_SIGNS = st.text(alphabet="'\"\\;-/*$`?:%ab\n\0\u2019\ud800\u00e9 ", max_size=30)
TEXTS = st.one_of(SQL_SIGNS, st.text(max_size=40))


@given(TEXTS)
def test_value_is_one_token_of_both_dialects_or_is_refused(text: str) -> None:
    try:
        written = literal(text)
    except ValueError:
        return
    for dialect in (Postgres, Redshift):
        (token,) = dialect().tokenize(written)
        assert (token.token_type, token.text) == (TokenType.STRING, text)


@given(TEXTS)
def test_name_is_one_token_or_is_refused(text: str) -> None:
    try:
        written = identifier(text)
    except ValueError:
        return
    (token,) = Redshift().tokenize(written)
    assert (token.token_type, token.text) == (TokenType.IDENTIFIER, text)


@given(TEXTS)
def test_value_for_athena_is_one_token_and_never_stands_in_the_query(text: str) -> None:
    sql, (value,) = bind("SELECT :name", {"name": text})
    assert sql == "SELECT ?"
    (token,) = Trino().tokenize(value)
    assert (token.token_type, token.text) == (TokenType.STRING, text)
    assert athena_literal(text) == value


@given(TEXTS)
def test_text_of_an_expression_ends_where_it_began_in_spark(text: str) -> None:
    written = to_spark_sql(["lit", text, "string"], date(2026, 1, 5))
    assert written[0] == written[-1] == "'"
    # A quote or a backslash stands behind a backslash, as Spark's parser reads it.
    inside = written[1:-1].replace("\\\\", "").replace("\\'", "")
    assert "'" not in inside and "\\" not in inside


@given(st.dates(), st.datetimes(timezones=st.just(UTC)))
def test_dates_are_digits_in_a_cast(day: date, moment: datetime) -> None:
    assert literal(day) == f"CAST('{day.isoformat()}' AS DATE)"
    assert len(Redshift().tokenize(literal(moment))) == 6


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01'; DROP TABLE orders; --",
        "2026-01-01\n",
        "20260101",
        "2026-W01-4",
        "\uff12026-01-01",
        "../2026-01-01",
        "2026-01-01/..",
        "-2026-01-01",
        "",
    ],
)
def test_run_date_that_is_more_than_a_date_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a date like 2026-01-01"):
        date_argument(text)


@pytest.mark.parametrize("name", ["orders; DROP TABLE x", "a-b", 'a"b', "a`b", "Ä", "", "a\n"])
def test_name_in_an_athena_query_is_an_identifier_or_refused(name: str) -> None:
    query = NamedQuery(name="q", description="", parameters={"view": "identifier"}, sql="{view}")
    with pytest.raises(UsageError, match="is no Athena identifier"):
        render(query, orders_contract(), {"view": name})
