"""The catalogue after real runs: every layer holds what the others say it does, then and now."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from support.pipeline_runs import ROOT, Bench, rows_url

from etl import __main__ as command_line
from etl.catalog.catalog import Catalog
from etl.settings import load_settings

ENGINE = "duckdb"
DAYS = (date(2026, 8, 11), date(2026, 8, 12))
BOTH = (DAYS[0], DAYS[1])


@pytest.fixture(scope="module")
def reports(make_bench: Callable[[], Bench]) -> Any:
    """Two days, the first of them run again with more rows; the reports and the bench."""
    bench = make_bench()
    found = [
        bench.run_json(str(day), environ=rows_url(rows))
        for day, rows in ((DAYS[0], 60), (DAYS[1], 40), (DAYS[0], 80))
    ]
    return bench, found


@pytest.fixture
def catalog(reports: Any, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    for name, value in reports[0].environ.items():
        monkeypatch.setenv(name, value)
    return Catalog(load_settings("local").without_role())


def in_order(table: pa.Table) -> pa.Table:
    return table.sort_by("order_id").combine_chunks()


def test_every_layer_holds_what_the_reports_say(catalog: Catalog, reports: Any) -> None:
    bench, (_, second, rerun) = reports
    processed = in_order(catalog.load("orders", run_date=BOTH))
    warehouse = catalog.load("orders", layer="warehouse")
    assert warehouse.schema == catalog.schema("orders")
    assert in_order(warehouse) == processed
    assert processed.num_rows == sum(each["rows"]["loaded"] for each in (second, rerun))
    sku = "SELECT SUM(i.quantity) FROM {s}.orders AS o, o.items AS i"
    [(quantity,)] = bench.query(sku)
    items = pc.list_flatten(processed.column("items"))
    assert pc.sum(pc.struct_field(items, "quantity")).as_py() == quantity

    raw = catalog.load("orders", layer="raw", run_date=BOTH)
    quarantine = catalog.load("orders", layer="quarantine", run_date=BOTH)
    for table, figure in ((raw, "extracted"), (quarantine, "quarantined")):
        assert table.num_rows == sum(each["rows"][figure] for each in (second, rerun))
    received = set(raw.column("_record").to_pylist())
    assert set(quarantine.column("payload").to_pylist()) <= received
    assert set(processed.column("order_id").to_pylist()) <= set(raw.column("order_id").to_pylist())


def test_data_api_gives_the_same_rows_as_a_connection(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_WAREHOUSE__LOADER", "data-api")
    by_api = Catalog(load_settings("local").without_role())
    which: Any = {"layer": "warehouse", "run_date": DAYS[1]}
    assert by_api.load("orders", **which) == catalog.load("orders", **which)
    paid = pc.field("status") == "paid"
    found = by_api.load("orders", columns=["order_id"], filter=paid, **which)
    wanted = catalog.load("orders", run_date=DAYS[1], columns=["order_id"], filter=paid)
    assert in_order(found) == in_order(wanted)


def test_version_of_an_earlier_run_is_what_it_left(catalog: Catalog, reports: Any) -> None:
    _, (first, second, rerun) = reports
    versions = {each.run_id: each for each in catalog.versions("orders", run_date=BOTH)}
    was, other, now = (versions[each["run_id"]] for each in (first, second, rerun))
    assert [each.rows for each in (was, other, now)] == [
        each["rows"]["loaded"] for each in (first, second, rerun)
    ]
    before = catalog.load("orders", run_date=DAYS[0], as_of=was.created_at)
    after = catalog.load("orders", run_date=DAYS[0], run_id=now.run_id)
    assert before.num_rows == was.rows
    assert in_order(after) == in_order(catalog.load("orders", run_date=DAYS[0]))
    assert catalog.load("orders", run_date=BOTH, as_of=other.created_at).num_rows == (
        (was.rows or 0) + (other.rows or 0)
    )
    for layer, figure in (("raw", "extracted"), ("quarantine", "quarantined")):
        found = catalog.load("orders", layer=layer, run_id=was.run_id)
        assert found.num_rows == first["rows"][figure] == was.layers[layer].rows


def test_other_libraries_read_the_dataset(catalog: Catalog) -> None:
    import duckdb
    import polars

    orders = catalog.scan("orders", run_date=BOTH)
    table = catalog.load("orders", run_date=BOTH)
    assert orders.count_rows() == table.num_rows
    [(total,)] = duckdb.sql("SELECT sum(total_amount) FROM orders").fetchall()
    frame = polars.from_arrow(table)
    assert total == pc.sum(table.column("total_amount")).as_py() == frame["total_amount"].sum()
    assert len(table.to_pandas()) == len(frame) == table.num_rows
    batches = catalog.load_batches("orders", layer="warehouse")
    assert sum(batch.num_rows for batch in batches) == table.num_rows


def test_page_runs_as_it_stands(catalog: Catalog, reports: Any) -> None:
    page = (ROOT / "docs" / "catalog.md").read_text("utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    for shown, own in (("01-01", "08-11"), ("01-31", "08-31"), (", 1, 2)", ", 8, 13)")):
        code = code.replace(shown, own)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/catalog.md", "exec"), names)
    saved = catalog.load("orders", run_date="2026-08-13")
    assert in_order(saved.drop_columns(["ingest_date"])) == in_order(names["table"])


def test_command_lists_layers_and_versions(
    catalog: Catalog, reports: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _, (first, second, rerun) = reports
    assert command_line.main(["catalog", "--dataset", "orders", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    layers = {each["layer"]: each for each in listed["layers"]}
    assert layers["warehouse"]["rows"] == sum(r["rows"]["loaded"] for r in (second, rerun))
    assert layers["warehouse"]["run_dates"] == 2
    assert layers["warehouse"]["latest"] == str(DAYS[1])
    # Other tests leave run dates there too, some of them by runs that were killed.
    assert layers["processed"]["run_dates"] >= 2
    assert {r["run_id"] for r in (first, second, rerun)} <= {
        each["run_id"] for each in listed["versions"]
    }
    assert command_line.main(["catalog", "--dataset", "orders"]) == 0
    shown = capsys.readouterr().out
    headings, *lines = shown.splitlines()
    assert headings.split()[:2] == ["dataset", "layer"]
    assert [line.split()[1] for line in lines[:4]] == [
        "raw",
        "processed",
        "quarantine",
        "warehouse",
    ]
    [line] = [line for line in lines if first["run_id"] in line]
    assert line.split()[0] == str(DAYS[0]) and f"{first['rows']['loaded']:,}" in line.split()
    assert command_line.main(["catalog", "--dataset", "order"]) != 0
