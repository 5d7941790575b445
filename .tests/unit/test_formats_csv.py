"""CSV that other tools read, and that says what was NULL."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from support.contracts import make_column, make_contract, orders_contract
from support.line_cases import json_contract
from support.raw_formats import read_csv, write_blocks
from support.typed_rows import line_of, rows

from etl.casts import caster
from etl.model import Type
from etl.received import Number

TEXT = make_contract(
    make_column("id", Type(kind="integer"), required=True),
    make_column("text", Type(kind="string")),
)
EVERY_TYPE = json_contract()


def _write(*texts: str | None) -> bytes:
    lines = [json.dumps({"id": at, "text": text}) + "\n" for at, text in enumerate(texts)]
    return write_blocks(TEXT, ["".join(lines).encode()], format="csv", compression="none").data


def test_csv_quotes_what_would_break_a_line() -> None:
    texts = ["plain", "a,b", 'say "hi"', "two\nlines", "two\r\nlines", "end\r", " spaces ", "ünï"]
    assert read_csv(_write(*texts)) == [
        ["id", "text"],
        *([str(at), text] for at, text in enumerate(texts)),
    ]


def test_csv_empty_text_is_quoted_and_null_is_not() -> None:
    assert _write(None, "", "x") == b'id,text\n0,\n1,""\n2,x\n'


def test_csv_without_records_is_a_header() -> None:
    written = write_blocks(TEXT, [], format="csv", compression="none")
    assert written.data == b"id,text\n"
    assert (written.encoder.suffix, written.encoder.content_type) == (
        ".csv",
        "text/csv; charset=utf-8; header=present",
    )


def test_csv_holds_received_columns_alone() -> None:
    contract = orders_contract()
    header, *_ = read_csv(write_blocks(contract, [], format="csv", compression="none").data)
    assert "order_id" in header and "customer_name" in header
    assert not {"total_amount", "ingest_date"} & set(header)


@given(row=rows(EVERY_TYPE))
def test_csv_values_are_read_back_as_they_were(row: dict[str, Any]) -> None:
    written = write_blocks(EVERY_TYPE, [line_of(EVERY_TYPE, row)], format="csv", compression="none")
    assert written.dead == []
    names, cells = read_csv(written.data)
    found = {name: _read(name, cell) for name, cell in zip(names, cells, strict=True)}
    assert found == row | {name: None for name, value in row.items() if value == ""}


def _read(name: str, cell: str) -> Any:
    kind = EVERY_TYPE.column(name).type
    if kind.kind != "array":
        return caster(kind, "text")(cell)
    array = json.loads(cell or "null", parse_int=Number, parse_float=Number)
    return caster(kind, "json")(array)
