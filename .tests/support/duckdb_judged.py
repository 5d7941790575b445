"""What DuckDB makes of lines, held against the judge."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
from support.line_cases import RUN_DATE

from etl.duckdb.rows import CHUNK, JUDGED, State, create_table, judge_lines
from etl.duckdb.sql import LINE
from etl.judge import Accepted, Filtered, Judge, Rejected, Verdict
from etl.model import Contract

Judged = dict[str, Verdict | None]


def judged(
    lines: list[str], contract: Contract, run_date: date = RUN_DATE, *, query: str | None = None
) -> Judged:
    """What DuckDB makes of lines as the judge would say it; None where it asks."""
    with duckdb.connect() as database:
        database.execute(create_table(contract))
        numbers = pa.array([0] * len(lines), pa.int32())
        table = pa.table({"$line": lines, "$object": numbers})
        database.register(CHUNK.strip('"'), table)
        database.execute(query or judge_lines(contract, run_date))
        every = database.sql(f"SELECT {LINE} FROM {JUDGED}").fetchall()
        assert sorted(line for (line,) in every) == sorted(lines)
        sure = f'SELECT * FROM {JUDGED} WHERE "$state" <> {State.UNSURE:d}'
        found = database.sql(sure).to_arrow_table().to_pylist()
    unsure: Judged = dict.fromkeys(lines)
    return unsure | {row["$line"]: _verdict(row, contract) for row in found}


def _verdict(row: dict[str, Any], contract: Contract) -> Verdict:
    if row["$state"] == State.FILTERED:
        return Filtered()
    return Accepted({column.name: row[column.name] for column in contract.data_columns})


def assert_same(
    lines: list[str],
    contract: Contract,
    run_date: date = RUN_DATE,
    *,
    query: str | None = None,
    least: float = 0.4,
) -> None:
    """What DuckDB is sure of is what the judge says.

    Args:
        query: Another one than `judge_lines`.
        least: Of what the judge takes, DuckDB has to be sure of such a share.
    """
    judge = Judge(contract, run_date)
    found = judged(lines, contract, run_date, query=query)
    sure = {line: verdict for line, verdict in found.items() if verdict is not None}
    for line, verdict in sure.items():
        expected = judge(line)
        assert verdict == expected, line[:300]
        assert _texts(verdict) == _texts(expected), line[:300]
    good = [line for line in found if not isinstance(judge(line), Rejected)]
    assert len(sure) > len(good) * least, [line for line in good if line not in sure]


def _texts(verdict: Verdict) -> list[str]:
    """Values as text: 1.5 is not 1.50, and -0.0 is not 0.0."""
    if not isinstance(verdict, Accepted):
        return []
    return [
        re.sub(r"zoneinfo.ZoneInfo\(key='[/\w]+'\)", "datetime.timezone.utc", str(value))
        for value in verdict.row.values()
    ]
