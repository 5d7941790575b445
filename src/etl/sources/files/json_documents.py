"""Read a JSON document: one object, or an array of them, cut into records byte for byte."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO

from etl.errors import SourceError
from etl.sources.files.blocks import BLOCK_BYTES, pack, read_chunks
from etl.sources.records import Lines

# Numbers are only skipped over: as text they need no conversion and have no limit.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_SPACE = re.compile(r"[ \t\n\r]*")
_AFTER_VALUE = re.compile(r"[ \t\n\r,\]]")


def read_json_document(stream: IO[bytes], *, name: str, limit_bytes: int) -> Iterator[Lines]:
    """The elements of the array, or the one object.

    Args:
        name: The file's name, for messages.
        limit_bytes: Longest record (in characters, to be exact).

    Raises:
        SourceError: It is no JSON, or a record is longer.
    """
    text = _Text(stream, limit_bytes)
    try:
        first = text.peek()
        values = _elements(text) if first == "[" else iter([text.value()])
        yield from _pack(values)
        if text.peek():
            raise json.JSONDecodeError("Extra data", text.held, text.at)
    except json.JSONDecodeError as error:
        raise SourceError(
            f"{name} is not a JSON document: {error.msg} at character {text.before + error.pos}",
            fix="mend the file; where each line is an object of its own, write delimiter: new_line;"
            " a record is at most recordLimitMib",
        ) from error
    except RecursionError as error:
        raise SourceError(f"{name} is nested too deeply", fix="mend the file") from error


def _elements(text: _Text) -> Iterator[str]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        yield text.value()
        if text.take(",]") == "]":
            return


def _pack(values: Iterator[str]) -> Iterator[Lines]:
    texts: list[str] = []
    size = 0
    for value in values:
        # Line breaks stand between tokens: inside a string they cannot.
        texts.append(value.replace("\n", " ").replace("\r", " "))
        size += len(value)
        if size >= BLOCK_BYTES:
            yield pack(texts)
            texts, size = [], 0
    if texts:
        yield pack(texts)


class _Text:
    """A walk over a stream's text, of which about one value is held at a time.

    Attributes:
        held: The part that is held.
        at: Where the walk stands in it.
        before: Characters before it.
    """

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self.held = ""
        self.at = 0
        self.before = 0
        self._chunks = read_chunks(stream)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._limit = limit
        self._ended = False

    def value(self) -> str:
        """Step over the next value; its text."""
        self.peek()
        wanted = 1
        while True:
            try:
                _, end = _DECODER.raw_decode(self.held, self.at)
                # What is held may end within a number: 12 may be the start of 123 or of 12.5.
                if self._ended or _AFTER_VALUE.match(self.held, end):
                    break
            except json.JSONDecodeError:
                if self._ended:
                    raise
            if len(self.held) - self.at > self._limit:
                message = f"no end of a value within {self._limit / 1024**2:g} Mi characters"
                raise json.JSONDecodeError(message, self.held, self.at)
            # Twice as much each time: a long value is not decoded again and again for every chunk.
            self._read(wanted)
            wanted *= 2
        value = self.held[self.at : end]
        self.at = end
        return value

    def peek(self) -> str:
        """The next character that is not white space, "" at the end."""
        while True:
            space = _SPACE.match(self.held, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self.held) or self._ended:
                return self.held[self.at : self.at + 1]
            self._read(1)

    def take(self, wanted: str) -> str:
        """Step over the next character, which must be one of those wanted."""
        found = self.peek()
        if not found or found not in wanted:
            expected = " or ".join(wanted)
            raise json.JSONDecodeError(f"Expecting {expected}", self.held, self.at)
        self.at += 1
        return found

    def _read(self, chunks: int) -> None:
        """Hold more, and let go of what has been walked over."""
        parts = [self.held[self.at :]]
        for _ in range(chunks):
            chunk = next(self._chunks, b"")
            self._ended = self._ended or not chunk
            parts.append(self._decoder.decode(chunk, self._ended))
        self.before += self.at
        self.held, self.at = "".join(parts), 0
