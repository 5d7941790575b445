"""From a CSV file that nobody has prepared to rows in the warehouse, with no code written."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.access_log import stands_for
from support.pipeline_runs import Bench

from etl.__main__ import main
from etl.contracts import find_contract, load_contract
from etl.proposing import command
from etl.settings import load_settings

ENGINE = "duckdb"
DAY, NEXT_DAY = "2026-03-01", "2026-03-02"
GOOD, BROKEN = 60, 3
HEADER = ["Beleg Nr.", "Straße", "PLZ", "Betrag (€)", "order", "Datum", "Stand", "bezahlt", "x.y"]
COLUMNS = "beleg_nr, strasse, plz, betrag_eur, order_value, datum, stand, bezahlt, x_y"

Row = tuple[Any, ...]


def _records() -> list[tuple[list[str], Row]]:
    """Fields as a file has them, and the row that they are."""
    found = []
    for n in range(GOOD):
        street = f'Weg "{n}";\nHof' if n % 5 == 0 else f"Müllerstraße {n}"
        amount = None if n % 7 == 0 else Decimal(n) + Decimal("0.50")
        day = date(2026, n % 12 + 1, n % 28 + 1)
        moment = datetime(2026, 1, 31, n % 24, 5, tzinfo=timezone.utc)
        fields = [
            f"B-{n:06}",
            street,
            f"{n:05}",
            "n/a" if amount is None else str(amount),
            str(10**12 + n),
            f"{day.day}.{day.month}.{day.year}",
            f"{moment:%Y-%m-%d %H:%M:%S}",
            "TRUE" if n % 2 else "false",
            "",
        ]
        row = (fields[0], street, fields[2], amount, 10**12 + n, day, moment, n % 2 == 1, None)
        found.append((fields, row))
    return found


def _file(records: list[tuple[list[str], Row]]) -> bytes:
    """A spreadsheet's CSV, with rows that are none, one too short among them."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(fields for fields, _ in records)
    broken = ["B-900000", "Weg", "1", "12,50", "1", "1.1.2026", "2026-01-31 00:00:00", "true", ""]
    writer.writerow(broken)
    writer.writerow([*broken[:3], "1.50", "1", "31.13.2026", *broken[6:]])
    writer.writerow(["B-900001", "short"])
    return text.getvalue().encode("utf-8-sig")


def test_make_dataset_and_a_run_load_every_good_row_of_a_file(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dataset = f"receipts_{uuid.uuid4().hex[:6]}"
    stands_for(dataset, "price_list")
    records = _records()
    (tmp_path / "sample.csv").write_bytes(_file(records))
    (tmp_path / "contracts").mkdir()
    monkeypatch.setattr(command, "CONTRACTS_FOLDER", tmp_path / "contracts")
    monkeypatch.setattr(command, "DEPLOYMENTS", tmp_path / "prefect.yaml")

    assert main(["propose", "--name", dataset, "--from", str(tmp_path / "sample.csv")]) == 0

    assert f"of {GOOD + BROKEN} rows {GOOD} would be loaded, by key beleg_nr" in (
        capsys.readouterr().out
    )
    settings = load_settings("local")
    contract = load_contract(dataset, settings=settings, folder=tmp_path / "contracts")
    assert contract.primary_key == ("beleg_nr",)

    for day in (DAY, NEXT_DAY):  # every run reads the whole folder, rows of the same key stay one
        report = _run(bench, dataset, day, tmp_path / "contracts")
        assert (report["rows"]["loaded"], report["rows"]["quarantined"]) == (GOOD, BROKEN)
        found = bench.query(f"SELECT {COLUMNS}, ingest_date FROM {{s}}.{dataset} ORDER BY 1")
        assert found == [(*row, date.fromisoformat(day)) for _, row in records]


def _run(bench: Bench, dataset: str, day: str, contracts: Path) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        for module in ("etl.contracts", "etl.pipeline"):
            patch.setattr(f"{module}.find_contract", partial(find_contract, folder=contracts))
        return bench.run_json(day, "--dataset", dataset, contracts=contracts)
