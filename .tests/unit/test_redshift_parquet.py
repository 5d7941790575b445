"""Parquet rows as what PostgreSQL's COPY takes, with pgpq and without."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local_cloud.redshift import load_parquet
from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.load_source import Source
from local_cloud.redshift.plans import Copy
from local_cloud.redshift.table import Column, Failure, Table

COLUMNS = (
    Column("id", "bigint", "bigint", None, None),
    Column("amount", "numeric(9,2)", "numeric", 9, 2),
    Column("note", "character varying(4)", "character varying", 4, None),
    Column("tags", "super", "super", None, None),
)
ROWS = {
    "id": [1, None],
    "amount": [Decimal("-0.10"), None],
    "note": ['a"', ""],
    "tags": [["x"], None],
}


def rows(path: Path, **columns: list[Any]) -> load_parquet.ParquetRows:
    """What a COPY of a file with these values reads."""
    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("amount", pa.decimal128(9, 2)),
            ("note", pa.string()),
            ("tags", pa.list_(pa.string())),
        ]
    )
    pq.write_table(pa.table(ROWS | columns, schema=schema), path / "data")
    plan = Copy("t", (), "s3://b/data", {"format": "parquet", "serializetojson": ""})
    source = Source("s3://b/data", path / "data")
    return load_parquet.ParquetRows(plan, Table("t", 1, COLUMNS), [source], region="us-east-1")


def test_without_pgpq_rows_are_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_parquet, "_HAS_PGPQ", False)
    found = rows(tmp_path)
    assert found.options == "FORMAT csv"
    assert b"".join(found.chunks()).decode() == '1,-0.10,"a""","[""x""]"\n,,"",\n'


def test_with_pgpq_rows_are_postgresqls_binary(tmp_path: Path) -> None:
    pytest.importorskip("pgpq")
    found = rows(tmp_path)
    content = b"".join(found.chunks())
    assert found.options == "FORMAT binary"
    assert content.startswith(b"PGCOPY\n\xff\r\n\0") and content.endswith(b"\xff\xff")
    assert b'["x"]' in content


def test_text_of_too_many_bytes_fails_before_it_is_sent(tmp_path: Path) -> None:
    found = rows(tmp_path, note=["ééé", ""])
    with pytest.raises(Failure) as failure:
        list(found.chunks())
    assert "Table: 4, Data: 6" in failure.value.error.detail
    assert failure.value.load_error.column == COLUMNS[2]


def test_file_that_is_no_parquet_is_a_spectrum_scan_error(tmp_path: Path) -> None:
    found = rows(tmp_path)
    (tmp_path / "data").write_bytes(b"id,amount\n")
    with pytest.raises(Failure) as failure:
        list(found.chunks())
    assert failure.value.error.message == "Spectrum Scan Error"


def test_option_that_parquet_does_not_take_is_refused() -> None:
    plan = Copy("t", (), "s3://b/data", {"format": "parquet", "maxerror": "1"})
    with pytest.raises(SqlError, match="MAXERROR argument is not supported for PARQUET"):
        load_parquet.ParquetRows(plan, Table("t", 1, COLUMNS[:1]), [], region="us-east-1")


def test_option_that_asks_for_nothing_is_taken() -> None:
    plan = Copy("t", (), "s3://b/data", {"format": "parquet", "maxerror": "0"})
    table = Table("t", 1, COLUMNS[:1])
    assert load_parquet.ParquetRows(plan, table, [], region="us-east-1").errors == []
