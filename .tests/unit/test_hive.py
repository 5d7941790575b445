"""Partition values in keys: what Spark writes is read back, and nothing else."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from support.contracts import make_column, make_contract

from etl import hive
from etl.model import Type

TYPES = {
    "text": Type(kind="string"),
    "number": Type(kind="integer"),
    "flag": Type(kind="boolean"),
    "day": Type(kind="date"),
}
CONTRACT = make_contract(
    *(make_column(name, kind) for name, kind in TYPES.items()), partition_columns=tuple(TYPES)
)
VALUES: dict[str, Any] = {
    "text": "a b/c=ü",
    "number": -7,
    "flag": True,
    "day": date(2026, 1, 31),
}


@pytest.mark.parametrize(
    "values",
    [VALUES, dict.fromkeys(TYPES), VALUES | {"text": "%2F{[]}^\\\"#':?*\t", "flag": False}],
)
def test_values_in_reads_back_what_folder_wrote(values: dict[str, Any]) -> None:
    uri = f"s3://b/p/ingest_date=2026-01-31/{hive.folder(CONTRACT, values)}part-0.parquet"
    assert hive.values_in(CONTRACT, uri) == values
    assert len(uri.split("/")) == 10


def test_folder_is_written_as_spark_writes_it() -> None:
    folder = "text=a b%2Fc%3Dü/number=-7/flag=true/day=2026-01-31/"
    assert hive.folder(CONTRACT, VALUES) == folder
    assert hive.texts_in(CONTRACT, f"s3://b/{folder}x") == (
        "a b/c=ü",
        "-7",
        "true",
        "2026-01-31",
    )
    assert hive.folder(make_contract(), {}) == ""


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("", "does not lie in text=…/number=…"),
        ("number=1/text=a/flag=true/day=2026-01-31/", "does not lie in"),
        ("text=a/number=one/flag=true/day=2026-01-31/", "'one'"),
        ("text=a/number=1/flag=yes/day=2026-01-31/", "'yes' is no boolean"),
        ("text=a/number=1/flag=true/day=now/", "'now'"),
    ],
)
def test_values_in_other_folders_are_refused(folder: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hive.values_in(CONTRACT, f"s3://b/p/{folder}part-0.parquet")
