"""Parquet with the contract's types, in row groups that bound the memory."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.contracts import make_contract, orders_contract
from support.line_cases import json_contract
from support.raw_formats import RUN_DATE, Written, write_blocks
from support.typed_rows import line_of, rows

from etl.formats import parquet

EVERY_TYPE = json_contract()
TWO = b'{"id": 1}\n{"id": 2}\n'


def _file(written: Written) -> pq.ParquetFile:
    return pq.ParquetFile(pa.BufferReader(written.data))


def test_parquet_has_the_received_columns_with_the_contracts_types() -> None:
    written = write_blocks(orders_contract(), [], format="parquet", compression="none")
    item = pa.struct([("sku", pa.string()), ("quantity", pa.int32())])
    expected = {
        "order_id": pa.string(),
        "customer_id": pa.int64(),
        "subtotal": pa.decimal128(12, 2),
        "is_gift": pa.bool_(),
        "order_date": pa.date32(),
        "ordered_at": pa.timestamp("us", "UTC"),
        "items": pa.list_(pa.struct([*item, ("unit_price", pa.decimal128(10, 2))])),
    }
    schema = _file(written).schema_arrow
    assert {name: schema.field(name).type for name in expected} == expected
    assert schema.names == [each.name for each in orders_contract().received_columns]
    assert not {"total_amount", "ingest_date"} & set(schema.names)
    assert written.encoder.suffix == ".parquet"


@given(given_rows=st.lists(rows(EVERY_TYPE), max_size=4))
def test_parquet_values_are_read_back_as_they_were(given_rows: list[dict[str, Any]]) -> None:
    block = b"".join(line_of(EVERY_TYPE, row) for row in given_rows)
    written = write_blocks(EVERY_TYPE, [block], format="parquet", compression="none")
    assert written.dead == []
    assert _file(written).read().to_pylist() == given_rows


def test_parquet_row_groups_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_GROUP_ROWS", 3)
    monkeypatch.setattr(parquet, "_BATCH_ROWS", 2)
    contract = make_contract()
    one, many = (
        write_blocks(contract, blocks, format="parquet", compression="none")
        for blocks in ([TWO * 4], [TWO] * 4)
    )
    assert one.data == many.data
    metadata = _file(one).metadata
    groups = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
    assert groups == [3, 3, 2]


def test_parquet_long_records_end_a_row_group_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_GROUP_BYTES", 2 * len(b'{"id": 1}'))
    written = write_blocks(make_contract(), [TWO * 2], format="parquet", compression="none")
    assert _file(written).metadata.num_row_groups == 2


def test_parquet_hands_out_a_row_group_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_GROUP_ROWS", 4)
    encoder = parquet.ParquetEncoder(make_contract(), RUN_DATE)
    sizes = [len(encoder.encode(TWO).data) for _ in range(4)]
    assert sizes[1] > sizes[0] and sizes[2] == 0 and sizes[3] > 0
