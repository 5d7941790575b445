"""A sample file as columns of values, as the pipeline would receive them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

from etl.errors import SourceError, UsageError
from etl.judge import INVALID_UTF8_KEY, MALFORMED_KEY
from etl.model import Encoding, SourceFormat
from etl.proposing.csv_sample import CsvHints, CsvRows, read_csv_rows
from etl.received import Number
from etl.sources.files.compression import SUFFIXES as COMPRESSED
from etl.sources.files.compression import decompressed
from etl.sources.files.json_documents import read_json_document
from etl.sources.files.json_lines import read_json_lines
from etl.sources.records import Lines

Names = tuple[str, ...]

_LONGEST_RECORD = 64 * 1024 * 1024  # bytes, as runs have it unless the contract says otherwise
_HEAD_BYTES = 1024 * 1024
_FORMATS: dict[str, SourceFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number)


@dataclass(frozen=True, kw_only=True)
class SampleColumn:
    """One field of the records.

    Attributes:
        path: The names that lead to the value in a record.
        values: Of each record: None, text, `Number`, bool or a list.
    """

    path: Names
    values: list[Any]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was read of a file.

    Attributes:
        suffix: How a name must end so that the pipeline reads the file as this one.
        options: Of the contract's source, such as the delimiter.
        rows: How many records are in `columns`.
        notes: What a person should know of the file.
    """

    path: Path
    format: SourceFormat
    suffix: str
    columns: list[SampleColumn]
    rows: int
    options: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def encoding(self) -> Encoding:
        """Whether every value is text, as in CSV."""
        return "text" if self.format == "csv" else "json"


def read_sample(path: Path, *, hints: CsvHints, most_rows: int) -> Sample:
    """The first records of a file, by column.

    Raises:
        UsageError: There is no such file, or its name does not say what it holds.
        SourceError: It is empty, damaged, or not what its name says.
    """
    format, compression = _kind(path)
    try:
        if format == "json":
            with _open(path) as plain:
                format = "jsonl" if _holds_lines(plain.read(_HEAD_BYTES)) else "json"
        with _open(path) as plain:
            if format == "csv":
                return _read_csv(plain, path, compression, hints, most_rows)
            return _read_json(plain, path, format, compression, most_rows)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror or error}", fix="name a file: FROM=sample.csv"
        ) from error


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as stream, decompressed(stream, name=path.name) as plain:
        yield plain


def _kind(path: Path) -> tuple[SourceFormat, str]:
    compression = next((each for each in COMPRESSED if path.name.lower().endswith(each)), "")
    suffix = Path(path.name.lower().removesuffix(compression)).suffix
    if suffix not in _FORMATS:
        raise UsageError(
            f"{path.name} does not say what it holds",
            fix=f"name a file that ends in {', '.join(_FORMATS)}, or one of these with "
            + " or ".join(COMPRESSED),
        )
    return _FORMATS[suffix], compression


def _holds_lines(head: bytes) -> bool:
    """Whether a JSON file's first line is an object of its own, with others behind it."""
    lines = head.removeprefix(b"\xef\xbb\xbf").strip().splitlines()
    try:
        return len(lines) > 1 and isinstance(json.loads(lines[0]), dict)
    except ValueError:
        return False


def _read_csv(
    stream: IO[bytes], path: Path, compression: str, hints: CsvHints, most_rows: int
) -> Sample:
    found = read_csv_rows(stream, name=path.name, hints=hints, most_rows=most_rows)
    # A row of empty fields says nothing of its columns.
    rows = [row for row in found.rows if any(row)]
    if not rows:
        raise SourceError(f"{path.name} has no values", fix="name a file with a header and rows")
    columns = [
        SampleColumn(path=(name,), values=[row[index] or None for row in rows])
        for index, name in enumerate(_field_names(found.header, len(rows[0])))
    ]
    return Sample(
        path=path,
        format="csv",
        suffix=f".csv{compression}",
        columns=columns,
        rows=len(rows),
        options=found.options,
        notes=(*_csv_notes(found, len(rows)), *_beginning_only(len(rows), found.is_whole)),
    )


