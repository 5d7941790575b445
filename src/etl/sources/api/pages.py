"""Cut an API's page into its records, byte for byte, without re-serialising them.

Re-serialising would change what was received: 12.50 would become 12.5, and a long decimal a float.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from etl.sources.lines import encode_json

# Numbers are only skipped over: as text they need no conversion and have no limit.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_SPACE = re.compile(r"[ \t\n\r]*")


class PageError(ValueError):
    """A page is not what the API's options say it is."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page.

    Attributes:
        digest: Of the records, to notice a page that comes again; empty if there are none.
        beside: What the page's object holds beside the records; numbers as their text.
    """

    records: list[bytes]
    digest: bytes
    beside: dict[str, Any]

    def field(self, path: str) -> Any:
        """What stands beside the records, e.g. at "meta.total"; None if there is nothing."""
        value: Any = self.beside
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value


def slice_page(body: bytes, *, data_field: str) -> Page:
    """Cut a page, a JSON object with an array of records, or with "" just such an array.

    A record that is not valid UTF-8 is wrapped; the rest of the page is not affected.

    Raises:
        PageError: The page is something else.
    """
    text = body.decode("utf-8-sig", "surrogateescape")
    try:
        return _Scanner(text).page(data_field)
    except json.JSONDecodeError as error:
        raise PageError(f"is not JSON: {error}") from error
    except RecursionError as error:
        raise PageError("is nested too deeply") from error


class _Scanner:
    """A walk over the page's outer object; the values are skipped by the json module."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def page(self, data_field: str) -> Page:
        beside: dict[str, Any] = {}
        spans = (
            self._object(data_field, beside) if data_field else self._array("is not a JSON array")
        )
        if self._peek():
            raise json.JSONDecodeError("Extra data", self._text, self._at)
        if spans is None:
            raise PageError(f'has no "{data_field}"')
        records = [encode_json(self._text[start:end]) for start, end in spans]
        digest = hashlib.blake2b(b"\n".join(records), digest_size=16).digest() if records else b""
        return Page(records=records, digest=digest, beside=beside)

    def _object(self, data_field: str, beside: dict[str, Any]) -> list[tuple[int, int]] | None:
        spans: list[tuple[int, int]] | None = None
        if self._peek() != "{":
            self._value()
            raise PageError("is not a JSON object")
        self._take("{")
        if self._peek() == "}":
            self._take("}")
            return spans
        while True:
            name = self._name()
            if name == data_field:
                spans = self._array(f'"{data_field}" is not an array')
            else:
                beside[name] = self._value()
            if self._take(",}") == "}":
                return spans

    def _array(self, otherwise: str) -> list[tuple[int, int]]:
        if self._peek() != "[":
            self._value()
            raise PageError(otherwise)
        self._take("[")
        spans: list[tuple[int, int]] = []
        if self._peek() == "]":
            self._take("]")
            return spans
        while True:
            self._peek()
            start = self._at
            self._value()
            spans.append((start, self._at))
            if self._take(",]") == "]":
                return spans

    def _name(self) -> str:
        if self._peek() != '"':
            raise json.JSONDecodeError("Expecting a field's name", self._text, self._at)
        name = str(self._value())
        self._take(":")
        return name

    def _value(self) -> Any:
        self._peek()
        value, self._at = _DECODER.raw_decode(self._text, self._at)
        return value

    def _peek(self) -> str:
        """The next character that is not white space, "" at the end."""
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _take(self, wanted: str) -> str:
        """Step over the next character, which must be one of those wanted."""
        found = self._peek()
        if not found or found not in wanted:
            expected = " or ".join(wanted)
            raise json.JSONDecodeError(f"Expecting {expected}", self._text, self._at)
        self._at += 1
        return found
