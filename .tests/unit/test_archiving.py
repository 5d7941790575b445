"""Old objects go to the archive: each exactly once, whatever moment the archiver is killed at."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from aws.s3 import S3Object
from etl.archiving import ArchiveConfig, ArchiveReport, Counts, archive, lifecycle
from etl.archiving.ages import Ages, run_date_in
from etl.errors import SettingsError, StorageError
from etl.settings import load_settings

NOW = datetime(2026, 6, 1, 2, tzinfo=UTC)
CONFIG = ArchiveConfig(
    environment="test",
    bucket="processed",
    archive_bucket="archive",
    prefix="processed/",
    retention_days=30,
    settle_hours=0,
    storage_class="STANDARD_IA",
    concurrency=1,
    database="shop",
    namespace="test",
    topic=None,
    alert_format="text",
)
OLD = "processed/sales/orders/ingest_date=2026-01-01/part-0.parquet"
OLDER = "processed/2025/12/31/app_logs/a.jsonl"
YOUNG = "processed/sales/orders/ingest_date=2999-05-31/part-0.parquet"
LATER = datetime.now(UTC) + timedelta(days=400)  # by when what a test has written is old, too


class Killed(BaseException):
    """What a kill is to a thread."""


class Dying:
    """A client that dies just before or just after its nth call, and counts its calls."""

    def __init__(self, client: Any, at: int = -1, *, after: bool = False) -> None:
        self._client, self._at, self._after = client, at, after
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found) or name == "get_paginator":
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            dies = len(self.calls) - 1 == self._at
            if dies and not self._after:
                raise Killed
            try:
                return found(*args, **kwargs)
            finally:
                if dies:
                    raise Killed

        return call


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3")
        for bucket in ("processed", "archive"):
            client.create_bucket(Bucket=bucket)
        yield client


def put(s3: Any, *keys: str, bucket: str = "processed", **more: Any) -> None:
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=f"content of {key}".encode(), **more)


def run(s3: Any, *, config: ArchiveConfig = CONFIG, now: datetime = LATER, **more: Any) -> Any:
    return archive(config, s3=s3, glue=boto3.client("glue"), now=now, **more)


def contents(s3: Any, bucket: str) -> dict[str, bytes]:
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in listed
    }


def due(key: str, *, days: int = 30, settle_hours: int = 24, written: datetime) -> bool:
    ages = Ages.of(replace(CONFIG, retention_days=days, settle_hours=settle_hours), NOW)
    return ages.is_due(S3Object(key=key, size=1, etag="e", last_modified=written))


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (OLD, date(2026, 1, 1)),
        (OLDER, date(2025, 12, 31)),
        ("processed/a/ingest_date=2026-02-03/order_date=2020-01-01/x", date(2026, 2, 3)),
        ("processed/a/ingest_date=2026-02-30/x", None),
        ("processed/a/part-2026-02-03.parquet", None),
        ("2026/02/03/x", date(2026, 2, 3)),
    ],
)
def test_run_date_in_takes_the_first_date_of_the_folders(key: str, found: date | None) -> None:
    assert run_date_in(key) == found


def test_ages_go_by_the_run_date_and_spare_what_was_just_written() -> None:
    long_ago, just_now = NOW - timedelta(days=200), NOW - timedelta(hours=3)
    assert due(OLD, written=long_ago)
    assert not due(OLD, written=just_now)
    assert due(OLD, written=just_now, settle_hours=0)
    assert not due(YOUNG, written=long_ago)
    edge = "processed/x/ingest_date=2026-05-02/x"
    assert not due(edge, written=long_ago)
    assert due(edge, days=29, written=long_ago)


def test_ages_of_keys_without_a_date_go_by_when_they_were_written() -> None:
    assert due("processed/x", written=NOW - timedelta(days=31))
    assert not due("processed/x", written=NOW - timedelta(days=30))


def test_archive_moves_what_is_old_with_all_that_it_was(s3: Any) -> None:
    put(s3, OLD, OLDER, ContentType="text/plain", Metadata={"run": "7"})
    put(s3, YOUNG, "elsewhere/ingest_date=2020-01-01/x")
    report: ArchiveReport = run(s3)
    assert (report.status, report.cursor) == ("succeeded", None)
    assert set(contents(s3, "archive")) == {OLD, OLDER}
    assert set(contents(s3, "processed")) == {YOUNG, "elsewhere/ingest_date=2020-01-01/x"}
    found = s3.head_object(Bucket="archive", Key=OLD)
    assert (found["StorageClass"], found["ContentType"]) == ("STANDARD_IA", "text/plain")
    assert found["Metadata"]["run"] == "7"
    counts = report.counts
    size = len(f"content of {OLD}") + len(f"content of {OLDER}")
    assert (counts.listed, counts.objects, counts.bytes, counts.errors) == (3, 2, size, 0)


def test_archive_dry_run_counts_and_changes_nothing(s3: Any) -> None:
    put(s3, OLD, OLDER)
    dying = Dying(s3)
    report = run(dying, dry_run=True)
    assert (report.is_dry_run, report.counts.objects) == (True, 2)
    assert dying.calls == []
    assert set(contents(s3, "processed")) == {OLD, OLDER}


@pytest.mark.parametrize("after", [False, True])
def test_archive_killed_at_any_call_and_run_again_leaves_each_object_once(
    s3: Any, after: bool
) -> None:
    keys = [f"processed/t/ingest_date=2026-01-0{n}/x" for n in range(1, 4)]
    put(s3, *keys)
    rehearsal = Dying(s3)
    run(rehearsal)
    assert rehearsal.calls.count("copy_object") == len(keys)
    wanted = contents(s3, "archive")
    for at in range(len(rehearsal.calls)):
        for key in keys:
            s3.delete_object(Bucket="archive", Key=key)
        put(s3, *keys)
        with pytest.raises(Killed):
            run(Dying(s3, at, after=after))
        everywhere = [*contents(s3, "processed"), *contents(s3, "archive")]
        assert set(everywhere) == set(keys), at
        report = run(s3)
        assert report.status == "succeeded", (at, report.counts)
        assert contents(s3, "archive") == wanted, at
        assert contents(s3, "processed") == {}, at


def test_archive_leaves_an_object_that_changes_between_copy_and_delete(s3: Any) -> None:
    put(s3, OLD)

    class Changing(Dying):
        def __getattr__(self, name: str) -> Any:
            if name == "delete_object" and not self.calls.count("delete_object"):
                s3.put_object(Bucket="processed", Key=OLD, Body=b"from a later run")
            return super().__getattr__(name)

    report = run(Changing(s3))
    assert (report.counts.changed, report.counts.objects) == (1, 0)
    assert contents(s3, "processed") == {OLD: b"from a later run"}
    assert contents(s3, "archive") == {}
    assert run(s3).counts.objects == 1
    assert contents(s3, "archive") == {OLD: b"from a later run"}


def test_archive_keeps_the_copy_of_an_object_that_somebody_else_has_deleted(s3: Any) -> None:
    put(s3, OLD)

    class Racing(Dying):
        def __getattr__(self, name: str) -> Any:
            if name == "delete_object":
                s3.delete_object(Bucket="processed", Key=OLD)
            return super().__getattr__(name)

    assert run(Racing(s3)).counts.objects == 1
    assert set(contents(s3, "archive")) == {OLD}


def test_archive_replaces_what_it_has_of_a_run_date_that_was_run_again(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
    put(s3, OLD)
    run(s3)
    time.sleep(1)  # S3 tells whole seconds
    s3.put_object(Bucket="processed", Key=OLD, Body=b"of a later run")
    report = run(s3)
    assert (report.status, report.counts.errors, report.counts.objects) == ("succeeded", 0, 1)
    assert contents(s3, "processed") == {}
    assert contents(s3, "archive") == {OLD: b"of a later run"}
    versions = s3.list_object_versions(Bucket="archive")["Versions"]
    assert [each["IsLatest"] for each in versions] == [True, False]


def test_archive_refuses_to_replace_a_younger_object_and_goes_on(s3: Any) -> None:
    put(s3, OLD, OLDER)
    s3.put_object(Bucket="archive", Key=OLD, Body=b"put by hand")
    report = run(s3)
    assert (report.status, report.counts.errors, report.counts.objects) == ("failed", 1, 1)
    assert "is another object than" in report.cause
    assert set(contents(s3, "processed")) == {OLD}
    assert contents(s3, "archive")[OLD] == b"put by hand"


def test_archive_takes_a_copy_whose_etag_differs_for_the_object_it_was_made_of(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="processed", Key=OLD)["UploadId"]
    place = {"Bucket": "processed", "Key": OLD, "UploadId": upload}
    part = s3.upload_part(**place, PartNumber=1, Body=b"in parts")["ETag"]
    s3.complete_multipart_upload(
        **place, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]}
    )
    with pytest.raises(Killed):
        run(Dying(s3, at=2, after=True))  # the copy is made
    report = run(s3)
    assert (report.counts.finished, report.status) == (1, "succeeded")
    assert contents(s3, "archive") == {OLD: b"in parts"}


def test_archive_copies_what_is_large_in_parts_and_keeps_what_it_was(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aws.s3.single._COPY_LIMIT_BYTES", 1_000_000)
    body = b"large " * 1_500_000  # above what s3transfer copies at once
    s3.put_object(Bucket="processed", Key=OLD, Body=body, ContentType="text/plain")
    assert run(s3).counts.objects == 1
    found = s3.get_object(Bucket="archive", Key=OLD)
    assert found["Body"].read() == body and found["ETag"].endswith('-2"')
    assert (found["StorageClass"], found["ContentType"]) == ("STANDARD_IA", "text/plain")
    assert contents(s3, "processed") == {}


def test_archive_without_the_bucket_says_which(s3: Any) -> None:
    put(s3, OLD)
    with pytest.raises(StorageError, match="bucket missing does not exist"):
        run(s3, config=replace(CONFIG, archive_bucket="missing"))
    assert set(contents(s3, "processed")) == {OLD}


def test_archive_stops_when_asked_and_goes_on_at_the_cursor(s3: Any) -> None:
    keys = [f"processed/t/ingest_date=2026-01-01/{n:02}" for n in range(10)]
    put(s3, *keys)
    left = iter([False] * 5 + [True] * 9)
    config = replace(CONFIG, concurrency=3)
    first = run(s3, config=config, should_stop=lambda: next(left))
    assert (first.status, first.cursor, first.counts.objects) == ("stopped", keys[3], 4)
    counts = Counts(**first.counts.to_dict())
    second = run(s3, config=config, cursor=first.cursor, counts=counts)
    assert (second.cursor, second.counts.objects, second.counts.listed) == (None, 10, 10)
    assert sorted(contents(s3, "archive")) == keys


def test_archive_stopped_before_the_first_object_goes_on_from_the_beginning(s3: Any) -> None:
    put(s3, OLD)
    first = run(s3, should_stop=lambda: True)
    assert (first.status, first.cursor, first.counts.objects) == ("stopped", "", 0)
    assert run(s3, cursor=first.cursor).counts.objects == 1


def test_archive_drops_the_partitions_before_their_files_go(s3: Any) -> None:
    glue = boto3.client("glue")
    glue.create_database(DatabaseInput={"Name": "shop"})
    location = "s3://processed/processed/sales/orders/"
    keys = [{"Name": "ingest_date", "Type": "date"}]
    table: Any = {
        "Name": "orders",
        "StorageDescriptor": {"Location": location},
        "PartitionKeys": keys,
    }
    glue.create_table(DatabaseName="shop", TableInput=table)
    for day in ("2026-01-01", "2999-05-31"):
        glue.create_partition(
            DatabaseName="shop",
            TableName="orders",
            PartitionInput={"Values": [day], "StorageDescriptor": {"Location": f"{location}x"}},
        )
    put(s3, OLD, OLDER, YOUNG)
    with pytest.raises(Killed):
        run(Dying(s3, at=0))
    assert set(contents(s3, "processed")) == {OLD, OLDER, YOUNG}
    found = glue.get_partitions(DatabaseName="shop", TableName="orders")["Partitions"]
    assert [each["Values"] for each in found] == [["2999-05-31"]]
    assert run(s3).counts.partitions == 0


class Listing:
    """A bucket of many objects that is held nowhere, and takes every call."""

    def __init__(self, count: int) -> None:
        self.count, self.deleted = count, 0
        self.copied: dict[str, dict[str, Any]] = {}

    def get_paginator(self, _name: str) -> Any:
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        for start in range(0, self.count, 1000):
            yield {"Contents": [self._entry(n) for n in range(start, start + 1000)]}

    def _entry(self, number: int) -> dict[str, Any]:
        key = f"processed/sales/orders/ingest_date=2026-01-01/{number:08}-{'x' * 100}"
        return {"Key": key, "Size": 7, "ETag": '"e"', "LastModified": NOW}

    def head_object(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        if Bucket == "archive" and Key not in self.copied:
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")
        return {"ContentLength": 7, "ETag": '"e"', "LastModified": NOW}

    def copy_object(self, *, Key: str, **given: Any) -> None:
        self.copied[Key] = {"class": given["StorageClass"]}

    def delete_object(self, *, Key: str, **_: Any) -> None:
        del self.copied[Key]
        self.deleted += 1


class NoTables:
    """A Glue catalogue that holds nothing."""

    def get_paginator(self, _name: str) -> Any:
        return self

    def paginate(self, **_: Any) -> list[Any]:
        return []


def test_archive_of_10_000_objects_holds_a_page_of_them_in_memory() -> None:
    listing: Any = Listing(10_000)
    glue: Any = NoTables()
    config = replace(CONFIG, concurrency=8)
    tracemalloc.start()
    try:
        report = archive(config, s3=listing, glue=glue, now=LATER)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (report.counts.objects, listing.deleted) == (10_000, 10_000)
    assert peak_bytes < 5_000_000  # all of them would be twice that


def test_lifecycle_rules_follow_the_settings_and_s3_takes_them(s3: Any) -> None:
    settings = load_settings("dev")
    archiver = settings.archiver.model_copy(
        update={"glacier_after_days": 10, "expire_after_days": 20, "noncurrent_days": 5}
    )
    given = lifecycle.rules(settings.model_copy(update={"archiver": archiver}))
    s3.put_bucket_lifecycle_configuration(Bucket="archive", LifecycleConfiguration={"Rules": given})
    found = s3.get_bucket_lifecycle_configuration(Bucket="archive")["Rules"]
    rules = {each["ID"]: each for each in found}
    first = rules["glacier-then-end"]
    assert first["Transitions"] == [{"Days": 10, "StorageClass": "GLACIER"}]
    assert first["Expiration"] == {"Days": 20}
    replaced = rules["forget-replaced-versions"]["NoncurrentVersionExpiration"]
    assert replaced["NoncurrentDays"] == 5
    aborted = rules["abort-incomplete-uploads"]["AbortIncompleteMultipartUpload"]
    assert aborted["DaysAfterInitiation"] == settings.archiver.abort_uploads_days


def test_settings_refuse_an_end_before_glacier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_ARCHIVER__EXPIRE_AFTER_DAYS", "90")
    with pytest.raises(SettingsError, match="expire_after_days must be above"):
        load_settings("dev")


def test_config_without_an_archive_bucket_is_refused() -> None:
    settings = load_settings("dev")
    buckets = settings.buckets.model_copy(update={"archive": None})
    with pytest.raises(SettingsError, match="no buckets.archive"):
        ArchiveConfig.of(settings.model_copy(update={"buckets": buckets}))


def test_config_survives_the_functions_variable() -> None:
    given = ArchiveConfig.of(load_settings("dev"))
    assert ArchiveConfig.from_json(given.to_json()) == given
