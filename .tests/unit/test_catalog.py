"""The catalogue over S3 and folders: what is saved is loaded, now and as it was."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from moto import mock_aws
from support.catalogs import BUCKETS, SETTINGS, edited_catalog, in_folders, partitioned_by

from etl import pipeline
from etl.catalog import parquet, record_version, stores
from etl.catalog.catalog import Catalog
from etl.catalog.command import as_json
from etl.contracts import load_contract
from etl.errors import ContractError, StorageError, UsageError
from etl.manifest import read_manifest

DAY = date(2026, 1, 31)
PROCESSED = "processed/reference/airports/ingest_date=2026-01-31/"


@pytest.fixture
def s3() -> Iterator[Any]:
    """The environment's buckets; processed and raw keep versions."""
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket in BUCKETS:
            client.create_bucket(Bucket=bucket)
        for bucket in (SETTINGS.buckets.processed, SETTINGS.buckets.raw):
            enabled: Any = {"Status": "Enabled"}
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=enabled)
        yield client


@pytest.fixture
def catalog(s3: Any, tmp_path: Path) -> Catalog:
    return edited_catalog(tmp_path)


def airports(catalog: Catalog, *codes: str, **columns: list[Any]) -> pa.Table:
    """Rows of the contract, without the run date."""
    rows = [
        {"iata": each, "name": f"Airport {each}", "country": "USA", "latitude": 1.5, "longitude": 2}
        for each in codes
    ]
    schema = catalog.schema("airports")
    table = pa.Table.from_pylist(rows, schema.remove(schema.get_field_index("ingest_date")))
    for name, values in columns.items():
        field = table.schema.field(name)
        column = pa.array(values, field.type)
        table = table.set_column(table.schema.get_field_index(name), field, column)
    return table


def codes(table: pa.Table) -> list[str]:
    return sorted(table.column("iata").to_pylist())


def keys(s3: Any, bucket: str, prefix: str = "") -> list[str]:
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return [each["Key"] for each in listed]


def test_save_replaces_the_run_date_and_versions_bring_back_what_was(
    s3: Any, catalog: Catalog
) -> None:
    first = catalog.save(airports(catalog, "AAA", "BBB"), "airports", run_date=DAY)
    second = catalog.save(airports(catalog, "CCC"), "airports", run_date=DAY)
    other = catalog.save(airports(catalog, "DDD"), "airports", run_date=date(2026, 2, 1))
    assert len(keys(s3, SETTINGS.buckets.processed, PROCESSED)) == 1
    assert codes(catalog.load("airports")) == ["CCC", "DDD"]
    assert codes(catalog.load("airports", run_date=DAY)) == ["CCC"]
    assert codes(catalog.load("airports", run_date=("2026-02-01", "2026-02-28"))) == ["DDD"]
    assert codes(catalog.load("airports", run_id=first.run_id)) == ["AAA", "BBB"]
    assert codes(catalog.load("airports", as_of=first.created_at)) == ["AAA", "BBB"]
    assert codes(catalog.load("airports", as_of=second.created_at)) == ["CCC"]
    assert codes(catalog.load("airports", as_of=other.created_at)) == ["CCC", "DDD"]
    assert catalog.versions("airports") == [first, second, other]
    assert catalog.versions("airports", run_date=DAY) == [first, second]
    assert [each.rows for each in (first, second, other)] == [2, 1, 1]
    [file] = first.files
    assert first.bytes == file.size and file.version_id and file.uri.endswith(".parquet")


def test_load_gives_the_contracts_types_and_the_run_date(catalog: Catalog) -> None:
    saved = airports(catalog, "AAA", "BBB", city=["Åre", None])
    catalog.save(saved, "airports", run_date=DAY)
    found = catalog.load("airports")
    assert found.schema == catalog.schema("airports")
    assert found.drop_columns(["ingest_date"]) == saved
    assert set(found.column("ingest_date").to_pylist()) == {DAY}
    again = catalog.save(found.select(sorted(found.column_names)), "airports", run_date=DAY)
    assert again.rows == 2 and catalog.load("airports") == found


def test_load_columns_and_filter_work_in_every_way_of_loading(catalog: Catalog) -> None:
    catalog.save(airports(catalog, "AAA", "BBB", city=["Åre", "Bro"]), "airports", run_date=DAY)
    which: Any = {"columns": ["iata"], "filter": pc.field("city") == "Bro"}
    assert catalog.load("airports", **which).to_pylist() == [{"iata": "BBB"}]
    reader = catalog.load_batches("airports", **which)
    assert reader.read_all().to_pylist() == [{"iata": "BBB"}]
    assert catalog.scan("airports").to_table(**which).to_pylist() == [{"iata": "BBB"}]


