"""Days of generated records, through the whole path: the warehouse and the quarantine hold what an
oracle in plain Python, made from docs/contracts.md alone, says they must."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.oracle import Day, judge_day, table_of
from support.oracle_contracts import SPECIFICATIONS
from support.oracle_days import make_history
from support.oracle_path import Route
from support.spark_session import local_spark

from etl.settings import load_settings
from etl.warehouse.executor import open_executor

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAYS = 10  # of a history


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    with local_spark() as session:
        yield session


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_oracle_and_warehouse_agree(
    name: str,
    spark: SparkSession,
    client: Callable[[str], Any],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    specification = SPECIFICATIONS[name]
    settings = load_settings("local")
    path = Route(
        specification,
        dataset=name,
        schema=f"oracle_{uuid.uuid4().hex[:8]}",
        folder=tmp_path,
        settings=settings,
        spark=spark,
    )
    chosen = random.Random(1)
    days: dict[Any, Day] = {}
    with closing(open_executor(settings)) as executor:
        for step in make_history(specification, steps=DAYS, seed=1):
            counts = path.run(step, executor, is_fast=chosen.random() < 0.5)
            day = judge_day(specification, step.records, step.run_date)
            assert counts == {
                "read": len(step.records),
                "valid": len(day.rows),
                "quarantined": day.rejected.total(),
                "filtered": day.filtered,
                "deduplicated": day.deduplicated,
            }
            assert path.quarantine(step.run_date) == day.rejected
            days[step.run_date] = day
    assert path.table() == table_of(specification, days)
