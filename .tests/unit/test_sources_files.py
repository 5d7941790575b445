from __future__ import annotations

import base64
import csv
import gzip
import json
import tracemalloc
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ResponseStreamingError
from botocore.response import StreamingBody
from moto import mock_aws
from source_samples import make_contract
from support.source_contexts import records, source_context
from vega_datasets import data as vega  # type: ignore[import-untyped]

from etl.errors import ContractError, SourceError, StorageError
from etl.sources.open import open_source
from etl.sources.records import Lines

DAY = date(2026, 1, 5)


def read(location: Path | str, format: str = "jsonl", **options: Any) -> list[bytes]:
    contract = make_contract(str(location), kind="file", format=format, options=options)
    return records(open_source(contract, source_context(DAY)).items)


def read_csv(path: Path, text: str | bytes, **options: Any) -> list[dict[str, Any]]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return [json.loads(line) for line in read(path, "csv", **options)]


# JSON lines


def test_json_lines_are_given_byte_for_byte(tmp_path: Path) -> None:
    lines = [b'{"a": 12.50,  "b":1e400}', '{"n":"Zoë"}'.encode(), b"not json", b"[1]"]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    assert read(tmp_path / "a.jsonl") == lines


def test_json_lines_without_a_record_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"a":1}\r\n\r\n  \n{"a":2}\n\n')
    assert read(tmp_path / "a.jsonl") == [b'{"a":1}', b'{"a":2}']


def test_json_lines_lose_their_byte_order_marks_wherever_they_stand(tmp_path: Path) -> None:
    lines = [
        '\ufeff{"a":1}',
        '{"a":"\ufeff"}',
        '\ufeff{"a":2}',
        "\ufeff",
        ' \ufeff \ufeff{"a":3}\r',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert read(tmp_path / "a.jsonl") == [
        b'{"a":1}',
        '{"a":"\ufeff"}'.encode(),
        b'{"a":2}',
        b'{"a":3}',
    ]


def test_json_line_that_is_not_utf8_is_wrapped(tmp_path: Path) -> None:
    bad = b'{"a":"caf\xe9"}'
    (tmp_path / "a.jsonl").write_bytes(b'{"a":1}\n' + bad + b"\n")
    good, wrapped = read(tmp_path / "a.jsonl")
    assert good == b'{"a":1}'
    assert base64.b64decode(json.loads(wrapped)["_invalid_utf8_base64"]) == bad


def test_json_line_with_a_carriage_return_stays_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"a":\r1}\n{"a":"x\ry"}\n')
    valid, malformed = read(tmp_path / "a.jsonl")
    assert valid == b'{"a": 1}'
    assert b"\r" not in malformed
    assert json.loads(malformed)["_malformed"].startswith("not JSON")
    assert json.loads(malformed)["_line"] == '{"a":"x\ry"}'


def test_json_line_above_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"a":1}\n"' + b"x" * 1024**2 + b'"\n')
    with pytest.raises(SourceError, match="line 2 is longer than 1 MiB"):
        read(tmp_path / "a.jsonl", record_limit_mib=1)


def test_gzip_json_lines_of_several_members_are_read(tmp_path: Path) -> None:
    body = gzip.compress(b'{"a":1}\n') + gzip.compress(b'{"a":2}\n')
    (tmp_path / "a.jsonl.gz").write_bytes(body)
    assert read(tmp_path / "a.jsonl.gz") == [b'{"a":1}', b'{"a":2}']


@pytest.mark.parametrize("damage", [lambda body: body[:-12], lambda body: b"PK" + body])
def test_gzip_that_is_damaged_is_refused(tmp_path: Path, damage: Any) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(damage(gzip.compress(b'{"a":1}\n' * 1000)))
    with pytest.raises(SourceError, match="a.jsonl.gz is not a whole gzip file"):
        read(tmp_path / "a.jsonl.gz")


# CSV


