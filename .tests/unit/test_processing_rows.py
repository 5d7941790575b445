"""An incoming object's bytes as rows: formats, names, empty values, and what is refused."""

from __future__ import annotations

import gzip
import json
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.processing import sales_contract

from etl.errors import EtlError, ProcessingError
from etl.judge import Accepted, Judge
from etl.model import Contract, SourceFormat
from etl.processing.content import decompress, kind_of, read_records
from etl.processing.rows import Rows, make_rows, tidy_contract

DAY = date(2026, 1, 2)
METADATA = {"source_key": "incoming/sales/a"}


def rows_of(body: bytes, format: SourceFormat, contract: Contract | None = None) -> Rows:
    tidied = tidy_contract(contract or sales_contract(), format)
    records = read_records(body, format, tidied, "the object")
    return make_rows(records, contract=tidied, run_date=DAY, metadata=METADATA, name="the object")


def parsed(rows: Rows) -> list[dict[str, Any]]:
    return [json.loads(line) for line in rows.data.decode().splitlines()]


SALE = {"id": 1, "user_name": "Zoë", "loaded_on": "2026-01-02", "_metadata": METADATA}


@pytest.mark.parametrize(
    ("format", "body"),
    [
        ("json", '{"id": 1, "User Name": "Zoë"}'),
        ("json", '\ufeff {"id": 1,\n "userName": "Zoë",\n "email": null}\n'),
        ("json", ' [{"id": 1, "USER-NAME": "Zoë", "amount": ""}]'),
        ("json", '{"id": 1, "user_name": "Zoë"}\n\n'),
        ("jsonl", '\ufeff{"id": 1, "user_name": "Zoë", "lines": [], "buyerData": {}}\r\n\r\n'),
        ("csv", "ID,User Name,Amount\r\n1,Zoë,\r\n\r\n"),
        ("csv", '\ufeffUserName,id,weight\n"Zoë",1,"  "'),
    ],
)
def test_make_rows_names_are_normalised_and_empty_values_dropped(
    format: SourceFormat, body: str
) -> None:
    body = body.replace('"email": null', '"buyerData": {"eMail": null}')
    assert parsed(rows_of(body.encode(), format)) == [SALE]


def test_make_rows_json_that_begins_with_a_whole_object_is_read_by_lines() -> None:
    assert [row["id"] for row in parsed(rows_of(b'{"id": 1}\n{"id": 2}\n', "json"))] == [1, 2]


def test_make_rows_values_are_written_digit_for_digit_with_nested_fields_found() -> None:
    body = (
        b'{"id": 9007199254740993, "buyer-data": {"eMail": "a@b"}, "amount": 1234567890123456.1,'
        b' "soldAt": "2026-01-01T02:00:00.5+02:00", "lines": [{"SKU": "x", "price": 1}]}'
    )
    rows = rows_of(body, "json")
    assert b'"id": 9007199254740993, "email": "a@b", "amount": 1234567890123456.1000' in rows.data
    assert b'"sold_at": "2026-01-01T00:00:00.500000Z"' in rows.data
    assert b'"lines": [{"sku": "x", "price": 1.00}]' in rows.data


def test_make_rows_filtered_records_are_left_out_and_counted() -> None:
    contract = sales_contract(filter=[">", ["col", "id"], ["lit", "1", "decimal"]])
    found = rows_of(b'[{"id": 1}, {"id": 2}]', "json", contract)
    assert (found.count, found.filtered) == (1, 1)


def test_make_rows_nothing_in_it_is_no_error() -> None:
    assert rows_of(b"id,user_name\n", "csv") == Rows(data=b"", count=0, filtered=0)
    assert rows_of(b"[]", "json").count == 0


