"""A request's body, cut into records: each the bytes that came, on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from etl.ingest.problems import RefusedError

JSON = "application/json"
JSON_LINES = "application/x-ndjson"

_SPACE = " \t\n\r"
_SPACES = re.compile(r"[ \t\n\r]*")
# Numbers are only stepped over: as text they need no conversion and have no limit.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request may bring."""

    body_bytes: int
    records: int


def check_media_type(content_type: str) -> str:
    """The media type of a request that is read here: JSON or JSON lines, in UTF-8.

    Raises:
        RefusedError: 415.
    """
    media_type, *parameters = (each.strip().lower() for each in content_type.split(";"))
    charsets = [each for each in parameters if each.startswith("charset=")]
    is_utf8 = all(each.partition("=")[2].strip('"') in ("utf-8", "utf8") for each in charsets)
    if media_type not in (JSON, JSON_LINES) or not is_utf8:
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"send {JSON} or {JSON_LINES}, in UTF-8; this is {content_type or 'of no type'!r}",
        )
    return media_type


def cut_records(body: bytes, media_type: str, limits: Limits) -> list[bytes]:
    """The records of a body: one object, an array of them, or JSON lines.

    Lines are not looked into: a damaged one is one bad record, not the end of the others.

    Raises:
        RefusedError: 400 if it is not JSON or holds no record, 413 if it is too much.
    """
    if len(body) > limits.body_bytes:
        raise _too_much(f"the body is {len(body):,} bytes, at most {limits.body_bytes:,} are taken")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
    records: list[bytes] = []
    for record in _lines(text) if media_type == JSON_LINES else _values(text):
        if len(records) == limits.records:
            raise _too_much(f"the body holds more than {limits.records:,} records: send several")
        # Line breaks stand between tokens: inside a string they cannot.
        records.append(record.replace("\n", " ").replace("\r", " ").encode())
    if not records:
        raise _bad("the body holds no record")
    return records


def _lines(text: str) -> Iterator[str]:
    return filter(None, (line.strip(_SPACE) for line in text.split("\n")))


def _values(text: str) -> Iterator[str]:
    """The elements of the array, or the one value."""
    try:
        at = _skip(text, 0)
        if text[at : at + 1] == "[":
            at = yield from _elements(text, at + 1)
        elif at < len(text):
            start = at
            at = _DECODER.raw_decode(text, at)[1]
            yield text[start:at]
        if _skip(text, at) < len(text):
            raise json.JSONDecodeError("Extra data", text, at)
    except json.JSONDecodeError as error:
        raise _bad(f"the body is not JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise _bad("the body is nested too deeply") from error


def _elements(text: str, at: int) -> Generator[str, None, int]:
    """The elements of the array whose bracket stands before `at`; returns where it ends."""
    at = _skip(text, at)
    if text[at : at + 1] == "]":
        return at + 1
    while True:
        start = _skip(text, at)
        at = _DECODER.raw_decode(text, start)[1]
        yield text[start:at]
        at = _skip(text, at) + 1
        if text[at - 1 : at] == "]":
            return at
        if text[at - 1 : at] != ",":
            raise json.JSONDecodeError("Expecting , or ]", text, min(at - 1, len(text)))


def _skip(text: str, at: int) -> int:
    found = _SPACES.match(text, at)
    return found.end() if found else at


def _bad(detail: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, detail)


def _too_much(detail: str) -> RefusedError:
    return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