def test_load_replaced_files_of_a_bucket_without_versions_is_refused(
    s3: Any, catalog: Catalog
) -> None:
    suspended: Any = {"Status": "Suspended"}
    processed = SETTINGS.buckets.processed
    s3.put_bucket_versioning(Bucket=processed, VersioningConfiguration=suspended)
    first = catalog.save(airports(catalog, "AAA"), "airports", run_date=DAY)
    assert codes(catalog.load("airports", run_id=first.run_id)) == ["AAA"]
    catalog.save(airports(catalog, "BBB"), "airports", run_date=DAY)
    with pytest.raises(StorageError, match="have been replaced") as caught:
        catalog.load("airports", run_id=first.run_id)
    assert f"turn on versioning for s3://{processed}" in caught.value.fix


def test_load_version_that_has_expired_is_refused(s3: Any, catalog: Catalog) -> None:
    first = catalog.save(airports(catalog, "AAA"), "airports", run_date=DAY)
    catalog.save(airports(catalog, "BBB"), "airports", run_date=DAY)
    [file] = first.files
    bucket, _, key = file.uri.removeprefix("s3://").partition("/")
    s3.delete_object(Bucket=bucket, Key=key, VersionId=file.version_id)
    with pytest.raises(StorageError, match="version .* is gone"):
        catalog.load("airports", run_id=first.run_id)


def test_load_file_that_is_replaced_while_it_is_read_is_refused(s3: Any, catalog: Catalog) -> None:
    catalog.save(airports(catalog, "AAA"), "airports", run_date=DAY)
    dataset = catalog.scan("airports")
    [key] = keys(s3, SETTINGS.buckets.processed)
    s3.put_object(Bucket=SETTINGS.buckets.processed, Key=key, Body=b"another")
    with pytest.raises(StorageError, match="have been replaced"):
        dataset.to_table()


def test_load_what_there_is_not_says_so(catalog: Catalog) -> None:
    catalog.save(airports(catalog, "AAA"), "airports", run_date=DAY)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"run_date": "2026-03-01"}, "processed airports holds nothing of 2026-03-01"),
        ({"run_date": "31.1.2026"}, '"31.1.2026" is not a date'),
        ({"run_date": ("2026-02-01", "2026-01-01")}, "no run date lies from"),
        ({"layer": "cooked"}, 'airports has no layer "cooked"'),
        ({"columns": ["iata", "icao"]}, "has no column icao"),
        ({"as_of": datetime(2026, 1, 1)}, "has no zone"),
        ({"as_of": datetime(2026, 1, 1, tzinfo=UTC)}, "no version of any run date by 2026-01-01"),
        ({"run_id": "nobody"}, "no version of any run date by run nobody"),
        ({"layer": "warehouse", "run_id": "x"}, "the warehouse holds what it holds"),
        ({"layer": "raw", "run_date": "2026-01-31"}, "no complete extraction"),
    ]
    for asked, message in cases:
        with pytest.raises((UsageError, StorageError), match=message):
            catalog.load("airports", **asked)


def test_load_run_that_left_nothing_is_an_empty_table(catalog: Catalog) -> None:
    catalog.save(airports(catalog), "airports", run_date=DAY)
    for layer in ("processed", "quarantine"):
        found = catalog.load("airports", layer=layer, run_date=DAY)
        assert (found.num_rows, found.schema) == (0, catalog.schema("airports", layer=layer))


def test_save_table_that_is_not_the_contracts_is_refused_with_every_difference(
    s3: Any, catalog: Catalog
) -> None:
    good = airports(catalog, "AAA", "BBB")

    def with_type(name: str, kind: pa.DataType) -> pa.Table:
        column = good.column(name).cast(kind)
        return good.set_column(good.schema.get_field_index(name), name, column)

    day = pa.array([DAY, date(2026, 2, 1)])
    cases: list[tuple[pa.Table, str]] = [
        (good.drop_columns(["city"]), "city is missing"),
        (good.append_column("icao", good.column("iata")), "icao is not in the contract"),
        (with_type("latitude", pa.float32()), "latitude is float, expected double"),
        (with_type("name", pa.large_string()), "name is large_string, expected string"),
        (airports(catalog, "AAA", iata=[None]), "iata must not be NULL"),
        (airports(catalog, "AAA", "BBB", country=[None, "USA"]), "country must not be NULL"),
        (good.append_column("ingest_date", day), "1 rows are not of ingest_date 2026-01-31"),
    ]
    for table, message in cases:
        with pytest.raises(UsageError, match=message):
            catalog.save(table, "airports", run_date=DAY)
    assert keys(s3, SETTINGS.buckets.processed) == []


