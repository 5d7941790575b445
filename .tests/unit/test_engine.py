"""Which engine an extraction gets, and what is said of it."""

from __future__ import annotations

from datetime import date

import pytest
from support.contracts import make_column, make_contract

from etl.engine import choose_engine
from etl.manifest import Manifest
from etl.model import Raw, Type
from etl.settings import Transform

CONTRACT = make_contract(make_column("id", Type(kind="integer")))
MIB = 1024 * 1024


def manifest(size: int) -> Manifest:
    return Manifest(
        dataset="things",
        run_date=date(2026, 1, 1),
        source="tests",
        encoding="json",
        objects=(),
        rows=1,
        bytes=size,
        contract_uri="s3://tests/contract.json",
    )


@pytest.mark.parametrize(
    "size, engine, reason",
    [
        (0, "duckdb", "about 0 B of lines, of at most 536.9 MB"),
        (512 * MIB // 6, "duckdb", "about 536.9 MB of lines, of at most 536.9 MB"),
        (512 * MIB // 6 + 1, "spark", "about 536.9 MB of lines, more than 536.9 MB"),
    ],
)
def test_extraction_that_fits_the_memory_is_duckdbs(size: int, engine: str, reason: str) -> None:
    found = choose_engine(CONTRACT, manifest(size), Transform(memory_mib=512))

    assert (found.name, found.reason) == (engine, reason)


def test_plain_lines_are_as_large_as_their_objects() -> None:
    plain = make_contract(*CONTRACT.columns, raw=Raw(compression="none"))
    settings = Transform(memory_mib=512)

    assert choose_engine(plain, manifest(512 * MIB), settings).name == "duckdb"
    assert choose_engine(CONTRACT, manifest(512 * MIB), settings).name == "spark"


@pytest.mark.parametrize("engine, shown", [("duckdb", "DuckDB"), ("spark", "Spark on Glue")])
def test_settings_may_decide(engine: str, shown: str) -> None:
    found = choose_engine(CONTRACT, manifest(10**12), Transform.model_validate({"engine": engine}))

    assert str(found) == f"{shown}: as transform.engine says"
