"""What files may hold, and how they may be compressed."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from source_samples import make_contract
from support.source_contexts import records, source_context

from etl.errors import ContractError, SourceError
from etl.model import Column, Contract, Field, Type
from etl.sources.files import json_documents, json_lines
from etl.sources.files.csv_rows import Dialect, Fields, read_csv
from etl.sources.open import open_source
from etl.sources.options import option_name
from etl.sources.records import Lines, SourceObject

DAY = date(2026, 1, 5)
ROWS = [{"a": 1, "b": "Zoë"}, {"a": 2, "b": None}]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "zst": zstandard.compress}


def contract_for(path: Path, format: str, **options: Any) -> Contract:
    return make_contract(str(path), kind="file", format=format, options=options)


def read(path: Path, format: str, **options: Any) -> list[Any]:
    opened = open_source(contract_for(path, format, **options), source_context(DAY))
    return [json.loads(line) for line in records(opened.items)]


def test_each_file_is_announced_before_its_records(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(LINES)
    (tmp_path / "b.jsonl").write_bytes(b"")
    opened = open_source(contract_for(tmp_path, "jsonl"), source_context(DAY))
    first, lines, second = opened.items
    assert isinstance(first, SourceObject) and isinstance(second, SourceObject)
    assert (first.uri, first.size) == (str(tmp_path / "a.jsonl"), len(LINES))
    assert datetime.fromisoformat(first.modified_at).tzinfo == UTC
    assert lines == Lines(LINES, 2)
    assert second.uri == str(tmp_path / "b.jsonl")
    assert opened.progress() == {}


# Compression


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("named", [True, False])
def test_compression_is_told_by_the_name_or_the_first_bytes(
    tmp_path: Path, suffix: str, named: bool
) -> None:
    compress = COMPRESS[suffix]
    path = tmp_path / (f"a.jsonl.{suffix}" if named else "a.jsonl")
    path.write_bytes(compress(LINES) + compress(LINES))
    assert read(tmp_path, "jsonl") == ROWS + ROWS


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("format", ["csv", "json", "jsonl"])
def test_compressed_file_that_is_cut_off_is_named(tmp_path: Path, suffix: str, format: str) -> None:
    content = {"csv": b"a,b\n" + b"1,2\n" * 9999, "json": json.dumps(ROWS).encode()}
    body = COMPRESS[suffix](content.get(format, LINES))
    (tmp_path / f"a.{format}.{suffix}").write_bytes(body[:-3])
    with pytest.raises(SourceError, match="is not a whole (gzip|zstd) file") as caught:
        read(tmp_path, format)
    assert f"a.{format}.{suffix}" in caught.value.message and caught.value.fix


GZIPPED = gzip.compress(LINES)


@pytest.mark.parametrize(
    "body",
    [
        GZIPPED[:5],
        GZIPPED[:20] + bytes([GZIPPED[20] ^ 0xFF]) + GZIPPED[21:],
        GZIPPED[:-6] + bytes([GZIPPED[-6] ^ 1]) + GZIPPED[-5:],
        GZIPPED[:-1] + b"\1",
        GZIPPED + GZIPPED[:-1],
        GZIPPED + b"more",
        LINES,
    ],
    ids=["header only", "flipped", "checksum", "length", "second member", "more", "plain"],
)
def test_damaged_gzip_file_is_named(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(body)
    with pytest.raises(SourceError, match="a.jsonl.gz is not a whole gzip file"):
        read(tmp_path, "jsonl")


def test_gzip_file_may_be_filled_up_with_zeros(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(GZIPPED + bytes(512))
    assert read(tmp_path, "jsonl") == ROWS


# JSON lines in blocks

SPACE = st.sampled_from([b"", b" ", b"\t", b"\r", b" \r", codecs.BOM_UTF8])
LINE = st.one_of(
    st.sampled_from(
        [b"", b"{}", b'{"a": 1}', b'{"a":\r1}', b"caf\xe9", '"Zoë"'.encode(), codecs.BOM_UTF8]
    ),
    st.binary(max_size=9).map(lambda text: text.replace(b"\n", b"")),
)


@given(
    st.lists(st.tuples(SPACE, LINE, SPACE).map(b"".join), max_size=12), st.integers(1, 20), SPACE
)
def test_blocks_give_what_single_lines_give(
    lines: list[bytes], block_bytes: int, end: bytes
) -> None:
    def read_all(body: bytes) -> list[bytes]:
        items = json_lines.read_json_lines(io.BytesIO(body), name="f", limit_bytes=1000)
        return records(items)

    body = b"\n".join(lines) + end
    alone = [record for line in body.split(b"\n") for record in read_all(line)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("etl.sources.files.blocks.BLOCK_BYTES", block_bytes)
        found = read_all(body)
    assert found == alone


# JSON documents

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(VALUES), st.integers(1, 30), st.sampled_from([None, 1]), st.booleans())
def test_json_document_gives_the_elements_of_its_array(
    values: list[Any], block_bytes: int, indent: int | None, ascii_only: bool
) -> None:
    body = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode(
        "utf-8", "surrogatepass"
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("etl.sources.files.blocks.BLOCK_BYTES", block_bytes)
        items = json_documents.read_json_document(io.BytesIO(body), name="f", limit_bytes=10**6)
        found = [json.loads(line) for line in records(items)]
    assert json.dumps(found) == json.dumps(values) or b"\xed" in body


def test_json_document_is_cut_byte_for_byte(tmp_path: Path) -> None:
    text = '\ufeff [ {"a": 12.50, "b":1e400},\n {"a":\r\n "Zoë"} , 7 ]\n'
    (tmp_path / "a.json").write_text(text, encoding="utf-8", newline="")
    opened = open_source(contract_for(tmp_path, "json"), source_context(DAY))
    expected = ['{"a": 12.50, "b":1e400}', '{"a":   "Zoë"}', "7"]
    assert records(opened.items) == [each.encode() for each in expected]


def test_json_document_that_is_one_object_is_one_record(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{\n "a": {"b": [1, 2]}\n}\n')
    assert read(tmp_path, "json") == [{"a": {"b": [1, 2]}}]


def test_json_document_wraps_the_element_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'[{"a": 1}, {"a": "caf\xe9"}, {"a": 2}]')
    first, wrapped, last = read(tmp_path, "json")
    assert (first, list(wrapped), last) == ({"a": 1}, ["_invalid_utf8_base64"], {"a": 2})


@pytest.mark.parametrize(
    "body", ["", "[", "[1,", "[1 2]", "[1]]", '{"a": 1', '{"a": 1}\n{"a": 2}', "nul", "[" * 99_999]
)
def test_json_document_that_is_none_is_named(tmp_path: Path, body: str) -> None:
    (tmp_path / "a.json").write_text(body)
    with pytest.raises(SourceError, match="a.json is (not a JSON document|nested too deeply)"):
        read(tmp_path, "json")


def test_json_document_above_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"a": "' + "x" * 4 * 1024**2 + '"}]')
    with pytest.raises(SourceError, match="no end of a value within 1 Mi characters"):
        read(tmp_path, "json", record_limit_mib=1)


# CSV

FIELD = st.text(st.sampled_from('ab";,\'\n\r\\ \u2028é%"'), max_size=6)
DIALECTS = [
    Dialect(),
    Dialect(delimiter=";", quotechar="'"),
    Dialect(delimiter="\t", escapechar="\\", doublequote=False),
    Dialect(delimiter="|", quotechar="'", escapechar="\\"),
    Dialect(encoding="utf-16"),
]


@given(
    st.lists(st.lists(FIELD, min_size=2, max_size=2), max_size=8),
    st.sampled_from(DIALECTS),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 40),
)
def test_csv_gives_what_the_csv_module_wrote(
    rows: list[list[str]], dialect: Dialect, line_end: str, block_bytes: int
) -> None:
    text = io.StringIO(newline="")
    form: Any = {
        "delimiter": dialect.delimiter,
        "quotechar": dialect.quotechar,
        "escapechar": dialect.escapechar,
        "doublequote": dialect.doublequote,
        "lineterminator": line_end,
        "quoting": csv.QUOTE_ALL,
    }
    csv.writer(text, **form).writerows([["a", "b%s"], *rows])
    body = text.getvalue().encode(dialect.encoding)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("etl.sources.files.blocks.BLOCK_BYTES", block_bytes)
        found = records(
            read_csv(
                io.BytesIO(body),
                name="f",
                fields=Fields(names=["a"], needed=["a"]),
                dialect=dialect,
                limit_bytes=10**6,
            )
        )
    assert [list(json.loads(line).values()) for line in found] == rows
    assert all(list(json.loads(line)) == ["a", "b%s"] for line in found)


def csv_contract(path: Path, **options: Any) -> Contract:
    columns = (
        Column(name="id", type=Type(kind="string"), path=("id",), required=True),
        Column(name="user_name", type=Type(kind="string"), path=("user_name",)),
        Column(name="day", type=Type(kind="date"), derive=["run_date"]),
    )
    return replace(contract_for(path, "csv", **options), columns=columns)


def read_with(contract: Contract) -> list[Any]:
    opened = open_source(contract, source_context(DAY))
    return [json.loads(line) for line in records(opened.items)]


def test_csv_without_a_header_has_the_columns_of_the_contract_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,x\n2,y,z\n")
    good, bad = read_with(csv_contract(tmp_path, header=False))
    assert good == {"id": "1", "user_name": "x"}
    assert bad["_fields"] == ["2", "y", "z"]


def test_csv_without_quotes_takes_them_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('id\tuser_name\n1\t"x\n2\ty"\n')
    rows = read_with(csv_contract(tmp_path, delimiter="\t", quotechar=None))
    assert [row["user_name"] for row in rows] == ['"x', 'y"']


def test_csv_header_that_has_changed_shows_what_differs(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,username\n1,x\n")
    with pytest.raises(SourceError, match="the header lacks user_name") as caught:
        read_with(csv_contract(tmp_path))
    assert "expected id, user_name\n    found    id, username" in caught.value.message
    assert read_with(csv_contract(tmp_path, allow_missing_columns=True)) == [
        {"id": "1", "username": "x"}
    ]


def test_csv_header_is_compared_by_normalised_names_where_the_contract_says_so(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text("ID,User Name\n1,x\n")
    contract = replace(csv_contract(tmp_path), normalise_names=True)
    assert read_with(contract) == [{"ID": "1", "User Name": "x"}]


def test_csv_quote_that_is_never_closed_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,user_name\n1,"x\n2,y\n')
    with pytest.raises(SourceError, match="a.csv: line 3: unexpected end of data"):
        read_with(csv_contract(tmp_path))


@pytest.mark.parametrize(
    "wrong",
    [{"escapechar": "ab"}, {"doublequote": "no"}, {"header": "none"}, {"after_load": "burn"}],
)
def test_file_options_that_make_no_sense_are_refused(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ContractError, match=option_name(next(iter(wrong)))):
        read(tmp_path, "csv", **wrong)


# Parquet

KINDS = {
    "id": Type(kind="string"),
    "count": Type(kind="integer"),
    "price": Type(kind="decimal", precision=12, scale=2),
    "weight": Type(kind="double"),
    "sold": Type(kind="boolean"),
    "day": Type(kind="date"),
    "at": Type(kind="timestamp"),
    "items": Type(
        kind="array",
        element=Type(
            kind="object",
            fields=(Field(name="price", type=Type(kind="decimal", precision=9, scale=2)),),
        ),
    ),
}
MOMENT = datetime(2026, 1, 5, 9, 15, 27, 123456, UTC)


def table() -> pa.Table:
    return pa.table(
        {
            "id": pa.array(["Zoë", "b"]).dictionary_encode(),
            "count": pa.array([2**62, None], pa.int64()),
            "price": pa.array([Decimal("12.50"), Decimal("-0.01")], pa.decimal128(12, 2)),
            "weight": pa.array([0.1, float("nan")]),
            "sold": [True, False],
            "day": [date(2026, 1, 5), None],
            "at": pa.array([MOMENT, None], pa.timestamp("us", "Europe/Berlin")),
            "items": [[{"price": Decimal("1.50")}], []],
            "extra": ["x", "y"],
            "blob": [b"x", b"y"],
        }
    )


def read_table(tmp_path: Path, found: pa.Table, **options: Any) -> list[Any]:
    pq.write_table(found, tmp_path / "a.parquet", row_group_size=1)
    columns = tuple(Column(name=name, type=kind, path=(name,)) for name, kind in KINDS.items())
    contract = replace(contract_for(tmp_path, "parquet", **options), columns=columns)
    return read_with(contract)


def with_column(name: str, values: Any) -> pa.Table:
    made = table()
    return made.set_column(made.schema.get_field_index(name), name, values)


def test_parquet_values_are_written_exactly(tmp_path: Path) -> None:
    first, second = read_table(tmp_path, table())
    assert first == {
        "id": "Zoë",
        "count": 2**62,
        "price": "12.50",
        "weight": 0.1,
        "sold": True,
        "day": "2026-01-05",
        "at": "2026-01-05T09:15:27.123456Z",
        "items": [{"price": "1.50"}],
        "extra": "x",
    }
    assert (second["count"], second["price"], second["weight"]) == (None, "-0.01", "nan")


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("id", pa.array([b"a", b"b"]), "id: expected string, found binary"),
        ("price", pa.array([1.5, 2.5]), r"price: expected decimal\(12, 2\), found double"),
        ("count", pa.array(["1", "2"]), "count: expected integer, found string"),
        ("at", pa.array([MOMENT] * 2, pa.timestamp("us")), "which has no zone: set timestampZone"),
        ("items", pa.array([[{"price": b"1"}]] * 2), "its price is binary"),
        ("items", pa.array([1, 2]), "items: expected array of object, found int64"),
    ],
)
def test_parquet_of_another_schema_is_refused(
    tmp_path: Path, name: str, values: Any, message: str
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        read_table(tmp_path, with_column(name, values).drop_columns(["sold"]))
    assert "a.parquet has another schema" in caught.value.message
    assert "sold: expected boolean, found no such column" in caught.value.message


def test_parquet_timestamps_without_a_zone_are_read_where_the_contract_says_it(
    tmp_path: Path,
) -> None:
    naive = pa.array([datetime(2026, 7, 5, 9)] * 2, pa.timestamp("ns"))
    rows = read_table(tmp_path, with_column("at", naive), timestamp_zone="Europe/Berlin")
    assert rows[0]["at"] == "2026-07-05T07:00:00.000000Z"


def test_parquet_may_lack_columns_where_the_contract_says_so(tmp_path: Path) -> None:
    rows = read_table(tmp_path, table().drop_columns(["sold"]), allow_missing_columns=True)
    assert len(rows) == 2


@pytest.mark.parametrize("damage", [lambda body: body[:-9], lambda body: b"PAR1" + b"x" * 99])
def test_parquet_that_is_damaged_is_named(tmp_path: Path, damage: Any) -> None:
    body = io.BytesIO()
    pq.write_table(table(), body)
    (tmp_path / "a.parquet").write_bytes(damage(body.getvalue()))
    with pytest.raises(SourceError, match="a.parquet is not a whole Parquet file"):
        read(tmp_path, "parquet")


def test_file_that_grows_while_it_is_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES)
    items = open_source(contract_for(tmp_path, "jsonl"), source_context(DAY)).items
    next(items)
    path.write_bytes(LINES * 2)
    with pytest.raises(SourceError, match="a.jsonl was changed while it was read"):
        list(items)


def csv_file(*lines: str, limit: int) -> Iterator[Lines]:
    """The records of a file whose rows have one field."""
    body = io.BytesIO("\n".join(["a", *lines]).encode())
    fields = Fields(names=["a"], needed=["a"])
    return read_csv(body, name="f", fields=fields, dialect=Dialect(), limit_bytes=limit)


def test_csv_files_with_other_limits_are_read_side_by_side() -> None:
    early, large = csv_file("1", limit=18), csv_file(*["x" * 200_000] * 20, limit=10**7)
    found = records([next(early), next(large)])
    assert list(early) == []
    assert len(records(csv_file("2", limit=18))) == 1
    assert len(found + records(large)) == 21


@pytest.mark.parametrize("line", ["x" * 2_000_001, '"' + "x\n" * 1_000_001 + '"'])
def test_csv_field_above_its_file_s_limit_is_refused_whatever_that_of_others(line: str) -> None:
    others = csv_file("1", limit=10**8)
    next(others)
    assert len(records(csv_file("1", "x" * 2_000_000, "2", limit=2_000_000))) == 3
    with pytest.raises(SourceError, match="line .*: .*longer than 1.9.* Mi characters") as caught:
        list(csv_file("1", line, "2", limit=2_000_000))
    assert "recordLimitMib" in caught.value.fix
