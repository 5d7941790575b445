"""Damaged files of every format: a source's error, or every record of theirs, and no other end."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_samples import make_contract
from support.fuzz import damaged
from support.line_cases import json_contract, text_contract
from support.raw_formats import write_blocks
from support.source_contexts import records, source_context

from etl.errors import SourceError
from etl.judge import Judge
from etl.model import Column, Contract, Type
from etl.sources.files.csv_rows import Dialect, Fields, read_csv
from etl.sources.files.json_documents import read_json_document
from etl.sources.files.json_lines import read_json_lines
from etl.sources.open import open_source

DAY = date(2026, 1, 5)
ROWS = [{"a": 1, "b": "Zoë"}, {"a": [2.5, {"c": None}], "b": 'x"y'}, {"a": -3, "b": "\u2028 z"}]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)
DOCUMENTS = [
    json.dumps(ROWS, indent=1).encode(),
    json.dumps(ROWS[0]).encode(),
    b"[]",
    b'[{"a":\r1}]',
]
TABLES = [b'a,b\n1,2\n"x,\ny","say ""z"""\n,\n', b"a;b\r\n'1';2\r\n\r\n3;'4''5'\r\n", b"a,b\r1,2\r"]
BLOCKS = st.integers(1, 40)
JUDGES = [Judge(json_contract(), DAY), Judge(text_contract(), DAY)]


def read(reader: Callable[..., Any], body: bytes, block_bytes: int, **more: Any) -> list[bytes]:
    """A reader's records, each of which the judge has a verdict on."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("etl.sources.files.blocks.BLOCK_BYTES", block_bytes)
        found = records(reader(io.BytesIO(body), name="f", limit_bytes=10**5, **more))
    for line in found:
        assert all(judge(line.decode()) for judge in JUDGES)
    return found


@given(damaged(st.just(LINES)), BLOCKS)
def test_json_lines_are_as_many_records_as_lines(body: bytes, block_bytes: int) -> None:
    found = read(read_json_lines, body, block_bytes)
    lines = body.split(b"\n")
    assert len(found) == sum(not re.fullmatch(rb"([ \t\r]|\xef\xbb\xbf)*", line) for line in lines)


@given(damaged(st.sampled_from(DOCUMENTS)), BLOCKS)
def test_json_document_in_pieces_is_what_it_is_as_a_whole(body: bytes, block_bytes: int) -> None:
    try:
        text = body.decode("utf-8-sig", "surrogateescape")
        whole = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        with pytest.raises(SourceError):
            read(read_json_document, body, block_bytes)
        return
    found = read(read_json_document, body, block_bytes)
    assert len(found) == (len(whole) if isinstance(whole, list) else 1)


@given(
    damaged(st.sampled_from(TABLES)),
    BLOCKS,
    st.sampled_from(",;"),
    st.sampled_from(['"', "'"]),
    st.sampled_from(["utf-8", "latin-1", "utf-16"]),
)
def test_csv_in_pieces_is_what_it_is_as_a_whole(
    body: bytes, block_bytes: int, delimiter: str, quotechar: str, encoding: str
) -> None:
    form: Any = {"delimiter": delimiter, "quotechar": quotechar}
    dialect = Dialect(encoding=encoding, **form)
    fields = Fields(names=["a", "b"], needed=[])
    before = csv.field_size_limit(10**5)
    try:
        name = "utf-8-sig" if encoding == "utf-8" else encoding
        text = io.StringIO(body.decode(name, "surrogateescape"), newline="")
        whole = [row for row in csv.reader(text, strict=True, **form) if row]
    except (csv.Error, UnicodeError):
        whole = []
    finally:
        csv.field_size_limit(before)
    try:
        found = read(read_csv, body, block_bytes, fields=fields, dialect=dialect)
    except SourceError:
        header = whole[0] if whole else []
        is_faulty = not header or "" in header or len(set(header)) < len(header)
        assert is_faulty or encoding == "utf-16", whole  # which needs its mark, if read in pieces
        return
    assert len(found) == max(0, len(whole) - 1)


PACKED = [
    ("a.jsonl.gz", gzip.compress(LINES, mtime=0) * 2),
    ("a.jsonl.zst", zstandard.ZstdCompressor(write_checksum=True).compress(LINES) * 2),
    ("a.jsonl", gzip.compress(LINES, mtime=0)),
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PACKED), st.data())
def test_packed_file_gives_its_records_or_is_refused(
    tmp_path: Path, packed: tuple[str, bytes], data: st.DataObject
) -> None:
    name, body = packed
    broken = data.draw(damaged(st.just(body)))
    found = _source_records(tmp_path, name, broken, "jsonl")
    if found is not None and name.endswith(".gz"):
        assert found == LINES.splitlines() * (len(found) // len(ROWS)) or found == _gunzipped(
            broken
        )
    if broken == body:
        assert found is not None and len(found) % len(ROWS) == 0 and found


def _gunzipped(body: bytes) -> list[bytes] | None:
    try:
        plain = gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        return None
    return read(read_json_lines, plain, 10**6)


def _parquet() -> bytes:
    sink = io.BytesIO()
    table = pa.table({"id": ["x", "y", None], "n": [1, None, 3], "ok": [True, False, None]})
    pq.write_table(table, sink, row_group_size=2)
    return sink.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damaged(st.just(_parquet())))
def test_parquet_file_gives_its_rows_or_is_refused(tmp_path: Path, body: bytes) -> None:
    found = _source_records(tmp_path, "a.parquet", body, "parquet")
    assert found is None or body != _parquet() or len(found) == 3


# In a process of its own: what must not happen ends the process.
EVERY_FOOTER = """
import io, sys
from pathlib import Path
sys.path[:0] = sys.argv[2].split(":")
from test_fuzz_files import _parquet, _source_records
body = _parquet()
end = len(body) - 8
start = end - int.from_bytes(body[end : end + 4], "little")
for at in range(start, end):
    broken = body[:at] + bytes([0x15]) + body[at + 1 :]
    _source_records(Path(sys.argv[1]), "a.parquet", broken, "parquet")
