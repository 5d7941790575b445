"""The price_list example: CSV on S3 to Parquet on S3, held against Python's csv module."""

from __future__ import annotations

import csv
import gzip
import io
import uuid
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.access_log import stands_for
from support.pipeline_runs import Bench, Outcome

from etl.keys import parse_s3_uri
from etl.settings import load_settings
from local_cloud.demo_prices import price_files

ENGINE = "duckdb"
BUCKETS = load_settings("local").buckets
FIRST, SECOND = date(2026, 4, 1), date(2026, 4, 2)

Row = dict[str, Any]


@dataclass(frozen=True)
class Prices:
    """Price lists under a prefix of their own, and runs that take them."""

    bench: Bench
    folder: str

    def put(self, name: str, content: bytes) -> list[Row]:
        """Put a file; the rows that it is to become."""
        uri = f"{self.folder}prices/{name}"
        self.bench.put(uri, content)
        text = gzip.decompress(content) if name.endswith(".gz") else content
        return _rows(text.decode(), uri)

    def run(self, day: date) -> Outcome:
        """A run of the command line."""
        environ = {"ETL_PLACES__PRICE_LIST_PREFIX": f"{self.folder}prices/"}
        return self.bench.run(str(day), "--json", "--dataset", "price_list", environ=environ)

    def processed(self, report: dict[str, Any]) -> list[Row]:
        """The rows of a date's Parquet files."""
        found: list[Row] = []
        for key in self.bench.keys(report["places"]["processed"]):
            body = self.bench.read(f"s3://{BUCKETS.processed}/{key}")
            found += pq.ParquetFile(io.BytesIO(body)).read().to_pylist()
        return sorted(found, key=_key)

    def files(self) -> list[str]:
        """The names of all files below the folder."""
        _, _, prefix = self.folder.removeprefix("s3://").partition("/")
        return [key.removeprefix(prefix) for key in self.bench.keys(self.folder)]


@pytest.fixture
def prices(bench: Bench) -> Prices:
    folder = uuid.uuid4().hex
    stands_for(f"{folder}/prices", "price_list")
    stands_for(f"{folder}/completed/prices", "completed/price_list")
    return Prices(bench, f"s3://{BUCKETS.raw}/landing/{folder}/")


def _rows(text: str, uri: str) -> list[Row]:
    found = []
    for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=";"):
        if row["price"] == "on request":
            continue
        typed = {
            "valid_from": date.fromisoformat(row["valid_from"]),
            "price": Decimal(row["price"]),
            "notes": row["notes"] or None,
            "_source_file": uri,
        }
        found.append({**row, **typed})
    return sorted(found, key=_key)


def _key(row: Row) -> tuple[str, date]:
    return row["sku"], row["valid_from"]


def test_price_lists_are_taken_once_and_moved(prices: Prices) -> None:
    (one, first), (two, second) = price_files()
    expected = prices.put(one, first)
    report = prices.run(FIRST).report
    assert prices.processed(report) == expected
    assert any("\r\n" in (row["notes"] or "") for row in expected)
    assert report["rows"]["loaded"] == len(expected)
    assert report["rows"]["extracted"] == len(expected) + report["rows"]["quarantined"]
    assert prices.files() == [f"completed/prices/{one}"]

    late = prices.put(two, second)
    wrong = f"{prices.folder}prices/wrong.csv"
    prices.bench.put(wrong, second.replace(b"price", b"amount", 1))
    prices.run(SECOND).fails("wrong.csv: the header lacks price", "expected sku, valid_from")
    assert prices.files() == [f"completed/prices/{one}", f"prices/{two}", "prices/wrong.csv"]
    bucket, key = parse_s3_uri(wrong)
    prices.bench.client("s3").delete_object(Bucket=bucket, Key=key)

    after = prices.run(SECOND).report
    assert prices.processed(after) == late
    assert prices.processed(report) == expected
    assert prices.files() == [f"completed/prices/{name}" for name in (one, two)]
