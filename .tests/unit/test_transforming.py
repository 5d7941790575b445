"""What the engines of the transform share."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.contracts import make_contract

from etl.model import Raw
from etl.transforming import FULL_FILE_BYTES, file_count

MIB = 1024 * 1024
LOADED = make_contract(raw=Raw(compression="gzip"))
KEPT = replace(LOADED, places=replace(LOADED.places, schema="", table=""))


@pytest.mark.parametrize(
    "mib, slices, wanted, files",
    [
        (0, 1, 1, 1),
        (0, 4, 1, 1),
        (0.9, 4, 1, 1),
        (1.9, 4, 1, 1),
        (2, 4, 1, 2),
        (3.5, 4, 1, 3),
        (4, 4, 1, 4),
        (100, 1, 1, 1),
        (100, 4, 1, 4),
        (100, 64, 1, 64),
        (100, 256, 1, 100),
        (100, 4, 2, 4),
        (384, 1, 8, 8),
        (384, 4, 8, 8),
        (384, 6, 8, 12),
        (5_000, 16, 26, 32),
    ],
)
def test_file_count_is_a_multiple_of_slices_of_a_mebibyte_or_more(
    mib: float, slices: int, wanted: int, files: int
) -> None:
    raw_bytes = int(mib * MIB)
    assert file_count(LOADED, raw_bytes=raw_bytes, slices=slices, wanted=wanted) == files
    assert raw_bytes / files <= FULL_FILE_BYTES


def test_file_count_of_plain_lines_goes_by_what_they_compress_to() -> None:
    plain = replace(LOADED, raw=Raw(compression="none"))
    assert file_count(plain, raw_bytes=12 * MIB, slices=4) == 2


def test_file_count_without_a_warehouse_is_what_the_engine_wants() -> None:
    assert file_count(KEPT, raw_bytes=100 * MIB, slices=4) == 1
    assert file_count(KEPT, raw_bytes=100 * MIB, slices=4, wanted=2) == 2
