"""Files that are taken once: by which run, and what becomes of them."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from source_samples import RAW_BUCKET, make_contract
from support.source_contexts import STATE_PREFIX, records, source_context

from aws.s3 import delete_objects, get_bytes, iter_objects
from etl.errors import ContractError, SourceError, UsageError
from etl.keys import manifest_uri, parse_s3_uri
from etl.manifest import Manifest
from etl.model import Contract, Raw
from etl.settings import Staging
from etl.sources.files import settle
from etl.sources.finish import Finished, finish_source
from etl.sources.open import open_source
from etl.staging import stage_raw

MONDAY = date(2026, 1, 5)
TUESDAY = MONDAY + timedelta(days=1)
KEEP: dict[str, Any] = {"only_new": True}
MOVE: dict[str, Any] = {"only_new": True, "after_load": "move"}
DELETE: dict[str, Any] = {"only_new": True, "after_load": "delete"}


BUCKETS = ("drop", "elsewhere", RAW_BUCKET, parse_s3_uri(STATE_PREFIX)[0])


@pytest.fixture(scope="module")
def module_s3() -> Iterator[Any]:
    """One client for all tests: it is what costs."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield boto3.client("s3", region_name="us-east-1")


@pytest.fixture
def s3(module_s3: Any) -> Iterator[Any]:
    for bucket in BUCKETS:
        module_s3.create_bucket(Bucket=bucket)
    yield module_s3
    for bucket in BUCKETS:
        delete_objects(module_s3, bucket=bucket, keys=keys(module_s3, bucket))
        module_s3.delete_bucket(Bucket=bucket)


def contract_for(location: str = "s3://drop/in/prices/", **options: Any) -> Contract:
    return make_contract(location, kind="file", format="jsonl", options=options)


def put(s3: Any, name: str, *values: int) -> None:
    body = "".join(f'{{"v": {value}}}\n' for value in values)
    s3.put_object(Bucket="drop", Key=f"in/prices/{name}", Body=body.encode())


def keys(s3: Any, bucket: str = "drop") -> list[str]:
    return [each.key for each in iter_objects(s3, bucket=bucket, prefix="")]


def stored(s3: Any, bucket: str) -> dict[str, bytes]:
    return {key: get_bytes(s3, bucket=bucket, key=key) for key in keys(s3, bucket)}


def extract(s3: Any, contract: Contract, run_date: date) -> Manifest:
    return stage_raw(
        open_source(contract, source_context(run_date, s3=s3)),
        s3=s3,
        contract=contract,
        run_date=run_date,
        run_id="r1",
        contract_uri="s3://test-artifacts/contracts/orders/1.json",
        settings=Staging(upload_part_mib=5),
    )


def values(s3: Any, manifest: Manifest) -> list[int]:
    """What raw holds."""
    found = []
    for each in manifest.objects:
        bucket, key = parse_s3_uri(each.uri)
        body = gzip.decompress(get_bytes(s3, bucket=bucket, key=key))
        found += [json.loads(line)["v"] for line in body.splitlines()]
    return found


def finish(s3: Any, contract: Contract, manifest: Manifest) -> Finished:
    return finish_source(contract, manifest, source_context(manifest.run_date, s3=s3))


def run(s3: Any, contract: Contract, run_date: date) -> list[int]:
    """A whole run; the values that it carried."""
    manifest = extract(s3, contract, run_date)
    finish(s3, contract, manifest)
    return values(s3, manifest)


@pytest.mark.parametrize("options", [KEEP, MOVE, DELETE, {"after_load": "move"}])
def test_each_file_is_taken_by_one_date_and_by_each_run_of_it(s3: Any, options: Any) -> None:
    contract = contract_for(**options)
    put(s3, "b.jsonl", 2)
    put(s3, "a.jsonl", 1)
    assert run(s3, contract, MONDAY) == [1, 2]
    put(s3, "0.jsonl", 3)
    assert run(s3, contract, TUESDAY) == [3]
    assert run(s3, contract, MONDAY) == [1, 2]
    assert run(s3, contract, TUESDAY) == [3]
    assert run(s3, contract, TUESDAY + timedelta(days=1)) == []


