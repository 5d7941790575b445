"""Read JSON lines."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import IO

from etl.errors import SourceError
from etl.sources.lines import encode_json, wrap_invalid_utf8, wrap_malformed


def read_json_lines(stream: IO[bytes], *, name: str, limit_bytes: int) -> Iterator[bytes]:
    """The lines of a stream, without their line ends; blank lines hold no record and are skipped.

    Args:
        name: The file's name, for messages.

    Raises:
        SourceError: A line is longer than `limit_bytes`.
    """
    number = 0
    while line := stream.readline(limit_bytes + 1):
        number += 1
        if len(line) > limit_bytes:
            raise SourceError(
                f"{name}: line {number} is longer than {limit_bytes / 1024**2:g} MiB",
                fix="see whether it is a file of JSON lines, or raise record_limit_mib",
            )
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if record := line.strip(b" \t\r\n"):
            yield _as_line(record)


def _as_line(record: bytes) -> bytes:
    try:
        text = record.decode()
    except UnicodeDecodeError:
        return wrap_invalid_utf8(record)
    if "\r" not in text:
        return record
    # Readers that take a carriage return for a line's end would see two records here.
    try:
        json.loads(text)
    except ValueError as error:
        return wrap_malformed(f"not JSON: {error}", _line=text)
    return encode_json(text)
