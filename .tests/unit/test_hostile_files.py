"""Files that are made to fill memory and disk: refused, with the limit that they break."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from moto import mock_aws
from source_samples import make_contract
from support.source_contexts import source_context

from etl.errors import SourceError
from etl.sources.files import expansion
from etl.sources.open import open_source
from etl.sources.records import Lines

DAY = date(2026, 1, 5)
MIB = 1024 * 1024
LONG = "a" * (MIB // 4)
POOLS: list[pa.MemoryPool] = []  # a pool has to outlive what it gave


@pytest.fixture(autouse=True)
def little_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bombs of tests are small."""
    monkeypatch.setattr(expansion, "FREE_BYTES", 4 * MIB)


def read(path: Path, format: str, **options: Any) -> int:
    """How many records a file holds."""
    contract = make_contract(str(path), kind="file", format=format, options=options)
    items = open_source(contract, source_context(DAY)).items
    return sum(each.rows for each in items if isinstance(each, Lines))


def refused(path: Path, format: str, **options: Any) -> SourceError:
    """Why a file is refused, in little memory."""
    with memory_below(160), pytest.raises(SourceError) as caught:
        read(path, format, **options)
    return caught.value


@contextmanager
def memory_below(limit_mib: int) -> Iterator[None]:
    """Assert what Python and Arrow allocate at most inside the block."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    POOLS.append(pool)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] + pool.max_memory() < limit_mib * MIB
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


def write_parquet(path: Path, **columns: Any) -> Path:
    """A Parquet file without what Arrow remembers of its types."""
    pq.write_table(pa.table(columns), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 2 * MIB
    return path


def repeated(text: str, rows: int) -> pa.Array:
    """A column of the same text."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize(
    ("format", "block"),
    [
        ("jsonl", b'{"id": 1}\n' * 10_000),
        ("csv", b"id," + b"a" * 100_000 + b"\n"),
        ("json", b" " * MIB),
    ],
)
def test_file_that_unpacks_to_many_times_its_size_is_refused(
    tmp_path: Path, format: str, block: bytes, suffix: str
) -> None:
    pack = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[suffix]
    path = tmp_path / f"a.{format}{suffix}"
    path.write_bytes(pack(block) * (8 * MIB // len(block)))
    error = refused(path, format)
    assert "unpacks to more than 200 times as many" in error.message
    assert "raise expansionLimit" in error.fix


def test_file_that_unpacks_to_many_times_its_size_is_read_if_the_contract_says_so(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"id": 1}\n' * 600_000))
    assert read(tmp_path / "a.jsonl.gz", "jsonl", expansion_limit=2000) == 600_000


def test_small_content_may_be_any_number_of_times_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"id": 1}\n' * 300_000))
    assert read(tmp_path / "a.jsonl.gz", "jsonl", expansion_limit=1) == 300_000


def test_csv_row_without_an_end_is_refused(tmp_path: Path) -> None:
    # Of lines that are short, and fields that are short.
    (tmp_path / "a.csv").write_bytes(b"id,name\n" + b'"\n",' * 600_000)
    error = refused(tmp_path / "a.csv", "csv", record_limit_mib=1)
    assert "longer than 1 Mi characters" in error.message
    assert "recordLimitMib" in error.fix


def test_csv_row_of_too_many_fields_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,name\n" + b",ab" * 4_100_000 + b"\n")
    assert "a row of more than 4,000,000 fields" in refused(tmp_path / "a.csv", "csv").message


def test_long_csv_rows_of_many_lines_are_read(tmp_path: Path) -> None:
    row = b'"' + b"x\n" * 200_000 + b'",1\n'
    (tmp_path / "a.csv").write_bytes(b"name,id\n" + row * 8)
    assert read(tmp_path / "a.csv", "csv", record_limit_mib=1) == 8


def test_parquet_text_that_many_rows_share_is_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", id=repeated(LONG, 10_000))
    assert "unpacks to more than 200 times" in refused(path, "parquet").message


def test_parquet_texts_that_share_their_beginning_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"id": [LONG] * 800})
    encoding = {"id": "DELTA_BYTE_ARRAY"}
    pq.write_table(table, path, use_dictionary=False, column_encoding=encoding)
    assert path.stat().st_size < 2 * MIB
    assert "unpacks to more than 200 times" in refused(path, "parquet").message