@pytest.mark.parametrize("options", [KEEP, MOVE, DELETE])
def test_a_later_run_of_the_date_takes_what_has_come_since(s3: Any, options: Any) -> None:
    contract = contract_for(**options)
    put(s3, "b.jsonl", 2)
    assert run(s3, contract, MONDAY) == [2]
    put(s3, "a.jsonl", 1)
    assert run(s3, contract, MONDAY) == [2, 1]
    assert run(s3, contract, MONDAY) == [2, 1]


@pytest.mark.parametrize("options", [KEEP, MOVE, DELETE])
def test_a_file_that_is_replaced_under_its_name_is_another_file(s3: Any, options: Any) -> None:
    contract = contract_for(**options)
    put(s3, "a.jsonl", 1)
    assert run(s3, contract, MONDAY) == [1]
    put(s3, "a.jsonl", 10, 11)
    assert run(s3, contract, TUESDAY) == [10, 11]
    assert run(s3, contract, MONDAY) == [1]
    put(s3, "a.jsonl", 20)
    assert run(s3, contract, TUESDAY) == [10, 11, 20]
    assert run(s3, contract, TUESDAY) == [10, 11, 20]


def test_moved_files_keep_their_relative_names_and_never_replace_each_other(s3: Any) -> None:
    contract = contract_for(**MOVE)
    put(s3, "x/a.jsonl", 1)
    run(s3, contract, MONDAY)
    put(s3, "x/a.jsonl", 2)
    run(s3, contract, MONDAY)
    first, second = keys(s3)
    assert {first, second} >= {"in/completed/prices/x/a.jsonl"}
    bodies = {get_bytes(s3, bucket="drop", key=key) for key in (first, second)}
    assert bodies == {b'{"v": 1}\n', b'{"v": 2}\n'}


def test_completed_prefix_may_be_in_another_bucket(s3: Any) -> None:
    put(s3, "a.jsonl", 1)
    run(s3, contract_for(**MOVE, completed_prefix="s3://elsewhere/done/"), MONDAY)
    assert keys(s3) == []
    assert keys(s3, "elsewhere") == ["done/a.jsonl"]


def test_completed_files_below_the_location_are_not_taken(s3: Any) -> None:
    s3.put_object(Bucket="drop", Key="a.jsonl", Body=b'{"v": 1}\n')
    contract = contract_for("s3://drop/", **MOVE)
    assert run(s3, contract, MONDAY) == [1]
    assert keys(s3) == ["completed/a.jsonl"]
    assert run(s3, contract, TUESDAY) == []


@pytest.mark.parametrize("prefix", ["s3://drop/in/prices/", "/tmp/done/"])
def test_completed_prefix_that_cannot_take_files_is_refused(s3: Any, prefix: str) -> None:
    put(s3, "a.jsonl", 1)
    with pytest.raises(ContractError, match="completedPrefix"):
        run(s3, contract_for(**MOVE, completed_prefix=prefix), MONDAY)
    assert keys(s3) == ["in/prices/a.jsonl"]


def test_nothing_is_moved_before_the_run_is_finished(s3: Any) -> None:
    contract = contract_for(**DELETE)
    put(s3, "a.jsonl", 1)
    extract(s3, contract, MONDAY)
    assert keys(s3) == ["in/prices/a.jsonl"]
    assert run(s3, contract, MONDAY) == [1]


@pytest.mark.parametrize("options", [MOVE, DELETE])
def test_a_file_that_changes_after_it_was_read_stays_for_the_next_run(
    s3: Any, options: Any
) -> None:
    contract = contract_for(**options)
    put(s3, "a.jsonl", 1)
    put(s3, "b.jsonl", 2)
    manifest = extract(s3, contract, MONDAY)
    put(s3, "a.jsonl", 100)
    done = finish(s3, contract, manifest)
    assert (done.kept, done.moved + done.deleted) == (1, 1)
    assert run(s3, contract, TUESDAY) == [100]
    assert run(s3, contract, MONDAY) == [1, 2]


