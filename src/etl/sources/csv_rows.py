"""Read CSV with the meaning of Python's csv module: each row a JSON object of strings."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

from etl.errors import SourceError
from etl.sources.lines import encode_text, wrap_malformed


def read_csv(
    text: TextIO,
    *,
    name: str,
    needed: Sequence[str],
    delimiter: str = ",",
    quotechar: str = '"',
    limit_bytes: int,
) -> Iterator[bytes]:
    """The rows under the header; blank lines are skipped, as csv.DictReader does.

    A row with more or fewer fields than the header is kept as a malformed one, with its fields.

    Args:
        text: Opened with newline="" and errors="surrogateescape".
        name: The file's name, for messages.
        needed: Names that the header must have.
        limit_bytes: Longest line and field (in characters, to be exact); a quote that is never
            closed is noticed by it.

    Raises:
        SourceError: The header is missing or lacks a name, or a row cannot be read.
    """
    csv.field_size_limit(limit_bytes)
    lines = _bounded_lines(text, limit_bytes)
    rows = csv.reader(lines, delimiter=delimiter, quotechar=quotechar)
    try:
        header = next((row for row in rows if row), None)
        _check_header(header, name, needed)
        for row in rows:
            if row:
                yield _encode_row(header or [], row)
    except csv.Error as error:
        raise SourceError(
            f"{name}: line {rows.line_num}: {error}",
            fix="look for a quote that is never closed, or another delimiter or encoding",
        ) from error
    except UnicodeError as error:
        raise SourceError(
            f"{name}: near line {rows.line_num}: {error}",
            fix="set the source's option `encoding` to the file's",
        ) from error


def _bounded_lines(text: TextIO, limit: int) -> Iterator[str]:
    while line := text.readline(limit + 1):
        if len(line) > limit:
            raise csv.Error(f"longer than {limit / 1024**2:g} Mi characters")
        yield line


def _check_header(header: list[str] | None, name: str, needed: Sequence[str]) -> None:
    fix = "the first line must name the columns; check the file and the option `delimiter`"
    if header is None:
        raise SourceError(f"{name} is empty: it has no header line", fix=fix)
    twice = [column for column, count in Counter(header).items() if count > 1]
    if twice:
        raise SourceError(f"{name}: the header has {', '.join(twice)} more than once", fix=fix)
    missing = [column for column in needed if column not in header]
    if missing:
        found = ", ".join(header[:20])
        raise SourceError(
            f"{name}: the header lacks {', '.join(missing)} (it has {found})", fix=fix
        )


def _encode_row(header: list[str], row: list[str]) -> bytes:
    if len(row) != len(header):
        why = f"{len(row)} fields where the header has {len(header)}"
        return wrap_malformed(why, _fields=row)
    return encode_text(json.dumps(dict(zip(header, row)), ensure_ascii=False))