print(end - start)
"""


def test_parquet_footer_that_is_damaged_anywhere_ends_no_process(tmp_path: Path) -> None:
    path = ":".join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", EVERY_FOOTER, str(tmp_path), path], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr[-500:]
    assert int(done.stdout) > 100


def _source_records(folder: Path, name: str, body: bytes, format: str) -> list[bytes] | None:
    """What a source makes of a file; None if it refuses it."""
    path = folder / name
    path.write_bytes(body)
    contract = make_contract(str(path), kind="file", format=format)
    columns = (
        Column(name="id", type=Type(kind="string"), path=("id",)),
        Column(name="n", type=Type(kind="integer"), path=("n",)),
    )
    if format == "parquet":
        contract = replace(contract, columns=columns)
    try:
        return records(open_source(contract, source_context(DAY)).items)
    except SourceError:
        return None


EVERY_LINE = [
    b'{"id": 1, "text": "a", "items": [{"sku": "x"}], "at": "2026-01-01T00:00:00Z"}',
    b'{"id": "1", "amount": "1.50", "day": "2026-01-01"}',
    b'{"id": 2, "ratio": 0.5, "tags": ["a", null], "inner": {"text": "b"}}',
]


@given(
    st.lists(damaged(st.sampled_from(EVERY_LINE)), max_size=4),
    st.sampled_from(["jsonl", "csv", "parquet", "protobuf"]),
    st.sampled_from(["gzip", "zstd", "none"]),
    st.sampled_from([json_contract(), text_contract()]),
)
def test_encoders_write_every_record_or_name_it_a_dead_letter(
    bodies: list[bytes], format: str, compression: str, contract: Contract
) -> None:
    block = b"".join(line + b"\n" for line in read(read_json_lines, b"\n".join(bodies), 10**6))
    if format == "parquet":
        compression = "none"
    written = write_blocks(
        contract, [block] if block else [], format=format, compression=compression
    )
    assert written.rows + len(written.dead) == block.count(b"\n")
    assert {each.record for each in written.dead} <= set(block.split(b"\n"))
    assert all(each.reason for each in written.dead)