@pytest.mark.parametrize("options", [MOVE, DELETE])
@pytest.mark.parametrize("next_date", [MONDAY, TUESDAY])
@pytest.mark.parametrize("survivors", [0, 1, 2])
def test_a_run_killed_while_it_settles_is_made_good_by_the_next(
    s3: Any,
    options: Any,
    next_date: date,
    survivors: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    contract = contract_for(**options)
    for name, value in (("a", 1), ("b", 2), ("c", 3)):
        put(s3, f"{name}.jsonl", value)
    manifest = extract(s3, contract, MONDAY)
    settled = 0

    def die(*arguments: Any, **named: Any) -> str:
        nonlocal settled
        settled += 1
        if settled > survivors:
            raise KeyboardInterrupt
        return settle_one(*arguments, **named)

    settle_one = settle._settle_one
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(settle, "_settle_one", die)
        patched.setattr(settle, "_AT_ONCE", 1)
        finish(s3, contract, manifest)
    assert run(s3, contract, next_date) == ([1, 2, 3] if next_date == MONDAY else [])
    left = ["a", "b", "c"] if options == MOVE else []
    assert keys(s3) == [f"in/completed/prices/{name}.jsonl" for name in left]
    assert run(s3, contract, MONDAY) == [1, 2, 3]


def test_a_copy_that_was_not_followed_by_its_delete_is_made_again(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = contract_for(**MOVE)
    put(s3, "a.jsonl", 1)
    manifest = extract(s3, contract, MONDAY)

    def die(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("etl.sources.files.stores.delete_object", die)
        finish(s3, contract, manifest)
    assert len(keys(s3)) == 2
    assert run(s3, contract, TUESDAY) == []
    assert keys(s3) == ["in/completed/prices/a.jsonl"]


def test_finishing_twice_changes_nothing(s3: Any) -> None:
    contract = contract_for(**MOVE)
    put(s3, "a.jsonl", 1)
    manifest = extract(s3, contract, MONDAY)
    assert finish(s3, contract, manifest) == Finished(moved=1)
    before = keys(s3), stored(s3, "test-artifacts")
    finish(s3, contract, manifest)
    assert (keys(s3), stored(s3, "test-artifacts")) == before


@pytest.mark.parametrize("options", [KEEP, MOVE])
def test_a_file_that_two_runs_take_at_once_is_left_to_the_first_that_finishes(
    s3: Any, options: Any
) -> None:
    contract = contract_for(**options)
    put(s3, "a.jsonl", 1)
    manifest = extract(s3, contract, MONDAY)
    put(s3, "b.jsonl", 2)
    assert run(s3, contract, TUESDAY) == [1, 2]
    with pytest.raises(SourceError, match=f"a.jsonl was taken by the run of {TUESDAY} as well"):
        finish(s3, contract, manifest)
    assert run(s3, contract, MONDAY) == []
    assert run(s3, contract, TUESDAY) == [1, 2]


def test_moved_files_are_found_again_without_the_manifest(s3: Any) -> None:
    contract = contract_for(**DELETE)
    put(s3, "a.jsonl", 1)
    run(s3, contract, MONDAY)
    bucket, key = parse_s3_uri(manifest_uri(contract, MONDAY))
    s3.delete_object(Bucket=bucket, Key=key)
    assert run(s3, contract, MONDAY) == [1]


def test_moved_files_are_read_where_they_are_if_raw_cannot_be(s3: Any) -> None:
    contract = contract_for(**MOVE)
    put(s3, "a.jsonl", 1)
    run(s3, contract, MONDAY)
    for key in keys(s3, RAW_BUCKET):
        s3.delete_object(Bucket=RAW_BUCKET, Key=key)
    assert run(s3, contract, MONDAY) == [1]


@pytest.mark.parametrize("damage", ["delete", "replace"])
def test_deleted_files_whose_raw_objects_are_damaged_are_named(s3: Any, damage: str) -> None:
    contract = contract_for(**DELETE)
    put(s3, "a.jsonl", 1)
    (raw,) = extract_and_finish(s3, contract).objects
    bucket, key = parse_s3_uri(raw.uri)
    if damage == "delete":
        s3.delete_object(Bucket=bucket, Key=key)
    else:
        body = bytearray(get_bytes(s3, bucket=bucket, key=key))
        body[4] ^= 1  # the time stamp, which gzip does not check
        s3.put_object(Bucket=bucket, Key=key, Body=bytes(body))
    with pytest.raises(SourceError, match="a.jsonl, which|its SHA-256 is another"):
        extract(s3, contract, MONDAY)


def extract_and_finish(s3: Any, contract: Contract) -> Manifest:
    manifest = extract(s3, contract, MONDAY)
    finish(s3, contract, manifest)
    return manifest


def test_a_prefix_that_never_held_a_file_is_named(s3: Any) -> None:
    s3.put_object(Bucket="drop", Key="elsewhere/a.jsonl", Body=b'{"v": 1}\n')
    run(s3, contract_for("s3://drop/elsewhere/", **MOVE), MONDAY)
    before = stored(s3, RAW_BUCKET)
    for location in ("s3://drop/in/prices/", "s3://drop/in/prices/{run_date}/", "s3://drop/x"):
        with pytest.raises(SourceError, match="no jsonl file at s3://drop/"):
            extract(s3, contract_for(location, **MOVE), TUESDAY)
    assert stored(s3, RAW_BUCKET) == before


def test_a_single_file_is_taken_once(s3: Any) -> None:
    put(s3, "a.jsonl", 1)
    contract = contract_for("s3://drop/in/prices/a.jsonl", **MOVE)
    assert run(s3, contract, MONDAY) == [1]
    assert keys(s3) == ["in/completed/prices/a.jsonl"]
    assert run(s3, contract, TUESDAY) == []
    assert run(s3, contract, MONDAY) == [1]


def test_a_bad_file_moves_nothing_and_leaves_the_earlier_extraction(s3: Any) -> None:
    contract = contract_for(**MOVE)
    put(s3, "a.jsonl", 1)
    run(s3, contract, MONDAY)
    raw = stored(s3, RAW_BUCKET)
    put(s3, "b.jsonl", 2)
    cut = gzip.compress(b'{"v": 3}\n' * 99)[:-4]
    s3.put_object(Bucket="drop", Key="in/prices/c.jsonl.gz", Body=cut)
    with pytest.raises(SourceError, match="c.jsonl.gz is not a whole gzip file"):
        run(s3, contract, MONDAY)
    assert stored(s3, RAW_BUCKET) == raw
    assert keys(s3) == [
        "in/completed/prices/a.jsonl",
        "in/prices/b.jsonl",
        "in/prices/c.jsonl.gz",
    ]


def test_backfill_needs_the_run_date_in_the_location(s3: Any) -> None:
    put(s3, "a.jsonl", 1)
    context = source_context(MONDAY, s3=s3, backfill_from=MONDAY)
    with pytest.raises(UsageError, match="a backfill cannot know"):
        open_source(contract_for(**KEEP), context)


def test_backfill_keeps_files_and_remembers_nothing(s3: Any) -> None:
    put(s3, f"{MONDAY}/a.jsonl", 1)
    contract = contract_for("s3://drop/in/prices/{run_date}/", **MOVE)
    context = source_context(MONDAY, s3=s3, backfill_from=MONDAY)
    opened = open_source(contract, context)
    assert sum(1 for _ in opened.items) == 2
    manifest = replace(extract(s3, contract, MONDAY), progress=opened.progress())
    assert finish_source(contract, manifest, context) == Finished()
    assert keys(s3) == [f"in/prices/{MONDAY}/a.jsonl"]
    assert keys(s3, "test-artifacts") == []


def test_files_that_are_deleted_need_raw_json_lines(s3: Any) -> None:
    put(s3, "a.jsonl", 1)
    contract = replace(contract_for(**DELETE), raw=Raw(format="csv"))
    with pytest.raises(ContractError, match="read again from raw"):
        open_source(contract, source_context(MONDAY, s3=s3))


@pytest.mark.parametrize("other_disk", [False, True])
def test_local_files_are_moved_and_deleted(
    s3: Any, tmp_path: Path, other_disk: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in" / "prices"
    (folder / "x").mkdir(parents=True)
    (folder / "x" / "a.jsonl").write_text('{"v": 1}\n')
    if other_disk:
        rename = settle_on_other_disk(tmp_path)
        monkeypatch.setattr("etl.sources.files.stores.os.replace", rename)
    contract = contract_for(str(folder), **MOVE)
    assert run(s3, contract, MONDAY) == [1]
    moved = tmp_path / "in" / "completed" / "prices" / "x" / "a.jsonl"
    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert files == [moved] and moved.read_text() == '{"v": 1}\n'
    assert run(s3, contract, MONDAY) == [1]
    (folder / "b.jsonl").write_text('{"v": 2}\n')
    assert run(s3, contract_for(str(folder), **DELETE), TUESDAY) == [2]
    assert not (folder / "b.jsonl").exists()


def settle_on_other_disk(tmp_path: Path) -> Any:
    replace_file = os.replace

    def refuse_to_cross(source: Any, target: Any) -> None:
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        replace_file(source, target)

    return refuse_to_cross


def test_source_in_another_account_and_region_gets_its_client(s3: Any) -> None:
    asked = []

    def client(service: str, *, region: str | None = None, role_arn: str | None = None) -> Any:
        asked.append((service, region, role_arn))
        return s3

    put(s3, "a.jsonl", 1)
    role = "arn:aws:iam::210987654321:role/reader"
    contract = contract_for(region="eu-west-1", role_arn=role)
    list(open_source(contract, replace(source_context(MONDAY), client=client)).items)
    assert asked == [("s3", "eu-west-1", role)]


@pytest.mark.parametrize("ahead", [True, False])
def test_objects_are_read_whole_or_in_parts(
    s3: Any, ahead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not ahead:
        monkeypatch.setattr("etl.sources.files.ahead._SMALL_BYTES", 0)
    body = io.BytesIO()
    pq.write_table(pa.table({"v": [1, 2]}), body)
    for number in range(20):
        s3.put_object(Bucket="drop", Key=f"in/{number:02}.parquet", Body=body.getvalue())
        put(s3, f"{number:02}.jsonl", number)
    contract = make_contract("s3://drop/in/", kind="file", format="parquet")
    opened = open_source(contract, source_context(MONDAY, s3=s3))
    assert records(opened.items) == [b'{"v": 1}', b'{"v": 2}'] * 20
    opened = open_source(contract_for(), source_context(MONDAY, s3=s3))
    assert [json.loads(line)["v"] for line in records(opened.items)] == list(range(20))


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_an_object_that_is_replaced_before_it_is_read_is_named(
    s3: Any, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.sources.files.ahead._SMALL_BYTES", 0)
    key = f"in/prices/a.{format}"
    s3.put_object(Bucket="drop", Key=key, Body=b"{}\n")
    contract = make_contract("s3://drop/in/prices/", kind="file", format=format)
    items = open_source(contract, source_context(MONDAY, s3=s3)).items
    s3.put_object(Bucket="drop", Key=key, Body=b"[]\n")
    with pytest.raises(SourceError, match=f"a.{format} was changed while it was read"):
        list(items)


def test_source_whose_role_cannot_be_assumed_is_named() -> None:
    def client(service: str, *, region: str | None = None, role_arn: str | None = None) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AssumeRole")

    contract = contract_for(role_arn="arn:aws:iam::210987654321:role/reader")
    with pytest.raises(SourceError, match="role/reader cannot be assumed") as caught:
        open_source(contract, replace(source_context(MONDAY), client=client))
    assert "trust policy" in caught.value.fix


def test_an_object_too_large_for_one_copy_is_moved_in_parts(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aws.s3.single._COPY_LIMIT_BYTES", 1024)
    body = b'{"v": 1}\n' * 1_000_000  # 9 MB: boto3 copies in parts of 8
    s3.put_object(Bucket="drop", Key="in/prices/a.jsonl", Body=body, Metadata={"of": "x"})
    run(s3, contract_for(**MOVE), MONDAY)
    assert keys(s3) == ["in/completed/prices/a.jsonl"]
    moved = s3.get_object(Bucket="drop", Key="in/completed/prices/a.jsonl")
    assert (moved["Body"].read(), moved["Metadata"]) == (body, {"of": "x"})
