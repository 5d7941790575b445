"""The catalogue reads run dates that are archived, wholly, partly or after another run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
from moto import mock_aws
from support.catalogs import BUCKETS, SETTINGS, edited_catalog

from etl.archiving import ArchiveConfig, archive
from etl.catalog.catalog import Catalog

DAY = date(2010, 1, 31)
CONFIG = replace(ArchiveConfig.of(SETTINGS), settle_hours=0, concurrency=1)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket in BUCKETS:
            client.create_bucket(Bucket=bucket)
        yield client


@pytest.fixture
def catalog(s3: Any, tmp_path: Path) -> Catalog:
    return edited_catalog(tmp_path)


def save(catalog: Catalog, *codes: str) -> str:
    rows = [
        {"iata": each, "name": f"Airport {each}", "country": "USA", "latitude": 1.5, "longitude": 2}
        for each in codes
    ]
    schema = catalog.schema("airports")
    table = pa.Table.from_pylist(rows, schema.remove(schema.get_field_index("ingest_date")))
    return catalog.save(table, "airports", run_date=DAY).run_id


def archive_all(s3: Any, objects: int = 100) -> int:
    """Archive at most so many objects; how many it was."""
    left = iter([False] * (objects + 1))
    glue = boto3.client("glue", region_name="us-east-1")
    later = datetime.now(UTC) + timedelta(days=4000)
    report = archive(CONFIG, s3=s3, glue=glue, now=later, should_stop=lambda: next(left, True))
    return report.counts.objects


def codes(catalog: Catalog, **which: Any) -> list[str]:
    return sorted(catalog.load("airports", columns=["iata"], **which)["iata"].to_pylist())


def test_archived_run_date_is_loaded_from_the_archive(s3: Any, catalog: Catalog) -> None:
    run_id = save(catalog, "AAA", "BBB")
    assert archive_all(s3) == 1
    assert codes(catalog, run_date=DAY) == codes(catalog) == ["AAA", "BBB"]
    assert codes(catalog, run_id=run_id) == ["AAA", "BBB"]
    assert catalog.scan("airports").count_rows() == 2


def test_run_date_of_which_a_part_is_archived_is_whole(s3: Any, catalog: Catalog) -> None:
    save(catalog, "AAA")
    place = f"processed/reference/airports/ingest_date={DAY}/"
    (one,) = s3.list_objects_v2(Bucket=CONFIG.bucket, Prefix=place)["Contents"]
    source = {"Bucket": CONFIG.bucket, "Key": one["Key"]}
    s3.copy_object(Bucket=CONFIG.archive_bucket, Key=one["Key"], CopySource=source)
    assert codes(catalog, run_date=DAY) == ["AAA"]  # it lies in both places, and counts once


def test_run_after_archiving_takes_the_place_of_what_is_archived(s3: Any, catalog: Catalog) -> None:
    first = save(catalog, "AAA", "BBB")
    archive_all(s3)
    save(catalog, "CCC")
    assert codes(catalog, run_date=DAY) == ["CCC"]
    assert archive_all(s3) == 1
    assert codes(catalog, run_date=DAY) == ["CCC"]
    assert codes(catalog, run_id=first) == ["AAA", "BBB"]
