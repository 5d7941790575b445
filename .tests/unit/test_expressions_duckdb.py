"""DuckDB gives for every expression what `evaluate` gives in Python, or refuses to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from support.expression_cases import COLUMNS, CONDITIONS, PATTERNS, ROWS, RUN_DATE, VALUES

from etl.contracts.compile import compile_expression
from etl.contracts.patterns import compile_pattern
from etl.duckdb.expressions import to_duckdb_sql
from etl.duckdb.transform import REFUSALS
from etl.expressions import ascii_only_columns, evaluate
from etl.model import Expression
from etl.validation.arrow_schema import arrow_type

SCHEMA = pa.schema([(name, arrow_type(kind)) for name, kind in COLUMNS.items()])
PATTERN_COLUMNS = ("s", "t")


def _compare(expressions: dict[str, Expression]) -> tuple[list[str], list[str]]:
    """A line for each value that is not the same, and the expressions that are refused."""
    wrong, refused = [], []
    with duckdb.connect() as database:
        rows = pa.Table.from_pylist(ROWS, SCHEMA)
        database.register("rows", rows)
        for text, expression in expressions.items():
            try:
                found = database.execute(
                    f"SELECT {to_duckdb_sql(expression, RUN_DATE)} FROM rows"
                ).fetchall()
            except REFUSALS:
                refused.append(text)
                continue
            wrong += [
                f"{text} of row {number}: DuckDB {value!r}, Python {expected!r}"
                for number, ((value,), row) in enumerate(zip(found, ROWS, strict=True))
                if all(str(row[name]).isascii() for name in ascii_only_columns(expression))
                and not _same(value, expected := evaluate(expression, row, RUN_DATE))
            ]
    return wrong, refused


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, Decimal | int) and isinstance(right, Decimal | int):
        return left == right and isinstance(left, bool) == isinstance(right, bool)
    return type(left) is type(right) and left == right


@pytest.mark.parametrize("texts", [CONDITIONS, VALUES], ids=["conditions", "values"])
def test_expression_in_duckdb_means_what_it_means_in_python(texts: list[str]) -> None:
    expressions = {text: compile_expression(text, COLUMNS).expression for text in texts}

    wrong, refused = _compare(expressions)

    assert wrong == []
    assert len(refused) < len(texts) / 10, refused


def test_pattern_in_duckdb_matches_what_it_matches_in_python() -> None:
    expressions: dict[str, Expression] = {
        f"{column} matches {pattern}": ["matches", ["col", column], compile_pattern(pattern)]
        for pattern in PATTERNS
        for column in PATTERN_COLUMNS
    }

    assert _compare(expressions) == ([], [])
