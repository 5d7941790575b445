"""Work on about a megabyte at a time: what is done per record is what costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import IO, AnyStr

from etl.sources.lines import encode_text
from etl.sources.records import Lines

BLOCK_BYTES = 1024 * 1024


def read_chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """The stream's bytes."""
    while chunk := stream.read(BLOCK_BYTES):
        yield chunk


def cut_at_ends(
    chunks: Iterable[AnyStr], *, find_end: Callable[[AnyStr], int], limit: int
) -> Iterator[AnyStr]:
    """The same content, cut where a line ends; the last block may have no end.

    Args:
        find_end: Where a chunk's last line ends, 0 if none does.
        limit: Of a line. What is longer comes as a block that is too long and has no end, and
            nothing comes after it.
    """
    held: list[AnyStr] = []
    for chunk in chunks:
        end = find_end(chunk)
        if end:
            held.append(chunk[:end])
            yield chunk[:0].join(held)
            held.clear()
        held.append(chunk[end:])
        if sum(map(len, held)) > limit:
            break
    if rest := held[0][:0].join(held) if held else None:
        yield rest


def pack(texts: list[str]) -> Lines:
    """JSON texts of one line each, of text that was decoded with `surrogateescape`."""
    try:
        data = ("\n".join(texts) + "\n").encode()
    except UnicodeEncodeError:
        data = b"\n".join(map(encode_text, texts)) + b"\n"
    return Lines(data, len(texts))
