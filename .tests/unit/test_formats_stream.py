"""JSON lines pass through as they came, whatever the compression."""

from __future__ import annotations

import pytest
from support.contracts import make_contract
from support.raw_formats import unpack, write_blocks

BLOCKS = (b'{"id": 1}\n{"id":2}\n', b"not JSON at all \xff\n", b'{"id": 3}\n' * 5000)


@pytest.mark.parametrize(
    "compression, suffix, content_type",
    [
        ("gzip", ".jsonl.gz", "application/gzip"),
        ("zstd", ".jsonl.zst", "application/zstd"),
        ("none", ".jsonl", "application/x-ndjson"),
    ],
)
def test_json_lines_are_kept_byte_for_byte(
    compression: str, suffix: str, content_type: str
) -> None:
    written = write_blocks(make_contract(), BLOCKS, compression=compression)
    assert unpack(written.data, compression) == b"".join(BLOCKS)
    assert (written.rows, written.dead) == (5003, [])
    assert (written.encoder.suffix, written.encoder.content_type) == (suffix, content_type)


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet", "protobuf"])
def test_encoder_same_blocks_give_same_bytes(format: str, compression: str) -> None:
    first, second = (
        write_blocks(make_contract(), BLOCKS, format=format, compression=compression).data
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("format", ["csv", "parquet", "protobuf"])
def test_typed_format_record_that_does_not_fit_is_dead_with_every_reason(format: str) -> None:
    blocks = (b'{"id": 1}\n{"id": "one"}\n', b'\xff\n[]\n{"_malformed": "3 fields"}\n{}\n')
    written = write_blocks(make_contract(), blocks, format=format)
    assert written.rows == 1
    assert [(each.record, each.reason) for each in written.dead] == [
        (b'{"id": "one"}', 'id: expected integer, got "one"'),
        (b"\xff", "record: not UTF-8"),
        (b"[]", "record: expected one JSON object, got an array"),
        (b'{"_malformed": "3 fields"}', "record: 3 fields"),
        (b"{}", "id: required, but missing or null"),
    ]
