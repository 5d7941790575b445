"""Read CSV with the meaning of Python's csv module: each row a JSON object of strings."""

from __future__ import annotations

import codecs
import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from json.encoder import encode_basestring
from typing import IO, TYPE_CHECKING

from etl.errors import SourceError
from etl.sources.files.blocks import cut_at_ends, pack, read_chunks
from etl.sources.files.header import check_header, check_width
from etl.sources.lines import MALFORMED
from etl.sources.records import Lines

if TYPE_CHECKING:
    from _csv import Reader

_MOST_FIELDS = 4_000_000  # more than whole blocks of short rows have


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a CSV file is written; see Python's csv module.

    Attributes:
        quotechar: None where nothing is quoted.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    quotechar: str | None = '"'
    escapechar: str | None = None
    doublequote: bool = True


@dataclass(frozen=True, kw_only=True)
class Fields:
    """What the contract knows of a row's fields.

    Attributes:
        names: In the contract's order.
        needed: Those that a header must have.
        has_header: Whether the first row names the fields; else they are `names`, in order.
        by_position: Whether they are `names`, in order, although there is a header.
        normalised: Whether a header's names are compared as snake_case.
    """

    names: Sequence[str]
    needed: Sequence[str]
    has_header: bool = True
    by_position: bool = False
    normalised: bool = False


def read_csv(
    stream: IO[bytes], *, name: str, fields: Fields, dialect: Dialect, limit_bytes: int
) -> Iterator[Lines]:
    """The rows; blank lines are skipped, as csv.DictReader does.

    A row with more or fewer fields than the header is kept as a malformed one, with its fields.

    Args:
        name: The file's name, for messages.
        limit_bytes: Longest line, field and row (in characters, to be exact, and rows by the
            block); a quote that is never closed is noticed by it.

    Raises:
        SourceError: The header does not fit the contract, or a row cannot be read.
    """
    blocks = _Blocks(stream, dialect, limit_bytes)
    rows = csv_reader(chain.from_iterable(blocks), dialect)
    try:
        names = fields.names
        if fields.has_header:
            names = _read_header(next((row for row in rows if row), []), name, fields)
        yield from _encode(rows, names, blocks)
    except csv.Error as error:
        raise SourceError(
            f"{name}: line {rows.line_num}: {error}",
            fix="look for a quote that is never closed, or another delimiter or encoding; a row"
            " is at most recordLimitMib",
        ) from error
    except UnicodeError as error:
        raise SourceError(
            f"{name}: near line {rows.line_num}: {error}",
            fix="set the source's option encoding to the file's",
        ) from error


def csv_reader(lines: Iterable[str], dialect: Dialect) -> Reader:
    """Python's reader, which leaves it to the caller to bound what a field holds."""
    # The limit is the process's, in which other threads read, too: it is never lowered.
    csv.field_size_limit(sys.maxsize)
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quotechar,
        quoting=csv.QUOTE_MINIMAL if dialect.quotechar else csv.QUOTE_NONE,
        escapechar=dialect.escapechar,
        doublequote=dialect.doublequote,
        strict=True,
    )


def _read_header(header: list[str], name: str, fields: Fields) -> Sequence[str]:
    """The fields' names."""
    if fields.by_position:
        check_width(header, name, fields.names)
        return fields.names
    check_header(header, name, fields.needed, normalised=fields.normalised)
    return header


class _Blocks:
    """Gives a stream's text as files in memory of whole lines: iterating those is C's work.

    Attributes:
        count: How many blocks have been given.
        limit: Of a line, a field and a row, in characters.
    """

    def __init__(self, stream: IO[bytes], dialect: Dialect, limit: int) -> None:
        self.count = 0
        self.limit = limit
        self._delimiter = dialect.delimiter
        # Of a row that may not have ended: its lines are held until it does.
        self._characters = self._fields = 0
        self._blocks = cut_at_ends(
            _decode(stream, dialect.encoding), find_end=_after_line_break, limit=limit
        )

    def __iter__(self) -> Iterator[io.StringIO]:
        for block in self._blocks:
            is_endless = len(block) > self.limit and _after_line_break(block) == 0
            if is_endless or self._characters > self.limit:
                raise self.too_long()
            self._characters += len(block)
            self._fields += block.count(self._delimiter)
            if self._fields > _MOST_FIELDS:
                raise csv.Error(f"a row of more than {_MOST_FIELDS:,} fields")
            self.count += 1
            yield io.StringIO(block, newline="")

    def too_long(self) -> csv.Error:
        """What is raised for a line, field or row above the limit."""
        return csv.Error(f"longer than {self.limit / 1024**2:g} Mi characters")

    def end_row(self) -> None:
        """Note that a row has ended in the last block."""
        self._characters = self._fields = 0


def _decode(stream: IO[bytes], encoding: str) -> Iterator[str]:
    name = codecs.lookup(encoding).name
    # The variant drops a byte order mark.
    decoder = codecs.getincrementaldecoder("utf-8-sig" if name == "utf-8" else name)
    decode = decoder("surrogateescape").decode
    for chunk in read_chunks(stream):
        yield decode(chunk)
    yield decode(b"", True)


def _after_line_break(text: str) -> int:
    # A carriage return at the very end may be half of a line break.
    return max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1


def _encode(rows: Iterator[list[str]], names: Sequence[str], blocks: _Blocks) -> Iterator[Lines]:
    width = len(names)
    quoted = [encode_basestring(name).replace("%", "%%") for name in names]
    template = "{" + ", ".join(f"{name}: %s" for name in quoted) + "}"
    texts: list[str] = []
    packed = blocks.count
    for row in rows:
        if row:
            if len(row) == width:
                text = template % tuple(map(encode_basestring, row))
            else:
                text = _malformed(row, width)
            # No field is longer than its row's text, and few texts are that long.
            if len(text) > blocks.limit and max(map(len, row)) > blocks.limit:
                raise blocks.too_long()
            texts.append(text)
        if blocks.count > packed:
            packed = blocks.count
            blocks.end_row()
            if texts:
                yield pack(texts)
                texts = []
    if texts:
        yield pack(texts)


def _malformed(row: list[str], width: int) -> str:
    why = f"{len(row)} fields where the header has {width}"
    return json.dumps({MALFORMED: why, "_fields": row}, ensure_ascii=False)
