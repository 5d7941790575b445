"""The demo shop's customers, held against their contract by the judge."""

from __future__ import annotations

import dataclasses
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from support.contracts import StubSettings
from support.source_contexts import source_context

from etl.contracts import load_contract
from etl.judge import Judge, Rejected
from etl.model import Contract
from etl.sources.open import open_source
from etl.sources.records import Lines
from local_cloud.shop_database import BAD, CUSTOMERS, TABLE, is_bad, write_shop_database

DAY = date(2026, 1, 31)


def customers_contract(path: Path) -> Contract:
    """The contract of this repository, reading all of a database file."""
    settings = StubSettings(places={"shop_database_url": f"sqlite:///{path}"})
    contract = load_contract("customers", settings=settings)
    options = {k: v for k, v in contract.source.options.items() if k == "table"}
    return dataclasses.replace(
        contract, source=dataclasses.replace(contract.source, options=options)
    )


def test_shop_database_is_made_the_same_each_time(tmp_path: Path) -> None:
    dumps = []
    for name in ("a", "b"):
        write_shop_database(tmp_path / name)
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            connection.text_factory = bytes
            dumps.append(connection.execute("SELECT * FROM customers").fetchall())
    assert dumps[0] == dumps[1]
    assert len(dumps[0]) == CUSTOMERS


def test_judge_rejects_the_bad_customers_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.sqlite"
    write_shop_database(path)
    contract = customers_contract(path)
    judge = Judge(contract, DAY)
    lines: list[str] = []
    for block in open_source(contract, source_context(DAY)).items:
        assert isinstance(block, Lines)
        lines += block.data.decode().splitlines()
    verdicts = [judge(line) for line in lines]
    rejected = [number for number, each in enumerate(verdicts, 1) if isinstance(each, Rejected)]
    assert rejected == [number for number in range(1, CUSTOMERS + 1) if is_bad(number)]
    assert len(rejected) == len(BAD)


def test_contract_names_the_databases_columns(tmp_path: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(TABLE)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(customers)")]
    contract = customers_contract(tmp_path / "shop.sqlite")
    assert [each.name for each in contract.received_columns] == columns
    assert contract.detect_deletes and contract.load_mode == "merge"