def test_save_to_a_layer_that_runs_alone_write_is_refused(catalog: Catalog) -> None:
    for layer in ("quarantine", "warehouse"):
        with pytest.raises(UsageError, match="nothing is saved there") as caught:
            catalog.save(airports(catalog, "AAA"), "airports", layer=layer, run_date=DAY)
        assert "full_pipeline.py --dataset airports --run-date 2026-01-31" in caught.value.fix


def test_save_that_died_before_the_old_files_went_is_mended_by_saving_again(
    s3: Any, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.save(airports(catalog, "AAA"), "airports", run_date=DAY)
    with monkeypatch.context() as patch:
        patch.setattr(stores.S3Store, "delete", lambda self, uris: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            catalog.save(airports(catalog, "BBB"), "airports", run_date=DAY)
    assert codes(catalog.load("airports")) == ["AAA", "BBB"]
    assert len(catalog.versions("airports")) == 1
    catalog.save(airports(catalog, "BBB"), "airports", run_date=DAY)
    assert codes(catalog.load("airports")) == ["BBB"]


def test_save_raw_makes_an_extraction_and_loads_it_as_received(s3: Any, catalog: Catalog) -> None:
    lines = ['{"iata": "AAA", "name": "Åre", "latitude": 1.50, "x": 1}', "no JSON", '{"iata": []}']
    records = pa.table({"_record": lines})
    first = catalog.save(records, "airports", layer="raw", run_date=DAY)
    found = catalog.load("airports", layer="raw")
    assert found.schema == catalog.schema("airports", layer="raw")
    assert found.column("_record").to_pylist() == lines
    assert found.column("iata").to_pylist() == ["AAA", None, "[]"]
    assert found.column("latitude").to_pylist() == ["1.50", None, None]
    manifest = read_manifest(s3, "s3://etl-local-raw/raw/faa/airports/2026/01/31/_manifest.json")
    assert (manifest.rows, first.layers["raw"].rows) == (3, 3)

    catalog.save(pa.table({"iata": ["BBB"], "n": [1.5]}), "airports", layer="raw", run_date=DAY)
    [line] = catalog.load("airports", layer="raw").column("_record").to_pylist()
    assert json.loads(line) == {"iata": "BBB", "n": 1.5}
    was = catalog.load("airports", layer="raw", run_id=first.run_id, columns=["_record"])
    assert was.column("_record").to_pylist() == lines


def test_save_raw_line_that_is_two_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="is not one line"):
        catalog.save(pa.table({"_record": ["{}\n{}"]}), "airports", layer="raw", run_date=DAY)


def test_partition_columns_are_folders_and_a_filter_opens_only_theirs(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = edited_catalog(tmp_path, partitioned_by("state", "city"))
    states, cities = ["CA", "CA", "NY", "NY"], ["a/b", "a/b", "Bro", "é=1"]
    rows = airports(catalog, "AAA", "BBB", "CCC", "DDD", state=states, city=cities)
    catalog.save(rows, "airports", run_date=DAY)
    names = [key.removeprefix(PROCESSED) for key in keys(s3, SETTINGS.buckets.processed)]
    assert sorted(name.rpartition("/")[0] for name in names) == [
        "state=CA/city=a%2Fb",
        "state=NY/city=Bro",
        "state=NY/city=é%3D1",
    ]
    assert catalog.load("airports").sort_by("iata").drop_columns(["ingest_date"]) == rows
    opened: list[str] = []
    open_file = parquet._StoreHandler.open_input_file
    monkeypatch.setattr(
        parquet._StoreHandler,
        "open_input_file",
        lambda self, path: (opened.append(path), open_file(self, path))[1],
    )
    found = catalog.load("airports", filter=pc.field("state") == "CA")
    assert codes(found) == ["AAA", "BBB"] and len(opened) == 1
    empty = airports(catalog, "AAA", state=[""], city=["Bro"])
    with pytest.raises(UsageError, match="state holds empty text"):
        catalog.save(empty, "airports", run_date=DAY)


def test_dataset_in_folders_is_saved_loaded_and_listed_but_not_carried(
    s3: Any, tmp_path: Path
) -> None:
    place = tmp_path / "data"
    catalog = edited_catalog(tmp_path, in_folders(place, "raw", "processed", "quarantine"))
    first = catalog.save(airports(catalog, "AAA"), "airports", run_date=DAY)
    catalog.save(airports(catalog, "BBB", "CCC"), "airports", run_date=DAY)
    catalog.save(pa.table({"_record": ["{}"]}), "airports", layer="raw", run_date=DAY)
    assert codes(catalog.load("airports")) == ["BBB", "CCC"]
    assert catalog.load("airports", layer="raw").num_rows == 1
    [file] = (place / "processed" / "ingest_date=2026-01-31").iterdir()
    [raw] = (place / "raw" / "2026" / "01" / "31").iterdir()
    assert gzip.decompress(raw.read_bytes()) == b"{}\n"
    newest = catalog.versions("airports")[-1]
    assert [each.rows for each in newest.layers.values()] == [1, 2, None]
    with pytest.raises(StorageError, match="folders keep no versions"):
        catalog.load("airports", run_id=first.run_id)
    figures = {each.layer: each for each in catalog.overview() if each.layer != "warehouse"}
    assert figures["processed"].place == f"{place}/processed/"
    assert (figures["processed"].rows, figures["processed"].bytes) == (2, file.stat().st_size)
    assert keys(s3, SETTINGS.buckets.artifacts) == []

    contract = load_contract("airports", settings=SETTINGS, folder=tmp_path)
    with pytest.raises(ContractError, match="raw, processed, quarantine layer in a folder"):
        pipeline._check_carried(contract)


def test_overview_is_made_of_listings_and_records(s3: Any, catalog: Catalog) -> None:
    catalog.save(airports(catalog, "AAA", "BBB"), "airports", run_date=DAY)
    catalog.save(airports(catalog, "CCC"), "airports", run_date=date(2026, 2, 1))
    catalog.save(pa.table({"_record": ["{}"]}), "airports", layer="raw", run_date=DAY)
    layers = {each.layer: each for each in catalog.overview("airports")}
    processed = layers["processed"]
    assert (processed.rows, processed.run_dates, processed.files) == (3, 2, 2)
    assert (processed.latest, processed.versions) == (date(2026, 2, 1), 3)
    listed = s3.list_objects_v2(Bucket=SETTINGS.buckets.processed)["Contents"]
    assert processed.bytes == sum(each["Size"] for each in listed)
    assert (layers["raw"].rows, layers["raw"].files) == (1, 1)
    assert (layers["quarantine"].rows, layers["quarantine"].latest) == (0, None)
    assert layers["warehouse"].rows is None and "cannot" in layers["warehouse"].note
    content = json.loads(as_json(list(layers.values()), catalog.versions("airports")))
    assert [each["rows"] for each in content["layers"]] == [1, 3, 0, None]
    assert [each["run_date"] for each in content["versions"]].count("2026-01-31") == 2


def test_overview_of_rows_that_nobody_counted_does_not_guess(s3: Any, catalog: Catalog) -> None:
    s3.put_object(Bucket=SETTINGS.buckets.processed, Key=f"{PROCESSED}part-0", Body=b"1234")
    processed = catalog.overview("airports")[1]
    assert (processed.rows, processed.files, processed.bytes) == (None, 1, 4)


def test_record_version_names_what_lies_there(s3: Any, catalog: Catalog, tmp_path: Path) -> None:
    contract = load_contract("airports", settings=SETTINGS, folder=tmp_path)
    buckets = SETTINGS.buckets
    for bucket, key in (
        (buckets.raw, "raw/faa/airports/2026/01/31/part-00000.jsonl.gz"),
        (buckets.raw, "raw/faa/airports/2026/01/31/_manifest.json"),
        (buckets.raw, "raw/faa/airports/2026/02/01/part-00000.jsonl.gz"),
        (buckets.processed, f"{PROCESSED}part-0"),
        (buckets.quarantine, "quarantine/reference/airports/ingest_date=2026-01-31/part-0.json.gz"),
    ):
        s3.put_object(Bucket=bucket, Key=key, Body=b"123")
    before = datetime.now(UTC)
    version = record_version(
        s3,
        contract=contract,
        run_date=DAY,
        run_id="abc",
        artifacts_bucket=buckets.artifacts,
        rows={"raw": 4, "processed": 3, "quarantine": 1},
    )
    assert before <= version.created_at < before + timedelta(minutes=5)
    assert catalog.versions("airports") == [version]
    [key] = keys(s3, buckets.artifacts)
    assert key.startswith("versions/airports/2026-01-31/2") and key.endswith("Z-abc.json")
    assert {name: (each.rows, len(each.files)) for name, each in version.layers.items()} == {
        "raw": (4, 1),
        "processed": (3, 1),
        "quarantine": (1, 1),
    }
    found = [file for each in version.layers.values() for file in each.files]
    assert [file.version_id is not None for file in found] == [True, True, False]
