"""Records as typed rows, for the formats that need them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from etl.formats.encoder import DeadLetter, Encoded
from etl.judge import Judge, Rejected
from etl.model import Contract
from etl.received import Unfit

Row = dict[str, Any]
RowReader = Callable[[bytes], Row]


def split_records(block: bytes) -> list[bytes]:
    """The lines of a block, without their newlines."""
    return block.split(b"\n")[:-1]


def row_reader(contract: Contract, run_date: date) -> RowReader:
    """What casts a record to the contract's types; it raises `Unfit` with all reasons at once."""
    judge = Judge(contract, run_date)

    def read(record: bytes) -> Row:
        try:
            cast = judge.cast(record.decode())
        except UnicodeDecodeError:
            raise Unfit("record: not UTF-8") from None
        if isinstance(cast, Rejected):
            raise Unfit("; ".join(cast.reasons))
        return cast.row

    return read


@dataclass(frozen=True, kw_only=True)
class RowLayout:
    """One row after the other.

    Attributes:
        write: A row's bytes; raises `Unfit` for what the format cannot hold.
        header: What stands before the first row.
    """

    suffix: str
    content_type: str
    read: RowReader
    write: Callable[[Row], bytes]
    header: bytes = b""

    def lay_out(self, block: bytes, rows: int | None = None) -> Encoded:
        """The rows of the block; those that cannot be are dead."""
        dead: list[DeadLetter] = []
        written = list(self._write_all(block, dead))
        return Encoded(b"".join(written), len(written), tuple(dead))

    def _write_all(self, block: bytes, dead: list[DeadLetter]) -> Iterator[bytes]:
        for record in split_records(block):
            try:
                yield self.write(self.read(record))
            except Unfit as error:
                dead.append(DeadLetter(record, str(error)))
