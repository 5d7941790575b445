"""An incoming object's bytes as records, by the suffix of its name."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from etl.errors import ProcessingError
from etl.judge import INVALID_UTF8_KEY
from etl.model import Contract, SourceFormat
from etl.sources.files.csv_rows import Dialect, Fields, read_csv
from etl.sources.files.json_documents import read_json_document
from etl.sources.records import Lines

_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
# Numbers are only skipped over: as text they need no conversion and have no limit.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What an object's name says of its content."""

    format: SourceFormat
    is_compressed: bool


_SUFFIXES: dict[str, SourceFormat] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


def kind_of(name: str) -> Kind:
    """What an object of this name holds.

    Raises:
        ProcessingError: Its suffix is none that is processed.
    """
    plain = name.removesuffix(".gz")
    for suffix, format in _SUFFIXES.items():
        if plain.lower().endswith(suffix):
            return Kind(format=format, is_compressed=plain != name)
    raise ProcessingError(
        f"{name}: its suffix says nothing of its content",
        fix=f"name it {', '.join(_SUFFIXES)}, or one of these with .gz",
    )


def decompress(body: bytes, *, name: str, limit_bytes: int) -> bytes:
    """What was compressed by gzip, if it is no larger than the limit.

    Raises:
        ProcessingError: It is larger, damaged or cut off.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
            plain = stream.read(limit_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ProcessingError(
            f"{name} is not a whole gzip file: {error}", fix="send the file again"
        ) from error
    if len(plain) > limit_bytes:
        raise ProcessingError(
            f"{name} holds more than {limit_bytes / 1024**2:g} MiB when it is decompressed",
            fix="send it in parts, or raise processor.object_limit_mib",
        )
    return plain


def read_records(body: bytes, format: SourceFormat, contract: Contract, name: str) -> Iterator[str]:
    """The records, each as one JSON text.

    Args:
        contract: Its names must be normalised.
        name: The object's, for messages.

    Raises:
        SourceError: The content is not what its name says; may come while iterating.
    """
    limit = max(len(body), 1)
    if format == "csv":
        blocks = _read_csv(body, contract, name, limit)
    elif format == "json" and not _holds_lines(body):
        blocks = read_json_document(io.BytesIO(body), name=name, limit_bytes=limit)
    else:
        yield from map(_as_text, filter(None, (line.strip(_SPACE) for line in _lines(body))))
        return
    for block in blocks:
        yield from block.data.decode().split("\n")[:-1]


def _lines(body: bytes) -> Iterator[bytes]:
    """One at a time: a list of empty ones would be many times the body."""
    return iter(io.BytesIO(body.removeprefix(_BOM)))


def _holds_lines(body: bytes) -> bool:
    """Whether a .json object's first line is an object of its own."""
    first = next(_lines(body.removeprefix(_BOM).strip(_SPACE)), b"").rstrip(b"\n")
    if not first.startswith(b"{"):
        return False
    try:
        _DECODER.decode(first.decode())
    except (ValueError, RecursionError):
        return False
    return True


def _as_text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return json.dumps({INVALID_UTF8_KEY: True})


def _read_csv(body: bytes, contract: Contract, name: str, limit: int) -> Iterator[Lines]:
    columns = contract.received_columns
    needed = {*contract.primary_key, *(each.name for each in columns if each.required)}
    fields = Fields(
        names=[each.path[0] for each in columns],
        needed=[each.path[0] for each in columns if each.name in needed],
        normalised=True,
    )
    stream = io.BytesIO(body)
    return read_csv(stream, name=name, fields=fields, dialect=Dialect(), limit_bytes=limit)
