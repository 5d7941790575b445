"""A session of the embedded PostgreSQL, spoken to in its own protocol."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from local_cloud.redshift import messages
from local_cloud.redshift.errors import SqlError

_READ_BYTES = 256 * 1024
_SENT_BYTES = 4 * 1024 * 1024  # that wait for PostgreSQL, as far as the system allows
_HEADER = struct.Struct("!BI")
_ROW, _COPY_DATA = ord("D"), ord("d")

Frame = tuple[bytes, bytes]  # kind and payload
OnCopyData = Callable[[bytes], Awaitable[None]]


@dataclass
class Answer:
    """What a simple query answered."""

    rows: list[list[str | None]] = field(default_factory=list)
    tag: str = ""
    notices: list[dict[str, str]] = field(default_factory=list)
    columns: bytes = b""  # RowDescription's payload


class BackendError(SqlError):
    """PostgreSQL refused a statement.

    Attributes:
        fields: All that it said, by the protocol's letters.
    """

    def __init__(self, fields: dict[str, str]) -> None:
        error = messages.sql_error(fields)
        super().__init__(error.message, error.code, error.detail, error.hint)
        self.fields = fields


class BackendLost(ConnectionError):
    """PostgreSQL has closed the session: it was killed, or told to."""


class Backend:
    """One connection to PostgreSQL.

    Attributes:
        status: Of the transaction, as the last ReadyForQuery said it: I, T or E.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, database: str
    ) -> None:
        self._reader = reader
        self.writer = writer
        self.database = database
        self.process_id = 0
        self.status = b"I"
        self._buffer = bytearray()

    @classmethod
    async def connect(cls, path: Path, parameters: dict[str, str]) -> Backend:
        """Open a session; its first answers are yet to be read."""
        reader, writer = await asyncio.open_unix_connection(str(path), limit=2 * _READ_BYTES)
        # So that PostgreSQL has rows to read while this process makes the next ones.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_BYTES)
        writer.write(messages.startup(parameters))
        return cls(reader, writer, parameters["database"])

    async def frames(self) -> tuple[bytes, list[tuple[bytes, int, int]]]:
        """Wait for at least one whole frame.

        Returns:
            Whole frames, and kind, start and end of each of them that is not a row.
        """
        while True:
            end, marks = self._scan()
            if end:
                data = bytes(self._buffer[:end])
                del self._buffer[:end]
                return data, marks
            received = await self._reader.read(_READ_BYTES)
            if not received:
                raise BackendLost("PostgreSQL closed the session")
            self._buffer += received

    def _scan(self) -> tuple[int, list[tuple[bytes, int, int]]]:
        buffer, size = self._buffer, len(self._buffer)
        marks = []
        place = 0
        while place + 5 <= size:
            kind, length = _HEADER.unpack_from(buffer, place)
            end = place + 1 + length
            if end > size:
                break
            if kind not in (_ROW, _COPY_DATA):
                marks.append((bytes([kind]), place, end))
                if kind == ord("Z"):
                    self.status = bytes(buffer[end - 1 : end])
                elif kind == ord("K"):
                    (self.process_id,) = struct.unpack_from("!I", buffer, place + 5)
            place = end
        return place, marks

    async def query(self, sql: str) -> Answer:
        """Run a statement that we need ourselves.

        Raises:
            BackendError: PostgreSQL refused it.
        """
        self.writer.write(messages.query(sql))
        return await self.answer()

    async def answer(self, on_copy_data: OnCopyData | None = None) -> Answer:
        """Read until the session is ready again.

        Args:
            on_copy_data: Is given the data of a COPY … TO STDOUT, piece by piece.

        Raises:
            BackendError: The statement failed.
        """
        answer = Answer()
        failure: BackendError | None = None
        while True:
            data, _ = await self.frames()
            frames = iterate(data)
            if on_copy_data:
                if piece := b"".join(payload for kind, payload in frames if kind == b"d"):
                    await on_copy_data(piece)
            for kind, payload in frames:
                if kind == b"D":
                    answer.rows.append(messages.read_row(payload))
                elif kind == b"T":
                    answer.columns = payload
                elif kind == b"C":
                    answer.tag = payload[:-1].decode()
                elif kind == b"N":
                    answer.notices.append(messages.read_fields(payload))
                elif kind == b"E":
                    failure = failure or BackendError(messages.read_fields(payload))
                elif kind == b"Z":
                    if failure:
                        raise failure
                    return answer

    async def until(self, wanted: bytes) -> None:
        """Read until a frame of this kind comes.

        Raises:
            BackendError: An error came instead; the session is ready again.
        """
        while True:
            data, marks = await self.frames()
            for kind, start, end in marks:
                if kind == wanted:
                    return
                if kind == b"E":
                    failure = BackendError(messages.read_fields(data[start + 5 : end]))
                    if (b"Z") not in [k for k, *_ in marks]:
                        await self.answer()
                    raise failure

    async def abort(self) -> None:
        """Fail the transaction, if one is open."""
        if self.status == b"T":
            try:
                await self.query("DO 'BEGIN RAISE EXCEPTION USING MESSAGE = ''refused''; END'")
            except BackendError:
                return

    def close(self) -> None:
        """End the session; PostgreSQL rolls back what is open."""
        self.writer.close()


def iterate(data: bytes) -> list[Frame]:
    """Cut whole frames."""
    found: list[Frame] = []
    place = 0
    while place < len(data):
        kind, length = _HEADER.unpack_from(data, place)
        found.append((bytes([kind]), data[place + 5 : place + 1 + length]))
        place += 1 + length
    return found
