"""Read a CSV file of which nothing is known: encoding, delimiter, header."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from etl.errors import SourceError, UsageError
from etl.proposing.values import kind_of
from etl.sources.files.csv_rows import Dialect, csv_reader

_MOST_BYTES = 64 * 1024 * 1024
_HEAD_CHARACTERS = 256 * 1024
_HEAD_ROWS = 500
_DELIMITERS = (",", ";", "\t", "|")
_NAMED = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_RAGGED_PERCENT = 5
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, kw_only=True)
class CsvHints:
    """What is known of a CSV file beforehand; None is found out.

    Attributes:
        header: Whether the first row names the columns.
    """

    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None


@dataclass(frozen=True, kw_only=True)
class CsvRows:
    """The rows of a CSV file that are as wide as its header.

    Attributes:
        header: None where the file has none.
        ragged: How many rows have more or fewer fields.
        options: What a contract's source has to say of the file.
    """

    header: list[str] | None
    rows: list[list[str]]
    ragged: int
    is_whole: bool
    options: dict[str, Any]


def read_csv_rows(stream: IO[bytes], *, name: str, hints: CsvHints, most_rows: int) -> CsvRows:
    """The first rows of a CSV file.

    Raises:
        UsageError: The encoding is unknown.
        SourceError: It is empty, no text, of another encoding, or no table.
    """
    content = stream.read(_MOST_BYTES + 1)
    is_whole = len(content) <= _MOST_BYTES
    encoding = hints.encoding or _encoding_of(content)
    text = _decode(content[: _MOST_BYTES if is_whole else content.rfind(b"\n")], encoding, name)
    if not text.strip():
        raise SourceError(f"{name} is empty", fix="name a file with a header and some rows")
    dialect = _find_dialect(text, encoding, hints.delimiter)
    rows = _rows(text, dialect, name, is_whole=is_whole, most_rows=most_rows + 1)
    return _table(rows, dialect, hints, name, is_whole=is_whole, most_rows=most_rows)


def _encoding_of(content: bytes) -> str:
    return next((name for bom, name in _BOMS if content.startswith(bom)), "utf-8")


def _decode(content: bytes, encoding: str, name: str) -> str:
    try:
        text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except LookupError as error:
        raise UsageError(
            f'encoding "{encoding}" is unknown', fix="name one that Python knows, e.g. cp1252"
        ) from error
    except UnicodeError as error:
        raise SourceError(f"{name} is not {encoding}{_place(error)}", fix=_guess(error)) from error
    if "\0" in text:
        raise SourceError(f"{name} is no text: it holds NUL bytes", fix="name a file of text")
    return text


def _place(error: UnicodeError) -> str:
    if not isinstance(error, UnicodeDecodeError):
        return ""
    line = error.object.count(b"\n", 0, error.start) + 1
    return f": byte 0x{error.object[error.start]:02x} in line {line}"


def _guess(error: UnicodeError) -> str:
    fix = "name its encoding, e.g. ENCODING=cp1252"
    if not isinstance(error, UnicodeDecodeError):
        return fix
    start, end = max(0, error.start - 10), error.start + 10
    around = error.object[start:end].decode("cp1252", "replace")
    around = "".join(each if each.isprintable() else " " for each in around).strip()
    return f'{fix}, in which that place reads "{around}"'


def _find_dialect(text: str, encoding: str, delimiter: str | None) -> Dialect:
    """The dialect in which most of the first rows are as wide as the header, and widest."""
    head = text[:_HEAD_CHARACTERS]
    delimiters = _DELIMITERS if delimiter is None else (_NAMED.get(delimiter, delimiter),)
    if len(delimiters[0]) != 1:
        raise UsageError(f'delimiter "{delimiter}" is not one character', fix="e.g. DELIMITER=tab")
    plain = [Dialect(encoding=encoding, delimiter=each) for each in delimiters]
    escaped = [
        Dialect(encoding=encoding, delimiter=each, escapechar="\\", doublequote=False)
        for each in (delimiters if '\\"' in head else ())
    ]
    # Of equals the first one counts.
    return max((*plain, *escaped), key=lambda each: _score(head, each))


def _score(head: str, dialect: Dialect) -> tuple[bool, bool, float, int]:
    widths: list[int] = []
    is_sound = True
    try:
        for row in csv_reader(io.StringIO(head, newline=""), dialect):
            widths += [len(row)] if row else []
            if len(widths) == _HEAD_ROWS:
                break
    except csv.Error:
        is_sound = len(head) == _HEAD_CHARACTERS  # cut within quotes
    if not widths:
        return False, False, 0, 0
    share = widths.count(widths[0]) / len(widths)
    return widths[0] > 1, is_sound, round(share, 1), widths[0]


def _rows(
    text: str, dialect: Dialect, name: str, *, is_whole: bool, most_rows: int
) -> list[list[str]]:
    rows: list[list[str]] = []
    reader = csv_reader(io.StringIO(text, newline=""), dialect)
    try:
        for row in reader:
            rows += [row] if row else []
            if len(rows) > most_rows:
                break
    except csv.Error as error:
        if is_whole:
            raise SourceError(
                f"{name}: line {reader.line_num}: {error}",
                fix="look for a quote that is never closed, or name the delimiter: DELIMITER=…",
            ) from error
    return rows


def _table(
    rows: list[list[str]],
    dialect: Dialect,
    hints: CsvHints,
    name: str,
    *,
    is_whole: bool,
    most_rows: int,
) -> CsvRows:
    has_header = not _looks_like_data(rows) if hints.header is None else hints.header
    header = rows[0] if has_header else None
    body = rows[1:] if has_header else rows
    is_whole = is_whole and len(body) <= most_rows
    body = body[:most_rows]
    width = len(rows[0])
    even = [row for row in body if len(row) == width]
    if not even:
        raise SourceError(
            f"{name} has {'a header, but no rows' if not body else 'no row as wide as its header'}",
            fix="name a file with a header and some rows of as many fields",
        )
    if 100 * (len(body) - len(even)) > _RAGGED_PERCENT * len(body):
        raise _ragged(body, width, name)
    options: dict[str, Any] = {} if has_header else {"header": False}
    options |= {} if dialect.encoding == "utf-8" else {"encoding": dialect.encoding}
    options |= {} if dialect.delimiter == "," else {"delimiter": dialect.delimiter}
    options |= {} if dialect.escapechar is None else {"escapechar": "\\", "doublequote": False}
    if header and _is_ambiguous(header):
        options["columnsByPosition"] = True
    ragged = len(body) - len(even)
    return CsvRows(header=header, rows=even, ragged=ragged, is_whole=is_whole, options=options)


def _is_ambiguous(header: Sequence[str]) -> bool:
    return "" in header or len(set(header)) < len(header)


def _ragged(body: list[list[str]], width: int, name: str) -> SourceError:
    widths = Counter(len(row) for row in body if len(row) != width)
    shown = ", ".join(f"{count} rows of {each}" for each, count in widths.most_common(3))
    return SourceError(
        f"{name} is ragged: the header has {width} fields, but there are {shown}",
        fix="mend the file, or name the delimiter: DELIMITER=…",
    )


def _looks_like_data(rows: list[list[str]]) -> bool:
    """Whether the first row is one like the others: each number or date stands where a header would
    have a name."""
    first, others = rows[0], rows[1 : _HEAD_ROWS + 1]
    typed = 0
    for index, cell in enumerate(first):
        cells = [row[index] for row in others if len(row) > index and row[index]]
        kinds = Counter(_broad_kind(each) for each in cells).most_common(1)
        if kinds and kinds[0][0] != "string":
            if not cell or _broad_kind(cell) != kinds[0][0] or _is_year(cell):
                return False
            typed += 1
    return typed > 0


def _broad_kind(cell: str) -> str:
    kind = kind_of(cell, "text")
    return "number" if kind in ("integer", "decimal", "double") else kind


def _is_year(cell: str) -> bool:
    return len(cell) == 4 and cell[:2] in ("18", "19", "20", "21")
