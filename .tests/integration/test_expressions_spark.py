"""Spark gives for every expression what `evaluate` gives in Python."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from support.expression_cases import COLUMNS, CONDITIONS, PATTERNS, ROWS, RUN_DATE, VALUES
from support.spark_session import local_spark

from etl.contracts.compile import compile_expression
from etl.contracts.patterns import compile_pattern
from etl.expressions import ascii_only_columns, evaluate, to_spark_sql
from etl.model import Expression

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SPARK_TYPES = {
    "i": "INT",
    "big": "BIGINT",
    "d": "DECIMAL(12,2)",
    "w": "DECIMAL(37,10)",
    "n": "DECIMAL(38,38)",
    "x": "DOUBLE",
    "s": "STRING",
    "t": "STRING",
    "b": "BOOLEAN",
    "day": "DATE",
    "at": "TIMESTAMP",
}
PATTERN_COLUMNS = ("s", "t")


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    with local_spark() as session:
        session.conf.set("spark.sql.session.timeZone", "UTC")
        yield session


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    """ROWS as a DataFrame; instants as text, so that no driver's zone touches them."""
    values = [
        tuple(
            row[name].isoformat() if name == "at" and row[name] else row[name]
            for name in SPARK_TYPES
        )
        for row in ROWS
    ]
    ddl = ", ".join(f"{name} {kind}" for name, kind in SPARK_TYPES.items())
    raw = spark.createDataFrame(values, ddl.replace("at TIMESTAMP", "at STRING"))
    return raw.selectExpr(
        *["CAST(at AS TIMESTAMP) AS at" if name == "at" else f"`{name}`" for name in SPARK_TYPES]
    ).cache()


def _in_spark(rows: DataFrame, expressions: dict[str, Expression]) -> list[dict[str, Any]]:
    columns = [
        f"{to_spark_sql(expression, RUN_DATE)} AS `{index}`"
        for index, expression in enumerate(expressions.values())
    ]
    return [dict(zip(expressions, row, strict=True)) for row in rows.selectExpr(*columns).collect()]


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, Decimal | int) and isinstance(right, Decimal | int):
        return left == right and isinstance(left, bool) == isinstance(right, bool)
    return type(left) is type(right) and left == right


def _compare(rows: DataFrame, expressions: dict[str, Expression]) -> list[str]:
    """A line for each value that is not the same."""
    found = _in_spark(rows, expressions)
    return [
        f"{text} of row {number}: Spark {spark_row[text]!r}, Python {expected!r}"
        for number, (spark_row, row) in enumerate(zip(found, ROWS, strict=True))
        for text, expression in expressions.items()
        if _is_sure(expression, row)
        and not _same(spark_row[text], expected := evaluate(expression, row, RUN_DATE))
    ]


def _is_sure(expression: Expression, row: dict[str, Any]) -> bool:
    return all(str(row[name]).isascii() for name in ascii_only_columns(expression))


@pytest.mark.parametrize("texts", [CONDITIONS, VALUES], ids=["conditions", "values"])
def test_expression_in_spark_means_what_it_means_in_python(
    texts: list[str], rows: DataFrame
) -> None:
    expressions = {text: compile_expression(text, COLUMNS).expression for text in texts}

    assert _compare(rows, expressions) == []


def test_pattern_in_spark_matches_what_it_matches_in_python(rows: DataFrame) -> None:
    expressions: dict[str, Expression] = {
        f"{column} matches {pattern}": ["matches", ["col", column], compile_pattern(pattern)]
        for pattern in PATTERNS
        for column in PATTERN_COLUMNS
    }

    assert _compare(rows, expressions) == []


def test_optimised_and_interpreted_spark_agree(spark: SparkSession, rows: DataFrame) -> None:
    expressions = {text: compile_expression(text, COLUMNS).expression for text in CONDITIONS}
    spark.conf.set("spark.sql.codegen.wholeStage", "false")
    spark.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    try:
        assert _compare(rows, expressions) == []
    finally:
        spark.conf.unset("spark.sql.codegen.wholeStage")
        spark.conf.unset("spark.sql.codegen.factoryMode")


def test_condition_as_filter_keeps_the_rows_that_python_keeps(rows: DataFrame) -> None:
    expressions = {text: compile_expression(text, COLUMNS).expression for text in CONDITIONS}

    wrong = [
        text
        for text, expression in expressions.items()
        if rows.where(to_spark_sql(expression, RUN_DATE)).count()
        != sum(evaluate(expression, row, RUN_DATE) is True for row in ROWS)
        and all(_is_sure(expression, row) for row in ROWS)
    ]

    assert wrong == []
