"""Days of generated records, through the whole path: the warehouse and the quarantine hold what an
oracle in plain Python, made from docs/contracts.md alone, says they must."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
from support.faults_table import Row, record
from support.oracle import Day, judge_day, table_of
from support.oracle_contracts import SPECIFICATIONS
from support.oracle_days import make_history
from support.oracle_path import ENGINES, Route
from support.spark_session import local_spark

from etl.settings import load_settings
from etl.warehouse.executor import open_executor

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HISTORIES = 2  # of each specification, one for each loader
RUNS = 10  # of a history
BRANCHES = 10  # whose days a run takes: 10 specifications x 2 x 10 x 10 are 2,000 days
SAMPLE = (("typed_merge", 0), ("sheet_replace", 1))
SAMPLED_RUNS = 2
LOADERS = ("copy", "data-api")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All histories, or the sample of them."""
    every = [(name, history) for name in SPECIFICATIONS for history in range(HISTORIES)]
    is_sample = metafunc.config.getoption("--faults") == "sample"
    metafunc.parametrize(("name", "history"), SAMPLE if is_sample else every)


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    with local_spark() as session:
        yield session


@pytest.mark.timeout(1800)
def test_generated_days_end_where_the_oracle_says(
    name: str,
    history: int,
    spark: SparkSession,
    client: Callable[[str], Any],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    loader = LOADERS[history]
    settings = load_settings("local")
    section = settings.warehouse.model_copy(update={"loader": loader})
    settings = settings.model_copy(update={"warehouse": section})
    specification = SPECIFICATIONS[name]
    route = Route(
        specification,
        dataset=name,
        schema=f"oracle_{uuid.uuid4().hex[:8]}",
        folder=tmp_path,
        settings=settings,
        spark=spark,
    )
    runs = SAMPLED_RUNS if request.config.getoption("--faults") == "sample" else RUNS
    days: dict[date, Day] = {}
    differences: list[tuple[date | None, Counter[Any], Counter[Any]]] = []
    with closing(open_executor(settings)) as executor:
        seed = crc32(f"{name} {history}".encode())
        steps = make_history(specification, runs=runs, branches=BRANCHES, seed=seed)
        for number, step in enumerate(steps):
            counts = route.run(step, executor, engine=ENGINES[number % 3])
            day = judge_day(specification, step.records, step.run_date)
            assert counts == day.counts
            found = route.quarantine(step.run_date)
            differences.append((step.run_date, day.rejected - found, found - day.rejected))
            days[step.run_date] = day
    expected, table = table_of(specification, days), route.table()
    differences.append((None, expected - table, table - expected))
    row = Row(
        fault="generated days",
        where=f"{name}, {runs * BRANCHES} days by {loader}",
        rows_lost=sum(lost.total() for _, lost, _ in differences),
        rows_twice=sum(twice.total() for *_, twice in differences),
        recovered_by="dates that come late, or again",
    )
    record(request.node, row)
    assert (row.rows_lost, row.rows_twice) == (0, 0), [
        each for each in differences if any(each[1:])
    ]
    assert table and any(day.rejected for day in days.values())
