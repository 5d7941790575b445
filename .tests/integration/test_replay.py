"""A day with bad rows, corrected and replayed: nothing is lost, and the ledger says so."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.contracts import find_property, write_contract
from support.pipeline_runs import Bench

from etl import __main__ as command_line
from etl import replay_command
from etl.contracts import load_contract
from etl.duckdb import step
from etl.ledger import command as ledger_command
from etl.transform import TransformResult
from local_cloud.source_orders import render_order

ENGINE = "duckdb"
DAY, NEXT, RAW_DAY = date(2026, 10, 5), date(2026, 10, 6), date(2026, 10, 7)
GOOD = 30
TELEPORTED = render_order(DAY, 30, status='"teleported"')
NO_SUCH_DAY = render_order(DAY, 31, order_date='"2026-02-30"')
NO_CURRENCY = render_order(DAY, 32, currency="null")
BAD = (TELEPORTED, NO_SUCH_DAY, NO_CURRENCY, '"an order, honestly"')


@dataclass(frozen=True)
class Shop:
    """Orders of a folder's files, by a contract of their own."""

    bench: Bench
    folder: Path

    def write(self, day: date, *lines: str) -> None:
        """The source's file of a day."""
        text = "".join(line + "\n" for line in lines)
        (self.folder / f"{day}.jsonl").write_text(text, encoding="utf-8")

    def edit_contract(self, edit: Callable[[dict[str, Any]], None] = lambda document: None) -> None:
        """The contract, merging from the files; `edit` changes it further."""

        def both(document: dict[str, Any]) -> None:
            document["servers"][0] = {
                "server": "source",
                "type": "local",
                "path": f"{self.folder}/{{run_date}}.jsonl",
                "format": "json",
                "delimiter": "new_line",
                "customProperties": [{"property": "sourceSystem", "value": "shop"}],
            }
            for each in document["schema"][0]["customProperties"]:
                if each["property"] == "loadMode":
                    each["value"] = "merge"
            edit(document)

        write_contract(self.folder, both)

    def run(self, day: date, *options: str) -> dict[str, Any]:
        """The report of a run that ends well."""
        return self.bench.run_json(str(day), *options, contracts=self.folder)

    def etl(self, *arguments: str) -> tuple[int, str]:
        """`python -m etl`: its exit code and what it prints."""
        load, out = partial(load_contract, folder=self.folder), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
            for name, value in self.bench.environ.items():
                patch.setenv(name, value)
            for module in (ledger_command, replay_command):
                patch.setattr(module, "load_contract", load)
            try:
                code = command_line.main(list(arguments))
            except SystemExit as end:
                code = int(str(end.code))
        return code, out.getvalue()

    def ledger(self, *options: str, code: int = 0) -> dict[str, Any]:
        """The dataset's account."""
        ended, printed = self.etl("ledger", "--dataset", "orders", "--json", *options)
        assert ended == code, printed
        account: dict[str, Any] = json.loads(printed)["datasets"][0]
        assert account["adds_up"] is not code
        return account

    def correct(self, name: str, **changes: tuple[str, str]) -> Path:
        """Export the quarantine, and replace a text in payloads that hold another."""
        file = self.folder / name
        code, _ = self.etl(
            "replay", "--dataset", "orders", "--run-date", str(DAY), "--export", str(file)
        )
        assert code == 0
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        for old, new in changes.values():
            for row in rows:
                row["payload"] = row["payload"].replace(old, new)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return file

    def raw(self) -> dict[str, bytes]:
        """What was received: the date's objects."""
        prefix = f"s3://etl-local-raw/raw/shop/orders/{DAY:%Y/%m/%d}/part-"
        keys = self.bench.keys(prefix)
        return {key: self.bench.read(f"s3://etl-local-raw/{key}") for key in keys}


@pytest.fixture
def shop(bench: Bench, tmp_path: Path) -> Shop:
    made = Shop(bench, tmp_path)
    made.edit_contract()
    return made


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    rows = report["rows"]
    return tuple(rows[name] for name in ("extracted", "loaded", "quarantined", "deduplicated"))