def _csv_notes(found: CsvRows, filled: int) -> Iterator[str]:
    if found.ragged:
        yield f"{found.ragged} rows have more or fewer fields than the header"
    if filled < len(found.rows):
        yield f"{len(found.rows) - filled} rows are empty"
    if found.header is None:
        yield "the first row looks like data: the file has no header (HEADER=yes if it has one)"
    elif "columnsByPosition" in found.options:
        yield "the header has a name twice, or none: columns are told by their position"


def _field_names(header: list[str] | None, width: int) -> list[str]:
    """A name for every field, those of an ambiguous header made different."""
    names: list[str] = []
    for index, given in enumerate(header or [""] * width, start=1):
        name, count = given or f"column_{index}", 1
        while name in names:
            count += 1
            name = f"{given or 'column'}_{count}"
        names.append(name)
    return names


def _read_json(
    stream: IO[bytes], path: Path, format: SourceFormat, compression: str, most_rows: int
) -> Sample:
    read = read_json_document if format == "json" else read_json_lines
    blocks = read(stream, name=path.name, limit_bytes=_LONGEST_RECORD)
    lines = islice(_lines(blocks), most_rows + 1)
    records = [each for each in map(_record, lines) if each is not None]
    if not any(records):
        raise SourceError(f"{path.name} holds no JSON objects", fix="name a file with records")
    is_whole = len(records) <= most_rows
    records = records[:most_rows]
    columns, notes = columns_of(records)
    return Sample(
        path=path,
        format=format,
        suffix=f".{format}{compression}",
        columns=columns,
        rows=len(records),
        notes=(*notes, *_beginning_only(len(records), is_whole)),
    )


def _lines(blocks: Iterable[Lines]) -> Iterator[bytes]:
    for block in blocks:
        yield from block.data.splitlines()


def _record(line: bytes) -> dict[str, Any] | None:
    """The line's object; None for what goes to quarantine as a whole."""
    try:
        record = _DECODER.decode(line.decode())
    except (ValueError, RecursionError):
        return None
    is_record = isinstance(record, dict) and not {INVALID_UTF8_KEY, MALFORMED_KEY} & set(record)
    return record if is_record else None


def columns_of(records: Sequence[dict[str, Any]]) -> tuple[list[SampleColumn], list[str]]:
    """The records' values by field, those of nested objects by their path; and what is left out."""
    values: dict[Names, list[Any]] = {}
    for index, record in enumerate(records):
        for path, value in _leaves(record, ()):
            column = values.setdefault(path, [None] * index)
            column += [None] * (index - len(column))
            column.append(value)
    for column in values.values():
        column += [None] * (len(records) - len(column))
    left_out = dict(_unusable(values))
    columns = [
        SampleColumn(path=path, values=column)
        for path, column in values.items()
        if path not in left_out
    ]
    return columns, [each for each in left_out.values() if each]


def _leaves(record: dict[str, Any], path: Names) -> Iterator[tuple[Names, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _unusable(values: dict[Names, list[Any]]) -> Iterator[tuple[Names, str]]:
    """Fields that no contract can name, and what to say of them."""
    objects = {path[:depth] for path in values for depth in range(1, len(path))}
    for path, column in values.items():
        shown = ".".join(path)
        if not all(path):
            yield path, f'"{shown}" is left out: it has no name'
        elif path in objects:
            count = sum(each is not None for each in column)
            if count:
                yield path, f'"{shown}" is an object in most records: {count} other values are lost'
            else:
                yield path, ""


def _beginning_only(rows: int, is_whole: bool) -> list[str]:
    return [] if is_whole else [f"only the first {rows:,} records were looked at"]
