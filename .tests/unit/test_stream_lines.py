from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from etl.errors import SourceError
from etl.stream.lines import LineSplitter
from etl.stream.signals import Stop
from etl.stream.standard_input import StandardInput

SENT = b'{"a":1}\n{"b":"\xc3\xb6"}\n\n  \n\xef\xbb\xbf{"c":3}\r\n{"bad":"\xff"}\n{"d":4}'


def split(parts: list[bytes], limit_bytes: int = 1000) -> list[bytes]:
    splitter = LineSplitter(limit_bytes)
    found = [*map(splitter.split, parts), splitter.finish()]
    assert all(each.rows == each.data.count(b"\n") for each in found)
    return b"".join(each.data for each in found).splitlines()


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_lines_are_the_same_however_the_bytes_are_cut(size: int) -> None:
    parts = [SENT[start : start + size] for start in range(0, len(SENT), size)]
    lines = split(parts)
    assert [lines[0], lines[1], lines[2], lines[4]] == [
        b'{"a":1}',
        '{"b":"ö"}'.encode(),
        b'{"c":3}',
        b'{"d":4}',
    ]
    assert list(json.loads(lines[3])) == ["_invalid_utf8_base64"]


def test_line_without_an_end_is_a_record_at_the_end_only() -> None:
    splitter = LineSplitter(1000)
    assert splitter.split(b'{"a":1}\n{"b"').data == b'{"a":1}\n'
    assert splitter.unfinished_bytes == 4
    assert splitter.finish().data == b'{"b"\n'
    assert splitter.finish().rows == 0


@pytest.mark.parametrize("size", [3, 40, 10_000])
def test_line_over_the_limit_becomes_a_record_that_says_so(size: int) -> None:
    sent = b'{"a":1}\n' + b"x" * 500 + b'\n{"b":2}\n' + b"y" * 101 + b"\n" + b"z" * 100
    first, long, second, other, last = split(
        [sent[start : start + size] for start in range(0, len(sent), size)], limit_bytes=100
    )
    assert (first, second, last) == (b'{"a":1}', b'{"b":2}', b"z" * 100)
    for line, letter, count in ((long, "x", 500), (other, "y", 101)):
        refused = json.loads(line)
        assert refused["_malformed"].startswith("longer than ")
        assert refused["_bytes"] == count
        assert refused["_begins"] == letter * len(refused["_begins"])


def test_endless_line_is_not_kept_in_memory() -> None:
    splitter = LineSplitter(1000)
    for _ in range(100):
        assert splitter.split(b"x" * 100_000).rows == 0
    assert sum(map(len, splitter._kept)) <= 1000
    assert json.loads(splitter.split(b"\n").data)["_bytes"] == 10_000_000


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    readable, writable = os.pipe()
    yield readable, writable
    for each in (readable, writable):
        try:
            os.close(each)
        except OSError:
            pass


def test_standard_input_gives_records_until_its_end(pipe: tuple[int, int]) -> None:
    readable, writable = pipe
    feed = StandardInput(readable, stop=Stop(), limit_bytes=1000)
    assert feed.read(0) is None
    os.write(writable, b'{"a":1}\n{"b"')
    chunk = feed.read(None)
    assert chunk and chunk.lines.data == b'{"a":1}\n' and not feed.has_ended
    os.write(writable, b":2}")
    assert feed.read(None) is None
    os.close(writable)
    chunk = feed.read(None)
    assert chunk and chunk.lines.data == b'{"b":2}\n' and feed.has_ended


def test_standard_input_asked_to_stop_ends_without_the_unfinished_line(
    pipe: tuple[int, int],
) -> None:
    readable, writable = pipe
    stop = Stop()
    feed = StandardInput(readable, stop=stop, limit_bytes=1000)
    os.write(writable, b'{"a":1}\n{"b"')
    assert feed.read(None)
    stop.request()
    assert feed.read(None) is None
    assert feed.has_ended


def test_standard_input_that_is_closed_is_a_source_error(pipe: tuple[int, int]) -> None:
    feed = StandardInput(pipe[0], stop=Stop(), limit_bytes=1000)
    os.close(pipe[0])
    with pytest.raises(SourceError, match="cannot read standard input"):
        feed.read(0)