def test_airports_csv_gives_the_rows_of_the_csv_module() -> None:
    path = Path(vega.airports.filepath)
    with path.open(newline="", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    assert len(expected) > 3000
    assert [json.loads(line) for line in read(path, "csv")] == expected


def test_csv_quotes_newlines_and_unicode_are_kept(tmp_path: Path) -> None:
    text = 'a,b\r\n"x, ""y""\r\nz",Zoë\r\n,"  "\r\n'
    assert read_csv(tmp_path / "a.csv", text) == [
        {"a": 'x, "y"\r\nz', "b": "Zoë"},
        {"a": "", "b": "  "},
    ]


def test_csv_row_is_one_line_of_unescaped_json(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a\n"Zoë\n\u2028"\n', encoding="utf-8")
    assert read(tmp_path / "a.csv", "csv") == ['{"a": "Zoë\\n\u2028"}'.encode()]


def test_csv_row_of_another_width_is_kept_as_malformed(tmp_path: Path) -> None:
    rows = read_csv(tmp_path / "a.csv", "a,b\n1,2,3\n4\n5,6\n")
    assert rows == [
        {"_malformed": "3 fields where the header has 2", "_fields": ["1", "2", "3"]},
        {"_malformed": "1 fields where the header has 2", "_fields": ["4"]},
        {"a": "5", "b": "6"},
    ]


def test_csv_options_are_used(tmp_path: Path) -> None:
    text = "a;b\n'x;y';é\n".encode("latin-1")
    options = {"delimiter": ";", "quotechar": "'", "encoding": "latin-1"}
    assert read_csv(tmp_path / "a.csv", text, **options) == [{"a": "x;y", "b": "é"}]


def test_csv_byte_order_mark_and_blank_lines_are_dropped(tmp_path: Path) -> None:
    text = "\ufeff\na,b\n\n1,2\n\n".encode()
    for name in ("utf-8", "UTF8"):
        assert read_csv(tmp_path / "a.csv", text, encoding=name) == [{"a": "1", "b": "2"}]


def test_csv_row_that_is_not_utf8_is_wrapped(tmp_path: Path) -> None:
    good, wrapped = read_csv(tmp_path / "a.csv", b"a,b\n1,2\ncaf\xe9,2\n")
    assert good == {"a": "1", "b": "2"}
    assert b"caf\xe9" in base64.b64decode(wrapped["_invalid_utf8_base64"])


def test_csv_with_a_header_only_has_no_rows(tmp_path: Path) -> None:
    assert read_csv(tmp_path / "a.csv", "a,b\n") == []


def test_csv_with_200_columns_is_read(tmp_path: Path) -> None:
    names = [f"c{n}" for n in range(200)]
    text = ",".join(names) + "\n" + ",".join("1" * 200) + "\n"
    assert read_csv(tmp_path / "a.csv", text) == [dict.fromkeys(names, "1")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: it has no header"),
        ("id,a,a\n", "has a more than once"),
        (
            "ID,name\n1,x\n",
            r"lacks id\n    ~ id is sent as ID\n    expected id\n    found    ID, name",
        ),
        ("id;name\n1;x\n", "lacks id"),
    ],
)
def test_csv_without_a_fitting_header_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    contract = make_contract(str(path), kind="file", format="csv", required=("id",))
    with pytest.raises(SourceError, match=message) as caught:
        list(open_source(contract, source_context(DAY)).items)
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    "text", ['a\n"never closed\n' + "x\n" * 600_000, "a\n" + "x" * 1024**2 * 2]
)
def test_csv_record_above_the_limit_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match="a.csv: line") as caught:
        read_csv(tmp_path / "a.csv", text, record_limit_mib=1)
    assert "never closed" in caught.value.fix


def test_csv_in_another_encoding_than_said_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="a.csv"):
        read_csv(tmp_path / "a.csv", b"a\n\x00", encoding="utf-16")


# Places


def test_folder_gives_its_files_by_name_and_leaves_hidden_ones_out(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "c/d.ndjson", "_tmp.jsonl", ".x.jsonl", "_e/f.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'"{name}"\n')
    (tmp_path / "a.csv").write_text("x\n")
    assert [json.loads(line) for line in read(tmp_path)] == ["a.jsonl", "b.jsonl", "c/d.ndjson"]


def test_pattern_gives_the_files_that_match(tmp_path: Path) -> None:
    for name in ("a1.txt", "a2.txt", "b1.txt"):
        (tmp_path / name).write_text(f'"{name}"\n')
    assert [json.loads(line) for line in read(tmp_path / "a*.txt")] == ["a1.txt", "a2.txt"]


@pytest.mark.parametrize("location", ["{run_date}.jsonl", "{run_date:%Y/%m}/x.jsonl"])
def test_run_date_is_filled_into_the_location(tmp_path: Path, location: str) -> None:
    path = tmp_path / location.format(run_date=DAY)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}\n")
    assert read(f"{tmp_path}/{location}") == [b"{}"]