@pytest.mark.parametrize(
    ("format", "body", "message"),
    [
        ("json", b'[{"id": 1}, {"id": 2', "not a JSON document"),
        ("json", b'{"id": 1, "user_', "not a JSON document: Unterminated string"),
        ("json", b"", "not a JSON document"),
        ("jsonl", b'{"id": 1}\n{"id": 2', "1 of 2 records are bad: record 2: record: not valid"),
        ("jsonl", b'{"id": 1}\n\xff\n', "record 2: record: not UTF-8"),
        (
            "csv",
            b"id,user_name,x,y,z\n1,a,,,5\n",
            "fields that the contract does not know: x, y, z",
        ),
        ("csv", b"id,user_name\n1,a,b,c,d\n", "5 fields where the header has 2"),
        ("csv", b"id,user_name\n1\n", "1 fields where the header has 2"),
        ("csv", b"user_name\na\n", "the header lacks id"),
        ("csv", b"id,User Name,userName\n1,a,b\n", "user_name more than once"),
        ("csv", b"", "is empty"),
        ("csv", b'id,user_name\n1,"a\n', "line 2: unexpected end"),
        ("json", b'{"id": 1, "buyerData": {"phone": 1}}', "does not know: buyer_data.phone"),
        ("json", b'{"id": 1, "lines": [{"sku": "x", "inkColour": 1}]}', "lines[].ink_colour"),
        ("json", b'{"id": 1, "userName": "a", "user_name": "b"}', "user_name: "),
        ("json", b"[1]", "expected one JSON object"),
    ],
)
def test_make_rows_bad_content_is_refused_with_its_cause(
    format: SourceFormat, body: bytes, message: str
) -> None:
    with pytest.raises(EtlError) as caught:
        rows_of(body, format)
    assert message in caught.value.message


def test_make_rows_first_bad_records_are_named_and_all_counted() -> None:
    body = b"\n".join(b'{"id": "x"}' if n % 2 else b'{"id": 1}' for n in range(20))
    with pytest.raises(ProcessingError) as caught:
        rows_of(body, "jsonl")
    assert "10 of 20 records are bad: record 2: id: " in caught.value.message
    assert "record 6: " in caught.value.message and caught.value.message.endswith("; …")
    assert "record 8: " not in caught.value.message


def test_kind_of_suffix_says_what_an_object_holds() -> None:
    found = {n: kind_of(n) for n in ("a.csv", "a.b.JSON", "a.ndjson.gz", "a.jsonl")}
    assert [each.format for each in found.values()] == ["csv", "json", "jsonl", "jsonl"]
    assert [name for name, each in found.items() if each.is_compressed] == ["a.ndjson.gz"]
    with pytest.raises(ProcessingError, match=r"\.parquet: its suffix"):
        kind_of("incoming/sales/a.parquet")


def test_decompress_bombs_and_broken_files_are_refused() -> None:
    body = gzip.compress(b"0" * 10_000)
    assert decompress(body, name="a", limit_bytes=10_000) == b"0" * 10_000
    with pytest.raises(ProcessingError, match="more than .* MiB when it is decompressed"):
        decompress(body, name="a", limit_bytes=9_999)
    for broken in (body[:-9], b"no gzip", body[:20] + b"\xff\xff" + body[22:]):
        with pytest.raises(ProcessingError, match="not a whole gzip file"):
            decompress(broken, name="a", limit_bytes=10_000)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
RECORDS = st.fixed_dictionaries(
    {"id": st.integers(-(2**63), 2**63 - 1)},
    optional={
        "userName": TEXTS,
        "weight": st.floats(allow_nan=False, allow_infinity=False),
        "Is Gift": st.booleans(),
        "day": st.dates().map(str),
        "sold_at": st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)).map(
            lambda moment: f"{moment.isoformat()}+01:00"
        ),
        "amount": st.decimals(-(10**15), 10**15, places=4).map(str),
        "lines": st.lists(st.fixed_dictionaries({"sku": TEXTS.map(lambda text: f"s{text}")})),
    },
)


@settings(max_examples=100, deadline=None)
@given(st.lists(RECORDS, max_size=4))
def test_make_rows_judged_again_are_the_same_rows(records: list[dict[str, Any]]) -> None:
    columns = tuple(each for each in sales_contract().columns if each.name != "email")
    contract = sales_contract(columns=columns)
    once = rows_of(json.dumps(records).encode(), "json", contract)
    assert once == rows_of("\n".join(map(json.dumps, records)).encode(), "jsonl", contract)
    judge = Judge(tidy_contract(contract, "json"), DAY)
    for record, line in zip(records, once.data.decode().split("\n"), strict=False):
        verdict = judge(line)
        assert isinstance(verdict, Accepted)
        assert verdict == judge(json.dumps(record))