def test_parquet_array_of_a_value_over_and_over_is_refused(tmp_path: Path) -> None:
    sevens = pa.repeat(pa.scalar(7, pa.int32()), 2_000_000)
    path = write_parquet(
        tmp_path / "a.parquet", id=pa.ListArray.from_arrays([0, len(sevens)], sevens)
    )
    assert "unpacks to more than 200 times" in refused(path, "parquet").message


def test_parquet_page_of_zeros_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"id": ["\0" * (8 * MIB)]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, store_schema=False)
    assert "unpacks to more than 200 times" in refused(path, "parquet").message


def test_parquet_row_that_is_too_long_is_refused(tmp_path: Path) -> None:
    columns = {f"c{number}": repeated(LONG, 2) for number in range(70)}
    path = write_parquet(tmp_path / "a.parquet", **columns)
    error = refused(path, "parquet", record_limit_mib=16)
    assert "a row has 18,350,080 bytes, more than 16 MiB" in error.message
    assert "raise recordLimitMib" in error.fix


def test_parquet_of_long_texts_is_read_in_little_memory(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", id=repeated(LONG, 400))
    with memory_below(90):
        assert read(path, "parquet", expansion_limit=1_000_000) == 400


def test_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    inside, secret = tmp_path / "landing", tmp_path / "secret.jsonl"
    (inside / "deep").mkdir(parents=True)
    secret.write_bytes(b'{"password": "hunter2"}\n')
    (inside / "deep" / "a.jsonl").symlink_to(secret)
    for location in (inside, inside / "deep" / "*.jsonl"):
        error = refused(location, "jsonl")
        assert "is a link that leads out of" in error.message
        assert "hunter2" not in str(error)


def test_link_inside_the_folder_and_link_that_is_named_are_read(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "a.jsonl").write_bytes(b'{"id": 1}\n')
    (tmp_path / "landing" / "b.jsonl").symlink_to(tmp_path / "landing" / "a.jsonl")
    (tmp_path / "linked").symlink_to(tmp_path / "landing")
    assert read(tmp_path / "landing", "jsonl") == 2
    assert read(tmp_path / "linked", "jsonl") == 2
    (tmp_path / "one.jsonl").symlink_to(tmp_path / "landing" / "a.jsonl")
    assert read(tmp_path / "one.jsonl", "jsonl") == 1


@mock_aws
def test_file_that_could_not_be_moved_is_refused_before_it_is_read() -> None:
    s3 = boto3.client("s3")
    for bucket in ("drop", "test-artifacts"):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket="drop", Key=f"in/{'a' * 1000}.jsonl", Body=b'{"id": 1}\n')
    options = {"after_load": "move", "completed_prefix": "s3://drop/in-completed/shop/"}
    contract = make_contract("s3://drop/in/", kind="file", format="jsonl", options=options)
    with pytest.raises(SourceError, match="longer than 1015 bytes") as caught:
        open_source(contract, source_context(DAY, s3=s3))
    assert "completedPrefix" in caught.value.fix


@pytest.mark.parametrize("header", ["a" * MIB, '"id\nfailed: nothing\x1b[2J"', "id," * 100_000])
def test_header_of_a_file_does_not_fill_the_message(tmp_path: Path, header: str) -> None:
    (tmp_path / "a.csv").write_text(f"{header}\n1\n", "utf-8")
    contract = make_contract(
        str(tmp_path / "a.csv"), kind="file", format="csv", required=("id", "name")
    )
    with pytest.raises(SourceError, match="the header") as caught:
        list(open_source(contract, source_context(DAY)).items)
    lines = caught.value.message.split("\n")
    assert len(caught.value.message) < 4000
    assert len(lines) <= 3 and all(line.isprintable() for line in lines)