@pytest.mark.parametrize("location", ["{day}.csv", "{", "{0}", "{run_date.x}"])
def test_location_with_other_braces_is_refused(location: str) -> None:
    with pytest.raises(ContractError, match="contract orders: the source's location"):
        read(location)


@pytest.mark.parametrize("name", ["none.jsonl", "*.jsonl", "empty-folder"])
def test_location_without_a_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty-folder").mkdir()
    with pytest.raises(SourceError, match="no jsonl file at") as caught:
        read(tmp_path / name)
    assert str(tmp_path / name) in caught.value.message


def test_unknown_and_wrong_options_are_refused_together(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as caught:
        read(tmp_path, "csv", delimeter=";", encoding=8)
    assert "unknown option 'delimeter'" in caught.value.message
    assert "encoding must be text, got 8" in caught.value.message


@pytest.mark.parametrize("wrong", [{"encoding": "utf-5"}, {"delimiter": ";;"}, {"quotechar": ""}])
def test_csv_option_that_makes_no_sense_is_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ContractError, match=next(iter(wrong))):
        read(tmp_path, "csv", **wrong)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """Objects that the tests only read."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="drop")
        client.put_object(Bucket="drop", Key="in/b.csv", Body=b"a\n3\n")
        client.put_object(Bucket="drop", Key="in/a.csv.gz", Body=gzip.compress(b"a\n1\n2\n"))
        client.put_object(Bucket="drop", Key="in/_SUCCESS", Body=b"")
        client.put_object(Bucket="drop", Key="in/sub/c.csv", Body=b"a\n4\n")
        client.put_object(Bucket="drop", Key="in-other/d.csv", Body=b"a\n5\n")
        yield client


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("in/", "1234"),
        ("in", "1234"),
        ("", "51234"),
        ("in/b.csv", "3"),
        ("in/*.csv", "34"),
        ("in*/?.csv", "534"),
    ],
)
def test_s3_place_gives_its_files(s3: Any, key: str, expected: str) -> None:
    contract = make_contract(f"s3://drop/{key}", kind="file", format="csv")
    lines = records(open_source(contract, source_context(DAY, s3=s3)).items)
    assert "".join(json.loads(line)["a"] for line in lines) == expected


def test_s3_place_without_a_file_is_named(s3: Any) -> None:
    contract = make_contract("s3://drop/none/", kind="file", format="csv")
    with pytest.raises(SourceError, match="no csv file at s3://drop/none/"):
        list(open_source(contract, source_context(DAY, s3=s3)).items)


def test_s3_bucket_that_is_missing_is_named(s3: Any) -> None:
    contract = make_contract("s3://nowhere/in/", kind="file", format="csv")
    with pytest.raises(StorageError, match="bucket nowhere does not exist"):
        list(open_source(contract, source_context(DAY, s3=s3)).items)


def test_s3_object_whose_stream_breaks_is_named(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(self: StreamingBody, *_: Any, **__: Any) -> bytes:
        raise ResponseStreamingError(error="connection reset")

    monkeypatch.setattr(StreamingBody, "read", break_off)
    monkeypatch.setattr(StreamingBody, "readinto", break_off)
    contract = make_contract("s3://drop/in/b.csv", kind="file", format="csv")
    with pytest.raises(SourceError, match="s3://drop/in/b.csv cannot be read"):
        list(open_source(contract, source_context(DAY, s3=s3)).items)


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_reading_a_large_file_takes_little_memory(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"a.{format}.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"a\n")
        for _ in range(20):
            file.write((b"x" * 99 + b"\n") * 10_000)
    contract = make_contract(str(path), kind="file", format=format)
    tracemalloc.start()
    try:
        items = open_source(contract, source_context(DAY)).items
        rows = sum(each.rows for each in items if isinstance(each, Lines))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows >= 200_000
    assert peak < 16 * 1024**2
