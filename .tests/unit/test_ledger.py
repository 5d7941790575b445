"""Accounts: what the warehouse says, what runs left, and what is told where they differ."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws
from support.contracts import make_column, make_contract

from etl import keys
from etl.catalog import record_version
from etl.catalog.layers import Dates
from etl.errors import WarehouseError
from etl.ledger import Account, Line
from etl.ledger import command as ledger_command
from etl.ledger import read as reading
from etl.ledger.account import Counts
from etl.ledger.warehouse import holdings_sql, read_holdings
from etl.manifest import Manifest, RawObject, write_manifest
from etl.model import Contract, Places, Type
from etl.settings import load_settings

DAY = date(2026, 1, 31)
SETTINGS = load_settings("local").without_role()
ARTIFACTS = SETTINGS.buckets.artifacts
CONTRACT = make_contract()
MERGED = make_contract(load_mode="merge")
NO_TABLE = make_contract(places=dataclasses.replace(CONTRACT.places, schema="", table=""))
RAW_ONLY = make_contract(places=Places(raw=CONTRACT.places.raw))
LEDGER_COLUMNS = ("extracted", "deduplicated", "quarantined", "loaded", "filtered", "rejected")
HASH = "0f" * 16
RAW_URI = "s3://test-raw/raw/tests/things/2026/01/31/part-00000.jsonl.gz"


class Warehouse:
    """An executor that answers with a ledger row for DAY, counts, and a hash if it is asked."""

    def __init__(self, *counts: int, **found: int) -> None:
        self.ledger = counts
        self.found = found
        self.digest = "ab"

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        if "svv_columns" in sql:
            text = ("YES", "bigint", None, None, None)
            columns = [("things__ledger", name, *text) for name in LEDGER_COLUMNS]
            return [*columns, ("things", "id", *text)]
        rows: list[tuple[Any, ...]] = []
        if self.ledger:
            rows.append(("ledger", DAY, "run-1", self.digest, *self.ledger))
        for kind, number in self.found.items():
            day = DAY if kind in ("present", "superseded") else None
            rows.append((kind, day, "", "", number, 0, 0, 0, 0, 0))
        if "SELECT 'hash'" in sql:
            rows.append(("hash", None, "", HASH, 0, 0, 0, 0, 0, 0))
        return rows

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket in ("test-raw", "test-processed", "test-quarantine", ARTIFACTS):
            client.create_bucket(Bucket=bucket)
        yield client


def manifest(**changes: Any) -> Manifest:
    given: dict[str, Any] = {
        "dataset": "things",
        "run_date": DAY,
        "source": "tests",
        "encoding": "json",
        "objects": (RawObject(uri=RAW_URI, bytes=3, sha256="0", rows=10),),
        "rows": 10,
        "bytes": 3,
        "contract_uri": "s3://test-artifacts/contract.json",
    }
    return Manifest(**given | changes)


def put(s3: Any, uri: str, body: bytes) -> None:
    bucket, key = keys.parse_s3_uri(uri)
    s3.put_object(Bucket=bucket, Key=key, Body=body)


def leave(s3: Any, extracted: Manifest, *, quarantined: int = 2, processed: int = 6) -> None:
    """What a run of ten records leaves: six rows, two in quarantine, one twice, one left out."""
    write_manifest(s3, keys.manifest_uri(CONTRACT, DAY), extracted)
    put(s3, RAW_URI, b"raw")
    rejected = keys.quarantine_uri(CONTRACT, DAY) + "part-0.json.gz"
    put(s3, rejected, gzip.compress(b"{}\n" * quarantined))
    valid = keys.processed_uri(CONTRACT, DAY) + "part-0.parquet"
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": list(range(processed))}), sink)
    put(s3, valid, sink.getvalue().to_pybytes())
    metrics = {
        "manifest_digest": extracted.digest,
        "rows": {"read": 10, "valid": 6, "quarantined": 2, "deduplicated": 1, "filtered": 1},
        "files": [{"uri": valid, "bytes": 1}],
        "quarantine_files": [{"uri": rejected, "bytes": 1}],
    }
    uri = keys.run_uri(ARTIFACTS, "things", DAY, "metrics.json")
    put(s3, uri, json.dumps(metrics).encode())


def read(
    s3: Any,
    contract: Contract,
    warehouse: Warehouse | None,
    monkeypatch: pytest.MonkeyPatch,
    *,
    hashed: bool = False,
) -> Account:
    monkeypatch.setattr(reading, "open_executor", lambda settings, label: warehouse)
    return reading.read_account(s3, contract, settings=SETTINGS, hashed=hashed)


def publish(s3: Any, contract: Contract, **rows: int) -> None:
    record_version(
        s3, contract=contract, run_date=DAY, run_id="r1", artifacts_bucket=ARTIFACTS, rows=rows
    )


def differences(account: Account) -> Sequence[str]:
    return account.all_differences


def test_loaded_date_that_adds_up_has_no_differences(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    extracted = manifest(rejected=3)
    leave(s3, extracted)
    warehouse = Warehouse(13, 3, 1, 1, 2, 6, present=6, rows=6)
    warehouse.digest = extracted.digest
    account = read(s3, CONTRACT, warehouse, monkeypatch)
    assert differences(account) == [] and account.lines[0].notes == ()
    assert account.totals.rows.equation == (
        "13 extracted = 6 loaded + 2 quarantined + 1 deduplicated + 1 filtered + 3 rejected"
    )


@pytest.mark.parametrize(
    ("ledger", "found", "words"),
    [
        ((10, 0, 1, 1, 2, 5), {"present": 5, "rows": 5}, "1 are missing"),
        ((10, 0, 1, 1, 2, 7), {"present": 7, "rows": 7}, "1 too many"),
        ((10, 0, 1, 1, 2, 6), {"present": 5, "rows": 5}, "6 rows were loaded, the warehouse hol"),
        ((), {"present": 4, "rows": 4}, "holds 4 rows that no load has left"),
        ((10, 0, 1, 1, 2, 6), {"present": 6, "rows": 7}, "holds 7 rows, its run dates 6"),
    ],
)
def test_warehouse_that_does_not_add_up_is_told(
    s3: Any,
    monkeypatch: pytest.MonkeyPatch,
    ledger: tuple[int, ...],
    found: dict[str, int],
    words: str,
) -> None:
    account = read(s3, CONTRACT, Warehouse(*ledger, **found), monkeypatch)
    assert any(words in each for each in differences(account)), differences(account)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"present": 4, "superseded": 2, "rows": 4, "keys": 4}, []),
        (
            {"present": 4, "superseded": 1, "rows": 4, "keys": 4},
            [f"{DAY}: 6 rows were loaded, the warehouse holds 5"],
        ),
        (
            {"present": 4, "superseded": 2, "rows": 4, "keys": 5},
            ["5 keys were loaded; the table has 4 rows"],
        ),
    ],
)
def test_merged_table_holds_a_row_for_each_key_that_was_loaded(
    s3: Any, monkeypatch: pytest.MonkeyPatch, found: dict[str, int], expected: list[str]
) -> None:
    account = read(s3, MERGED, Warehouse(10, 0, 1, 1, 2, 6, **found), monkeypatch)
    assert differences(account) == expected
    assert account.totals.superseded == 2


def test_extraction_that_was_not_loaded_is_a_note(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(s3, manifest())
    account = read(s3, CONTRACT, Warehouse(10, 0, 1, 1, 2, 6, present=6, rows=6), monkeypatch)
    assert differences(account) == []
    assert "extracted again since" in account.lines[0].notes[0]


def test_what_the_run_left_is_held_against_the_ledger(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    extracted = manifest(rejected=1)
    leave(s3, extracted, quarantined=3)
    warehouse = Warehouse(10, 0, 2, 0, 2, 6, present=6, rows=6)
    warehouse.digest = extracted.digest
    assert differences(read(s3, CONTRACT, warehouse, monkeypatch)) == [
        f"{DAY}: the manifest says: 11 extracted, not 10",
        f"{DAY}: the manifest says: 1 rejected, not 0",
        f"{DAY}: metrics.json says: 1 deduplicated, not 0",
        f"{DAY}: metrics.json says: 1 filtered, not 2",
        f"{DAY}: 2 rows were quarantined, 3 lie there",
    ]


def test_quarantine_that_has_expired_is_a_note(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    extracted = manifest()
    leave(s3, extracted)
    uri = keys.quarantine_uri(CONTRACT, DAY) + "part-0.json.gz"
    s3.delete_object(Bucket="test-quarantine", Key=keys.parse_s3_uri(uri)[1])
    warehouse = Warehouse(10, 0, 1, 1, 2, 6, present=6, rows=6)
    warehouse.digest = extracted.digest
    account = read(s3, CONTRACT, warehouse, monkeypatch)
    assert differences(account) == []
    assert "quarantine is not there any more" in account.lines[0].notes[0]


def test_nothing_loaded_is_an_empty_account() -> None:
    class Empty(Warehouse):
        def query(self, sql: str) -> list[tuple[Any, ...]]:
            return []

    held = read_holdings(Empty(), CONTRACT, Dates())  # type: ignore[arg-type]
    assert (held.loads, held.rows, held.differences) == ((), 0, ())


@pytest.mark.parametrize(("hashed", "expected"), [(False, None), (True, HASH)])
def test_table_is_hashed_only_when_asked(
    s3: Any, monkeypatch: pytest.MonkeyPatch, hashed: bool, expected: str | None
) -> None:
    warehouse = Warehouse(10, 0, 1, 1, 2, 6, present=6, rows=6)
    account = read(s3, CONTRACT, warehouse, monkeypatch, hashed=hashed)
    assert account.table_hash == account.to_dict()["table_hash"] == expected
    assert differences(account) == []
    publish(s3, NO_TABLE, processed=6)
    assert read(s3, NO_TABLE, None, monkeypatch, hashed=hashed).table_hash is None


def test_table_that_lacks_a_column_of_the_contract_is_not_hashed() -> None:
    name = make_column("name", Type(kind="string", max_bytes=20))
    grown = make_contract(*CONTRACT.columns, name)
    warehouse: Any = Warehouse(10, 0, 1, 1, 2, 6, present=6, rows=6)
    assert read_holdings(warehouse, grown, Dates()).rows == 6
    with pytest.raises(WarehouseError, match="it has no column name, which the contract has"):
        read_holdings(warehouse, grown, Dates(), hashed=True)


def test_ledger_of_an_earlier_release_is_read_without_what_it_did_not_count() -> None:
    sql = holdings_sql(CONTRACT, Dates(DAY, DAY), {"extracted", "deduplicated"})
    assert 'COALESCE("extracted", 0), 0, 0, COALESCE("deduplicated", 0), 0, 0' in sql
    assert sql.count("CAST('2026-01-31' AS DATE)") == 6


def test_processed_dataset_without_a_table_is_counted_by_its_files(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(s3, manifest(rejected=1))
    publish(s3, NO_TABLE, processed=6)
    account = read(s3, NO_TABLE, None, monkeypatch)
    assert differences(account) == []
    assert account.totals == Counts(
        extracted=11,
        rejected=1,
        filtered=1,
        deduplicated=1,
        quarantined=2,
        loaded=6,
        present=6,
    )
    leave(s3, manifest(rejected=1), processed=5)
    told = differences(read(s3, NO_TABLE, None, monkeypatch))
    assert told == [f"{DAY}: 6 rows were written, the files there hold 5"]


def test_raw_dataset_is_counted_by_its_objects(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    extracted = manifest(rejected=2)
    leave(s3, extracted)
    publish(s3, RAW_ONLY, raw=10)
    account = read(s3, RAW_ONLY, None, monkeypatch)
    assert differences(account) == []
    assert (account.totals.extracted, account.totals.rejected, account.present) == (12, 2, 10)
    put(s3, RAW_URI, b"cut")
    assert differences(read(s3, RAW_ONLY, None, monkeypatch)) == []
    put(s3, RAW_URI, b"cut off")
    assert len(differences(read(s3, RAW_ONLY, None, monkeypatch))) == 1


@pytest.mark.parametrize(("missing", "code"), [(0, 0), (1, 1)])
def test_command_prints_the_lines_and_ends_by_whether_they_add_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: int, code: int
) -> None:
    from etl import __main__ as command_line

    line = Line(
        run_date=DAY,
        run_id="r",
        counts=Counts(extracted=1200, loaded=1200, present=1150),
        differences=("one is gone",) * missing,
    )
    account = Account(
        dataset="orders",
        place="etl.public.orders",
        lines=(line,),
        present=1150,
        table_hash=HASH,
    )
    monkeypatch.setattr(ledger_command, "enter", lambda env, assume_role: SETTINGS)

    def read_account(*_: Any, hashed: bool, **__: Any) -> Account:
        assert hashed
        return account

    monkeypatch.setattr(ledger_command, "read_account", read_account)
    arguments = ["ledger", "--dataset", "orders", "--run-date", "2026-01-31", "--hash"]
    try:
        ended = command_line.main(arguments)
    except SystemExit as end:
        ended = int(str(end.code))
    printed = capsys.readouterr().out
    assert ended == code
    assert "2026-01-31" in printed and "1,200" in printed and "50" in printed
    assert ("orders adds up: 1,200 extracted = 1,200 loaded" in printed) is not missing
    assert ("orders does NOT add up:\n  - 2026-01-31: one is gone" in printed) is bool(missing)
    assert f"\nhash of the table's content  {HASH}\n" in printed


def test_command_refuses_a_range_beside_a_run_date(capsys: pytest.CaptureFixture[str]) -> None:
    from etl import __main__ as command_line

    day = "2026-01-31"
    assert command_line.main(["ledger", "--run-date", day, "--from", day]) == 2
    assert command_line.main(["ledger", "--from", day, "--to", "2026-01-01"]) == 2
    assert "give the earlier date first" in capsys.readouterr().err
