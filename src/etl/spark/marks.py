"""Marks that find rejected lines again, so that a second pass need not parse all the others.

A line's mark is one of a fixed number of bits, picked by its hash. Another line may share it, so a
marked line is judged again; an unmarked one is certain not to have been rejected.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

_BITS_PER_MAP = 32768  # of Spark's bitmap_construct_agg
_MAPS = 8


def rejected_marks() -> list[Column]:
    """What to observe of judged rows: the marks of those that have "$reasons"."""
    bit = f"CASE WHEN `$reasons` IS NOT NULL THEN {_BIT} END"
    return [
        F.expr(
            f"bitmap_construct_agg(CASE WHEN {bit} DIV {_BITS_PER_MAP} = {index}"
            f" THEN {bit} % {_BITS_PER_MAP} END)"
        ).alias(_name(index))
        for index in range(_MAPS)
    ]


def join_marks(observed: Mapping[str, bytearray]) -> bytes:
    """All marks that were observed."""
    return b"".join(bytes(observed[_name(index)]) for index in range(_MAPS))


def is_marked(marks: bytes) -> Column:
    """Whether a line bears one of the marks."""
    byte = F.lit(marks).substr(F.expr(f"CAST({_BIT} DIV 8 AS INT) + 1"), F.lit(1))
    value = F.conv(F.hex(byte), 16, 10).cast("int")
    return F.getbit(value, F.expr(f"CAST({_BIT} % 8 AS INT)")) == 1


def _name(index: int) -> str:
    return f"marks{index}"


_BIT = f"pmod(xxhash64(`$line`), {_MAPS * _BITS_PER_MAP}L)"
