from __future__ import annotations

from datetime import date

import pytest
from source_samples import make_contract

from etl import keys

DAY = date(2026, 1, 5)


def test_raw_prefix_is_named_by_year_month_and_day() -> None:
    assert keys.raw_prefix(make_contract(), DAY) == "s3://test-raw/raw/shop/orders/2026/01/05/"


def test_raw_prefix_pads_the_year() -> None:
    assert keys.raw_prefix(make_contract(), date(7, 1, 5)).endswith("/0007/01/05/")


def test_manifest_uri_lies_in_the_raw_prefix() -> None:
    contract = make_contract()
    assert keys.manifest_uri(contract, DAY) == keys.raw_prefix(contract, DAY) + "_manifest.json"


def test_partition_uris_name_the_partition_column() -> None:
    contract = make_contract()
    assert keys.processed_uri(contract, DAY) == (
        "s3://test-processed/processed/sales/orders/ingest_date=2026-01-05/"
    )
    assert keys.quarantine_uri(contract, DAY) == (
        "s3://test-quarantine/quarantine/sales/orders/ingest_date=2026-01-05/"
    )


def test_contract_uri_of_another_contract_is_another() -> None:
    first = keys.contract_uri("art", make_contract())
    second = keys.contract_uri("art", make_contract(required=("id",)))
    assert first.startswith("s3://art/contracts/orders/1.0.0-") and first.endswith(".json")
    assert first != second


def test_run_uri_names_dataset_and_date() -> None:
    assert keys.run_uri("art", "orders", DAY, "metrics.json") == (
        "s3://art/runs/orders/2026-01-05/metrics.json"
    )


@pytest.mark.parametrize("index", [0, 7, 99_999, 100_000])
def test_part_name_is_recognised_as_one(index: int) -> None:
    assert keys.is_part_name(keys.part_name(index) + ".jsonl.gz")


def test_source_part_name_depends_on_the_source_object_alone() -> None:
    name = keys.source_part_name("s3://b/in/a.csv")
    assert name == keys.source_part_name("s3://b/in/a.csv") != keys.source_part_name("a.csv")
    assert keys.is_part_name(f"{name}.parquet") and keys.is_part_name(f"{name}-00001.pb.zst")


def test_dead_letters_prefix_lies_in_the_raw_bucket() -> None:
    assert keys.dead_letters_prefix(make_contract(), DAY) == (
        "s3://test-raw/errors/orders/2026/01/05/"
    )


@pytest.mark.parametrize(
    "name", ["_manifest.json", "part-1.jsonl.gz", "x/part-00000.jsonl.gz", "part-00000"]
)
def test_is_part_name_of_another_file_is_false(name: str) -> None:
    assert not keys.is_part_name(name)


def test_parse_s3_uri_splits_bucket_and_key() -> None:
    assert keys.parse_s3_uri("s3://b/a/c d.json") == ("b", "a/c d.json")
    assert keys.parse_s3_uri("s3://b") == ("b", "")


@pytest.mark.parametrize("uri", ["", "b/key", "s3://", "s3:///key", "https://b/key", "/tmp/x"])
def test_parse_s3_uri_of_something_else_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="not an s3:// URI"):
        keys.parse_s3_uri(uri)
