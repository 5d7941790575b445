"""JSON lines as Arrow batches: raw records as they were received, and quarantined ones."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import IO, Any, cast

import pyarrow as pa
import zstandard

from etl.catalog.stores import Store, StoredFile
from etl.model import Contract
from etl.received import Number
from etl.tidying import normalise_name

RECORD = "_record"  # the line itself
QUARANTINE_COLUMNS = ("payload", "reasons", "dataset", "source_uri", "contract_version")

_BATCH_ROWS = 16 * 1024
_BATCH_BYTES = 8 * 1024 * 1024
_READ_BYTES = 4 * 1024 * 1024

Files = Mapping[date, Sequence[StoredFile]]


def raw_schema(contract: Contract) -> pa.Schema:
    """Each field of a record that the contract reads, as text; the run date; the line itself."""
    fields = [pa.field(name, pa.string()) for name in _received_fields(contract)]
    return pa.schema([*fields, _run_date(contract), pa.field(RECORD, pa.string())])


def quarantine_schema(contract: Contract) -> pa.Schema:
    """What the transform says of each rejected line, as text; the run date."""
    return pa.schema([*((n, pa.string()) for n in QUARANTINE_COLUMNS), _run_date(contract)])


def raw_batches(store: Store, contract: Contract, files: Files) -> Iterator[pa.RecordBatch]:
    """Records in the order of their objects.

    A text is the text, another value its JSON with every digit, null and what is missing NULL. Of a
    line that is no JSON object only the line itself is there.
    """
    schema = raw_schema(contract)
    for run_date, lines in _line_batches(store, files):
        records = [_parse(line, contract.normalise_names) for line in lines]
        columns = [
            [_text(record.get(name)) for record in records] for name in _received_fields(contract)
        ]
        texts = [line.decode(errors="replace") for line in lines]
        yield _batch(schema, [*columns, [run_date] * len(lines), texts])


def quarantine_batches(store: Store, contract: Contract, files: Files) -> Iterator[pa.RecordBatch]:
    """Rejected lines with their reasons."""
    schema = quarantine_schema(contract)
    for run_date, lines in _line_batches(store, files):
        records = [json.loads(line) for line in lines]
        columns = [[record.get(name) for record in records] for name in QUARANTINE_COLUMNS]
        yield _batch(schema, [*columns, [run_date] * len(lines)])


def open_unpacked(store: Store, file: StoredFile) -> IO[bytes]:
    """A file's content, unpacked as its name says."""
    raw = cast(io.RawIOBase, store.open(file))
    packed = io.BufferedReader(raw, _READ_BYTES)
    if file.uri.endswith(".gz"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=packed))
    if file.uri.endswith(".zst"):
        reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        return io.BufferedReader(cast(io.RawIOBase, reader), _READ_BYTES)
    return packed


def _line_batches(store: Store, files: Files) -> Iterator[tuple[date, list[bytes]]]:
    for run_date, found in files.items():
        lines: list[bytes] = []
        size = 0
        for file in found:
            with open_unpacked(store, file) as content:
                for line in content:
                    lines.append(line.rstrip(b"\n"))
                    size += len(line)
                    if len(lines) == _BATCH_ROWS or size >= _BATCH_BYTES:
                        yield run_date, lines
                        lines, size = [], 0
        if lines:
            yield run_date, lines


def _received_fields(contract: Contract) -> tuple[str, ...]:
    names = (column.path[0] for column in contract.columns if column.path)
    return tuple(dict.fromkeys(name for name in names if name != contract.partition))


def _run_date(contract: Contract) -> pa.Field:
    return pa.field(contract.partition, pa.date32())


def _batch(schema: pa.Schema, columns: list[list[Any]]) -> pa.RecordBatch:
    arrays = [_array(each, field.type) for each, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # JSON can say half a surrogate pair, which is no text
        texts = (each and each.encode("utf-8", "backslashreplace").decode() for each in values)
        return pa.array(texts, kind)


def _parse(line: bytes, normalise: bool) -> dict[str, Any]:
    try:
        found = json.loads(line, parse_int=Number, parse_float=Number, parse_constant=Number)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {normalise_name(name): each for name, each in found.items()} if normalise else found


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json_text(value)


def json_text(value: Any) -> str:
    """JSON text with numbers as they were received."""
    if isinstance(value, Number):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(json_text, value))}]"
    if isinstance(value, dict):
        pairs = (
            f"{json.dumps(name, ensure_ascii=False)}: {json_text(value[name])}" for name in value
        )
        return f"{{{', '.join(pairs)}}}"
    return json.dumps(value, ensure_ascii=False)
