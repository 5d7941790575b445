"""Read JSON lines."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO

from etl.errors import SourceError
from etl.sources.files.blocks import cut_at_ends, read_chunks
from etl.sources.files.utf8 import is_utf8
from etl.sources.lines import encode_json, wrap_invalid_utf8, wrap_malformed
from etl.sources.records import Lines

_SPACE = b" \t\r\n"
# Numbers are only skipped over: as text they need no conversion and have no limit.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
# Marks too: of one at the start of a raw object, not all readers see the same.
_BEFORE_RECORD = re.compile(rb"\A(?:[ \t\r\n]|\xef\xbb\xbf)+")
# Space at a line's start or end, or a line of nothing else, or a byte order mark at its start; it
# begins with "\n" to be found fast.
_UNCLEAN = re.compile(rb"\n(?:[ \t\n]|\xef\xbb\xbf|(?<=[ \t]\n))")


def read_json_lines(stream: IO[bytes], *, name: str, limit_bytes: int) -> Iterator[Lines]:
    """The lines of a stream, without white space around them and byte order marks before them;
    blank ones hold no record.

    Args:
        name: The file's name, for messages.

    Raises:
        SourceError: A line is longer than `limit_bytes`.
    """
    before = 0
    for block in cut_at_ends(read_chunks(stream), find_end=_after_newline, limit=limit_bytes):
        if not before:
            block = block.removeprefix(codecs.BOM_UTF8)
        lines = block.count(b"\n")
        yield from _read_block(block, lines, before, name, limit_bytes)
        before += lines


def _after_newline(chunk: bytes) -> int:
    return chunk.rfind(b"\n") + 1


def _read_block(
    block: bytes, lines: int, before: int, name: str, limit_bytes: int
) -> Iterator[Lines]:
    plain = block.replace(b"\r\n", b"\n") if b"\r" in block else block
    if not plain.endswith(b"\n"):
        plain += b"\n"
        lines += 1
    if len(plain) <= limit_bytes and _is_clean(plain):
        yield Lines(plain, lines)
        return
    records = []
    for number, line in enumerate(block.split(b"\n"), start=before + 1):
        if len(line) > limit_bytes:
            raise SourceError(
                f"{name}: line {number} is longer than {limit_bytes / 1024**2:g} MiB",
                fix="see whether it is a file of JSON lines, or raise recordLimitMib",
            )
        if record := _BEFORE_RECORD.sub(b"", line).rstrip(_SPACE):
            records.append(_as_line(record))
    if records:
        yield Lines(b"\n".join(records) + b"\n", len(records))


def _is_clean(block: bytes) -> bool:
    """Whether its lines are records as they are."""
    return (
        block[0] not in _SPACE
        and b"\r" not in block
        and not block.startswith(codecs.BOM_UTF8)
        and not _UNCLEAN.search(block)
        and is_utf8(block)
    )


def _as_line(record: bytes) -> bytes:
    try:
        text = record.decode()
    except UnicodeDecodeError:
        return wrap_invalid_utf8(record)
    if "\r" not in text:
        return record
    # Readers that take a carriage return for a line's end would see two records here.
    try:
        _DECODER.decode(text)
    except ValueError as error:
        return wrap_malformed(f"not JSON: {error}", _line=text)
    except RecursionError:
        return wrap_malformed("not JSON: nested too deeply", _line=text)
    return encode_json(text)
