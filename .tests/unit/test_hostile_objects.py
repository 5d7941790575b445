"""Objects that are put where the processor looks, by who means harm: nothing is written."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.processing import ARTIFACTS, PROCESSED, RAW, make_options, notify, sales_contract

from etl.errors import ProcessingError
from etl.processing.content import read_records
from etl.processing.objects import Processor
from etl.processing.rows import tidy_contract

MIB = 1024 * 1024
ROW = b'{"id": 1}\n'


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3")
        for bucket in (RAW, PROCESSED, ARTIFACTS):
            client.create_bucket(Bucket=bucket)
        contract = sales_contract().to_json()
        client.put_object(Bucket=ARTIFACTS, Key="contracts/current/sales.json", Body=contract)
        yield client


def keys(s3: Any, bucket: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def refused(s3: Any, key: str, body: bytes | None = ROW, **options: Any) -> ProcessingError:
    """Why an object is refused; it stays, and nothing is written."""
    if body is not None:
        s3.put_object(Bucket=RAW, Key=key, Body=body)
    before = keys(s3, RAW)
    with pytest.raises(ProcessingError) as caught:
        Processor(s3, make_options(**options)).process(notify(key))
    assert caught.value.fix
    assert keys(s3, RAW) == before and keys(s3, PROCESSED) == []
    return caught.value


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("incoming/sales/../orders/a.jsonl", "with . or .. for a folder"),
        ("incoming/sales/../../../processed/a.jsonl", "with . or .. for a folder"),
        ("incoming/sales/./a.jsonl", "with . or .. for a folder"),
        ("incoming/../sales/a.jsonl", "with . or .. for a folder"),
        ("incoming/sales/a\n12:00:00 all is well.jsonl", "with a control character"),
        ("incoming/sales/\x1b[2Ja.jsonl", "with a control character"),
        ("incoming/sales/" + "a" * 1003 + ".jsonl", "longer than 1024 bytes below completed/"),
        ("completed/sales/a.jsonl", "names no dataset"),
        ("incoming/sales", "names no dataset"),
        ("incoming//a.jsonl", "there is no dataset"),
        ("incoming/Sales/a.jsonl", "there is no dataset"),
        ("incoming/current%2Fsales/a.jsonl", "there is no dataset"),
        ("incoming/sales'; DROP TABLE sales; --/a.jsonl", "there is no dataset"),
        ("incoming/sales/a.jsonl.zip", "its suffix says nothing"),
    ],
)
def test_key_that_means_another_place_is_refused(s3: Any, key: str, fault: str) -> None:
    error = refused(s3, key, None)
    assert fault in error.message
    assert error.message.isprintable()


@pytest.mark.parametrize(
    "name", ["_hidden.jsonl", ".hidden.jsonl", "__.jsonl", "a" * 1000 + ".jsonl", "ä'; --.jsonl"]
)
def test_rows_of_an_odd_name_are_written_where_readers_look(s3: Any, name: str) -> None:
    s3.put_object(Bucket=RAW, Key=f"incoming/sales/{name}", Body=ROW)
    Processor(s3, make_options()).process(notify(f"incoming/sales/{name}"))
    (written,) = keys(s3, PROCESSED)
    assert not written.rpartition("/")[2].startswith((".", "_"))
    assert len(written.encode()) <= 1024
    assert keys(s3, RAW) == [f"completed/sales/{name}"]


def test_gzip_that_unpacks_beyond_the_limit_is_refused_in_little_memory(s3: Any) -> None:
    body = gzip.compress(bytes(64 * MIB))
    tracemalloc.start()
    try:
        error = refused(s3, "incoming/sales/a.jsonl.gz", body)
        assert tracemalloc.get_traced_memory()[1] < 32 * MIB
    finally:
        tracemalloc.stop()
    assert "more than 1 MiB when it is decompressed" in error.message
    assert "processor.object_limit_mib" in error.fix


def test_rows_that_are_many_times_their_object_are_refused(s3: Any) -> None:
    key = "incoming/sales/" + "a" * 900 + ".jsonl"  # each row has it
    error = refused(s3, key, ROW * 40_000)
    assert "its rows are more than 32 MiB, 32 times object_limit_mib" in error.message


def test_lines_are_taken_one_at_a_time() -> None:
    contract = tidy_contract(sales_contract(), "jsonl")
    body = b"\n" * (8 * MIB) + ROW
    tracemalloc.start()
    try:
        assert list(read_records(body, "jsonl", contract, "a")) == ['{"id": 1}']
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()
