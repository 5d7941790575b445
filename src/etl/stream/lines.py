"""Cut a stream of bytes into records, in bounded memory however long its lines are."""

from __future__ import annotations

import io

from etl.sources.files.json_lines import read_json_lines
from etl.sources.lines import wrap_malformed
from etl.sources.records import Lines

_MIB = 1024 * 1024
_SHOWN_BYTES = 1000


class LineSplitter:
    """Takes bytes as they come, gives records: whole lines that are not blank.

    A line longer than the limit is not kept: a record takes its place that says so, and the judge
    sends it to quarantine.

    Attributes:
        unfinished_bytes: How much there is of a line whose end has not come.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.unfinished_bytes = 0
        self._limit_bytes = limit_bytes
        self._kept: list[bytes] = []

    def split(self, data: bytes) -> Lines:
        """The records that these bytes complete."""
        head, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._keep(data)
            return Lines(b"", 0)
        first, _, others = (head + newline).partition(b"\n")
        self._keep(first)
        done = self._complete_line()
        if len(others) > self._limit_bytes:
            done += b"".join(map(self._checked, others.split(b"\n")[:-1]))
        else:
            done += others
        self._keep(rest)
        return _records(done)

    def finish(self) -> Lines:
        """The last line, if the stream ends without a newline."""
        return _records(self._complete_line()) if self.unfinished_bytes else Lines(b"", 0)

    def _keep(self, part: bytes) -> None:
        """Remember a part of a line, or only its length once the line is too long."""
        self.unfinished_bytes += len(part)
        if part and self.unfinished_bytes <= self._limit_bytes:
            self._kept.append(part)
        elif self.unfinished_bytes > self._limit_bytes:
            self._kept = [b"".join([*self._kept, part[:_SHOWN_BYTES]])[:_SHOWN_BYTES]]

    def _complete_line(self) -> bytes:
        line, size = b"".join(self._kept), self.unfinished_bytes
        self._kept, self.unfinished_bytes = [], 0
        return self._checked(line, size)

    def _checked(self, line: bytes, size: int | None = None) -> bytes:
        """The line, or a refusal; `size` is its length if only its beginning was kept."""
        size = len(line) if size is None else size
        return (line if size <= self._limit_bytes else self._refusal(line, size)) + b"\n"

    def _refusal(self, line: bytes, size: int) -> bytes:
        return wrap_malformed(
            f"longer than {self._limit_bytes / _MIB:g} MiB",
            _bytes=size,
            _begins=line[:_SHOWN_BYTES].decode(errors="replace"),
        )


def _records(block: bytes) -> Lines:
    found = list(read_json_lines(io.BytesIO(block), name="the stream", limit_bytes=len(block)))
    return Lines(b"".join(each.data for each in found), sum(each.rows for each in found))
