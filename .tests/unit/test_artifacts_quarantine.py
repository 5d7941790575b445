"""The quarantine's page: reasons, samples, and what of them is not for all eyes."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.contracts import airports_contract, edited_contract, orders_contract

from etl.artifacts.masking import show_payload, show_reasons
from etl.artifacts.quarantine import Sample, quarantine_artifact, read_samples
from etl.model import Contract

DAY = date(2026, 1, 1)
BUCKET = "test-quarantine"
ORDER = {
    "order_id": "ORD-1",
    "customer": {"id": 7, "name": "Ada", "email": None, "phone": "0123", "country": "SE"},
    "subtotal": "twelve",
    "items": [{"sku": "S", "quantity": 1, "gift_for": "Bob"}],
    "card": {"number": "4111"},
}


def test_payload_shows_only_what_the_contract_names_and_leaves_open() -> None:
    assert json.loads(show_payload(json.dumps(ORDER), orders_contract())) == {
        "order_id": "ORD-1",
        "customer": {"id": 7, "name": "***", "email": None, "phone": "***", "country": "SE"},
        "subtotal": "twelve",
        "items": [{"sku": "S", "quantity": 1, "gift_for": "***"}],
        "card": "***",
    }


@pytest.mark.parametrize("payload", ['{"customer": {"name": "Ada"', '["Ada"]', '"Ada"', "[" * 9999])
def test_payload_that_is_no_object_is_not_shown_beside_classified_columns(payload: str) -> None:
    shown = show_payload(payload, orders_contract())
    assert "Ada" not in shown
    assert f"{len(payload):,} characters" in shown


def test_payload_where_another_type_stands_hides_what_is_inside() -> None:
    odd = {"customer": "Ada", "status": {"of": "Ada"}, "items": {"of": "Ada"}, "note": ["Ada"]}
    assert "Ada" not in show_payload(json.dumps(odd), orders_contract())


def test_payload_of_normalised_names_is_judged_by_them() -> None:
    contract = orders_contract(normalise_names=True)
    shown = show_payload('{"Customer": {"NAME": "Ada", "Id": 7}}', contract)
    assert json.loads(shown) == {"Customer": {"NAME": "***", "Id": 7}}


def test_payload_of_a_contract_without_classified_columns_is_shown_as_it_came() -> None:
    assert show_payload("{not json", airports_contract()) == "{not json"


@pytest.mark.parametrize(
    ("reasons", "shown"),
    [
        ('subtotal: expected decimal, got "x"', 'subtotal: expected decimal, got "x"'),
        ("customer_name: required, but missing or null",) * 2,
        ('customer_name: expected string, got "Ada"', "customer_name: expected string"),
        (
            'subtotal: a; customer_email: longer than 320 bytes, got "x; country: Ada"; country: b',
            "subtotal: a; customer_email: longer than 320 bytes; country",
        ),
        (
            'customer_id: expected object around id, got "Ada"; customer_name: expected object',
            "customer_id: expected object around id; customer_name",
        ),
        ('record: expected one JSON object, got "Ada"', "record: expected one JSON object"),
    ],
)
def test_reasons_leave_out_what_they_quote_of_classified_columns(reasons: str, shown: str) -> None:
    assert show_reasons(reasons, orders_contract()) == shown
    assert show_reasons(reasons, airports_contract()) == reasons


def test_classification_of_an_object_or_an_item_holds_for_its_column(tmp_path: Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        properties = {each["name"]: each for each in document["schema"][0]["properties"]}
        properties["customer"]["classification"] = "restricted"
        properties["items"]["items"]["properties"][0]["classification"] = "internal"
        properties["items"]["items"]["properties"][1]["classification"] = "public"

    contract = edited_contract(tmp_path, edit)
    columns = {each.name: each.classification for each in contract.columns}
    assert columns["customer_name"] == "personal"
    assert columns["customer_id"] == columns["country"] == "restricted"
    assert (columns["items"], columns["order_id"]) == ("internal", "")
    assert Contract.from_json(contract.to_json()) == contract


def public(contract: Contract) -> Contract:
    columns = tuple(replace(each, classification="Public") for each in contract.columns)
    return replace(contract, columns=columns)


def test_public_columns_are_for_all_eyes() -> None:
    assert show_payload('{"customer": "Ada"}', public(orders_contract())) == '{"customer": "Ada"}'


def rejected(label: str, payload: str) -> dict[str, str]:
    return {"payload": payload, "reasons": f"{label}: bad; note: bad", "dataset": "orders"}


@pytest.fixture
def s3() -> Any:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def put(s3: Any, key: str, rows: list[dict[str, str]]) -> str:
    text = "".join(f"{json.dumps(each)}\n" for each in rows)
    s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(text.encode()))
    return f"s3://{BUCKET}/{key}"


def test_samples_are_the_first_rows_of_the_most_frequent_reasons(s3: Any) -> None:
    first = put(s3, "1.gz", [rejected("subtotal", str(n)) for n in range(5)])
    second = put(s3, "2.gz", [rejected("record", "{"), rejected("rule late", "x")])
    reasons = {"record": 1, "subtotal": 5, "rule late": 1}
    found = read_samples(s3, [first, second], reasons=reasons, most=2)
    assert [(each.label, each.payload) for each in found] == [
        ("subtotal", "0"),
        ("subtotal", "1"),
        ("record", "{"),
        ("rule late", "x"),
    ]
    assert read_samples(s3, [first], reasons=reasons, most=0) == []


def test_samples_of_a_large_file_come_from_its_beginning(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.artifacts.quarantine._READ_BYTES", 1000)
    rows = [rejected("note" if n else "status", f"{n * 7919:x}") for n in range(3000)]
    uri = put(s3, "1.gz", rows)
    found = read_samples(s3, [uri], reasons={"note": 2999, "status": 1}, most=3)
    assert [each.label for each in found] == ["status", "note", "note", "note"]


def test_page_escapes_half_a_surrogate_pair_which_prefect_would_not_take() -> None:
    artifact = quarantine_artifact(
        orders_contract(),
        DAY,
        reasons={"note": 1},
        samples=[Sample(label="note", reasons="note: bad", payload=r'{"note": "\ud83d"}')],
        rows_read=1,
        place="s3://q/orders/",
    )
    assert rb'{"note": "\ud83d"}' in str(artifact.data).encode()


def test_page_tells_counts_place_and_samples() -> None:
    samples = [
        Sample(label="subtotal", reasons="subtotal: bad", payload=json.dumps(ORDER)),
        Sample(label="subtotal", reasons="subtotal: bad", payload="x" * 5000),
    ]
    artifact = quarantine_artifact(
        orders_contract(),
        DAY,
        reasons={"status": 1} | {"subtotal": 3} | {f"c{n:02}": 1 for n in range(30)},
        samples=samples,
        rows_read=1000,
        place="s3://q/orders/",
    )
    text = str(artifact.content)
    assert artifact.description == "orders 2026-01-01: 34 of 1,000 rows (3.4%) rejected"
    assert text.index("| `subtotal` | 3 |") < text.index("| `c00` | 1 |")
    assert "| 22 others | 22 |" in text
    assert "`s3://q/orders/`" in text
    assert "### subtotal: 3" in text
    assert "`***` stands for" in text
    assert "Ada" not in text
    assert max(map(len, text.splitlines())) < 120


def test_page_of_a_run_without_rejected_rows_says_so() -> None:
    artifact = quarantine_artifact(
        orders_contract(), DAY, reasons={}, samples=[], rows_read=0, place="s3://q/"
    )
    assert artifact.content == "None of 0 rows was rejected.\n"