@pytest.mark.timeout(1800)  # six runs of the pipeline
def test_day_is_corrected_and_replayed_and_nothing_is_lost(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = [render_order(DAY, position) for position in range(GOOD)]
    newer = render_order(DAY, 0, updated_at=f'"{NEXT}T10:00:00Z"')
    shop.write(DAY, *good, *BAD[:2], good[1], *BAD[2:])
    shop.write(NEXT, newer, *(render_order(NEXT, position) for position in range(4)))
    assert counts(shop.run(DAY)) == (GOOD + 5, GOOD, 4, 1)
    assert counts(shop.run(NEXT)) == (5, 5, 0, 0)
    account = shop.ledger()
    first, second = account["run_dates"]
    assert (first["loaded"], first["superseded"], first["present"]) == (GOOD, 1, GOOD - 1)
    assert (second["superseded"], account["rows"]) == (0, GOOD + 4)

    # One payload is mended, another is changed and still bad; two stay.
    raw = shop.raw()
    file = shop.correct(
        "rows.jsonl",
        day=("2026-02-30", "2026-10-05"),
        currency=('"currency":null', '"currency":"x"'),
    )
    (shop.folder / f"{DAY}.jsonl").rename(shop.folder / "kept.jsonl")  # the source is not asked
    replayed = shop.run(DAY, "--replay", "--corrections", str(file))
    assert counts(replayed) == (GOOD + 5, GOOD + 1, 3, 1)
    assert replayed["corrected_rows"] == 2 and shop.raw() == raw
    assert replayed["stages"][0]["name"] == "replay"
    assert shop.ledger()["totals"]["extracted"] == GOOD + 10
    assert replayed["table_rows"] == GOOD + 5
    content = shop.bench.table_hash(contracts=shop.folder)

    # What is in no quarantine cannot be corrected, and nothing is touched.
    before = shop.bench.state()
    wrong = shop.folder / "wrong.jsonl"
    wrong.write_text(json.dumps({"payload_sha256": "ab", "payload": "{}"}) + "\n")
    refused = shop.bench.run(
        str(DAY), "--replay", "--corrections", str(wrong), contracts=shop.folder
    )
    refused.fails("1 of 1 corrections are of no quarantined row", code=2)
    assert shop.bench.state() == before

    # Extracted anew, the date keeps its corrections.
    (shop.folder / "kept.jsonl").rename(shop.folder / f"{DAY}.jsonl")
    again = shop.run(DAY)
    assert (counts(again), again["corrected_rows"]) == (counts(replayed), 2)
    assert shop.bench.table_hash(contracts=shop.folder) == content

    # A contract that knows the status takes the row that waits for it.
    def know_teleported(document: dict[str, Any]) -> None:
        document["version"] = "1.1.0"
        find_property(document, "status")["enum"].append({"value": "teleported"})

    shop.edit_contract(know_teleported)
    widened = shop.run(DAY, "--replay")
    assert counts(widened) == (GOOD + 5, GOOD + 2, 2, 1)
    assert widened["contract_version"] == "1.1.0"
    account = shop.ledger("--run-date", str(DAY))
    assert account["totals"]["quarantined"] == 2 and len(account["run_dates"]) == 1

    # A count that somebody has changed stops the run before the warehouse.
    table, ledger = shop.bench.table(), shop.bench.table("orders__ledger")
    transform_here = step.transform_here

    def lose_a_row(*given: Any) -> TransformResult:
        result = transform_here(*given)
        rows = dataclasses.replace(result.rows, quarantined=result.rows.quarantined - 1)
        return dataclasses.replace(result, rows=rows)

    monkeypatch.setattr("etl.duckdb.step.transform_here", lose_a_row)
    stopped = shop.bench.run(str(DAY), "--replay", contracts=shop.folder)
    stopped.fails(f"orders {DAY} does not add up", "1 are missing")
    assert (shop.bench.table(), shop.bench.table("orders__ledger")) == (table, ledger)

    # So does the ledger find what somebody has taken out of the table.
    shop.bench.query("DELETE FROM {s}.orders WHERE order_id = 'ORD-20261005-000005'")
    account = shop.ledger(code=1)
    assert account["differences"] == [
        f"{DAY}: {GOOD + 2} rows were loaded, the warehouse holds {GOOD + 1}"
    ]


def test_records_that_raw_cannot_hold_are_a_part_of_the_sum(shop: Shop) -> None:
    def end_at_raw(document: dict[str, Any]) -> None:
        document["servers"] = document["servers"][:2]
        document["servers"][1] |= {"format": "csv"}
        del document["servers"][1]["delimiter"]
        table = document["schema"][0]
        table["customProperties"] = []

    shop.edit_contract(end_at_raw)
    shop.write(RAW_DAY, *(render_order(RAW_DAY, position) for position in range(6)), "[]", "{")
    report = shop.run(RAW_DAY)
    rows = report["rows"]
    assert (rows["extracted"], rows["loaded"], rows["rejected"]) == (8, 6, 2)
    account = shop.ledger("--run-date", str(RAW_DAY))
    assert (account["totals"]["rejected"], account["rows"]) == (2, 6)
    refused = shop.bench.run(str(RAW_DAY), "--replay", contracts=shop.folder)
    refused.fails("orders ends at raw, where nothing is quarantined", code=2)
