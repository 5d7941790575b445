"""Replays: which corrections are taken, where they are kept, and what refuses them."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.contracts import make_contract

from etl import __main__ as command_line
from etl import keys
from etl.corrections import (
    join_corrections,
    parse_corrections,
    payload_digest,
    read_corrections,
    read_quarantine,
    write_corrections,
)
from etl.errors import ContractError, StorageError, UsageError
from etl.figures import Figures
from etl.flow_arguments import pipeline_arguments
from etl.manifest import Manifest, RawObject, earlier_uri, read_manifest, write_manifest
from etl.model import Contract, Places
from etl.replay import export_quarantine, kept_extraction
from etl.run import Run
from etl.settings import Staging, load_settings
from etl.sources.records import OpenSource
from etl.staging import stage_raw

DAY = date(2026, 1, 31)
SETTINGS = load_settings("local").without_role()
CONTRACT = make_contract()
MANIFEST_URI = keys.manifest_uri(CONTRACT, DAY)
PREFIX = keys.raw_prefix(CONTRACT, DAY)
RAW_URI = f"{PREFIX}part-00000.jsonl.gz"
QUARANTINE_URI = keys.quarantine_uri(CONTRACT, DAY) + "part-0.json.gz"
BAD, WORSE = '{"id": "ü"}', '{"id": null}'
MANIFEST = Manifest(
    dataset="things",
    run_date=DAY,
    source="tests",
    encoding="json",
    objects=(RawObject(uri=RAW_URI, bytes=3, sha256="0", rows=5),),
    rows=5,
    bytes=3,
    contract_uri="s3://test-artifacts/of-before.json",
    rejected=1,
)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket in ("test-raw", "test-quarantine", SETTINGS.buckets.artifacts):
            client.create_bucket(Bucket=bucket)
        put(client, RAW_URI, b"raw")
        write_manifest(client, MANIFEST_URI, MANIFEST)
        quarantine(client, MANIFEST, BAD, WORSE)
        yield client


def put(s3: Any, uri: str, body: bytes) -> None:
    bucket, key = keys.parse_s3_uri(uri)
    s3.put_object(Bucket=bucket, Key=key, Body=body)


def quarantine(s3: Any, manifest: Manifest, *payloads: str) -> None:
    """What the transform of an extraction leaves of these lines."""
    rows = [{"payload": each, "reasons": "id: wrong", "dataset": "things"} for each in payloads]
    body = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows).encode()
    put(s3, QUARANTINE_URI, gzip.compress(body))
    files = [{"uri": QUARANTINE_URI, "bytes": 1}]
    metrics = {"manifest_digest": manifest.digest, "quarantine_files": files}
    put(s3, run().uri("metrics.json"), json.dumps(metrics).encode())


def run(contract: Contract = CONTRACT) -> Run:
    return Run(run_id="r1", run_date=DAY, contract=contract, settings=SETTINGS)


def corrected(folder: Path, **changes: str) -> Path:
    """A file of corrections, by the payloads' digests."""
    file = folder / "corrections.jsonl"
    rows = [{"payload_sha256": key, "payload": each} for key, each in changes.items()]
    file.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return file


def line(digest: object, payload: object) -> bytes:
    return json.dumps({"payload_sha256": digest, "payload": payload}).encode()


def test_parse_corrections_takes_the_rows_that_were_changed() -> None:
    unchanged, changed = line(payload_digest(BAD), BAD), line(payload_digest(WORSE), "{}")
    assert parse_corrections([unchanged, b"\n", changed, changed], "f") == {
        payload_digest(WORSE): "{}"
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([b"{"], "f, line 1: no JSON object"),
        ([b"[]"], "no JSON object"),
        ([line("ab", 1)], "no JSON object"),
        ([line("ab", "a\nb")], "one line of text"),
        ([line("ab", "")], "one line of text"),
        ([line("ab", "\ud800")], "half a surrogate pair"),
        ([line("ab", "x"), line("ab", "y")], "line 2: another correction of ab stands above"),
    ],
)
def test_parse_corrections_refuses_what_it_cannot_mean(given: list[bytes], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_corrections(given, "f")


def test_correction_of_a_correction_takes_its_place() -> None:
    first = {payload_digest("a"): "b", payload_digest("x"): "y"}
    assert join_corrections(first, {payload_digest("b"): "c"}) == {
        payload_digest("a"): "c",
        payload_digest("b"): "c",
        payload_digest("x"): "y",
    }


def test_corrections_written_are_read_back_and_named_by_their_bytes(s3: Any) -> None:
    given = {payload_digest(BAD): '{"id": "ü\\n\u2028"}'}
    kept = write_corrections(s3, PREFIX, given)
    assert write_corrections(s3, PREFIX, given) == kept
    assert read_corrections(s3, kept) == given and read_corrections(s3, None) == {}
    put(s3, kept.uri, b"else")
    with pytest.raises(StorageError, match="is not what its manifest says"):
        read_corrections(s3, kept)


def test_replay_is_what_raw_keeps_for_the_present_contract(s3: Any) -> None:
    manifest = kept_extraction(run())
    assert manifest == replace(MANIFEST, contract_uri=run().contract_uri)
    assert read_manifest(s3, MANIFEST_URI) == manifest
    assert kept_extraction(run()) == manifest


def test_replay_with_corrections_keeps_them_and_knows_them_again(s3: Any, tmp_path: Path) -> None:
    first = corrected(tmp_path, **{payload_digest(BAD): '{"id": "still bad"}'})
    manifest = kept_extraction(run(), first)
    assert manifest.extracted == MANIFEST.extracted
    assert read_corrections(s3, manifest.corrections) == {
        payload_digest(BAD): '{"id": "still bad"}'
    }
    assert kept_extraction(run(), first) == manifest
    quarantine(s3, manifest, '{"id": "still bad"}', WORSE)
    second = corrected(tmp_path, **{payload_digest('{"id": "still bad"}'): '{"id": 7}'})
    kept = read_corrections(s3, kept_extraction(run(), second).corrections)
    assert kept[payload_digest(BAD)] == '{"id": 7}'


@pytest.mark.parametrize("digest", [payload_digest('{"id": 1}'), "ab", "../../etc"])
def test_correction_of_no_quarantined_row_is_refused_and_nothing_written(
    s3: Any, tmp_path: Path, digest: str
) -> None:
    file = corrected(tmp_path, **{payload_digest(BAD): '{"id": 1}', digest: '{"id": 2}'})
    before = s3.list_objects_v2(Bucket="test-raw")["Contents"]
    with pytest.raises(UsageError, match="1 of 2 corrections are of no quarantined row"):
        kept_extraction(run(), file)
    after = s3.list_objects_v2(Bucket="test-raw")["Contents"]
    assert [(each["Key"], each["ETag"]) for each in after] == [
        (each["Key"], each["ETag"]) for each in before
    ]


def test_corrections_beside_a_quarantine_of_another_extraction_are_refused(
    s3: Any, tmp_path: Path
) -> None:
    quarantine(s3, replace(MANIFEST, rejected=2), BAD)
    with pytest.raises(UsageError, match="its last run has not ended"):
        kept_extraction(run(), corrected(tmp_path, **{payload_digest(BAD): "{}"}))


def test_file_that_changes_nothing_or_is_not_there_is_refused(s3: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="changes no payload"):
        kept_extraction(run(), corrected(tmp_path, **{payload_digest(BAD): BAD}))
    with pytest.raises(UsageError, match="No such file"):
        kept_extraction(run(), tmp_path / "nowhere")


def test_replay_of_what_is_not_whole_is_refused(s3: Any) -> None:
    put(s3, RAW_URI, b"cut off")
    with pytest.raises(StorageError, match="part-00000.jsonl.gz is not there as it was written"):
        kept_extraction(run())
    with pytest.raises(UsageError, match="ends at raw"):
        kept_extraction(run(replace(CONTRACT, places=Places(raw=CONTRACT.places.raw))))
    write_manifest(s3, MANIFEST_URI, replace(MANIFEST, objects=(), encoding="text"))
    with pytest.raises(ContractError, match="holds values as text"):
        kept_extraction(run())
    s3.delete_object(Bucket="test-raw", Key=keys.parse_s3_uri(MANIFEST_URI)[1])
    with pytest.raises(StorageError, match="no complete extraction"):
        kept_extraction(run())


@pytest.mark.parametrize("died", [False, True])
def test_another_extraction_of_the_date_keeps_its_corrections(
    s3: Any, tmp_path: Path, died: bool
) -> None:
    file = corrected(tmp_path, **{payload_digest(BAD): '{"id": 1}'})
    corrections = kept_extraction(run(), file).corrections
    if died:  # after it had put the manifest aside
        write_manifest(s3, earlier_uri(MANIFEST_URI), read_manifest(s3, MANIFEST_URI))
        s3.delete_object(Bucket="test-raw", Key=keys.parse_s3_uri(MANIFEST_URI)[1])
    manifest = stage_raw(
        OpenSource(items=iter([b'{"id": 2}', BAD.encode()])),
        s3=s3,
        contract=CONTRACT,
        run_date=DAY,
        run_id="r2",
        contract_uri="s3://test-artifacts/contract.json",
        settings=Staging(upload_part_mib=5),
        figures=Figures(),
    )
    assert manifest.corrections == corrections and corrections is not None
    assert read_manifest(s3, MANIFEST_URI) == manifest
    assert read_corrections(s3, manifest.corrections) == {payload_digest(BAD): '{"id": 1}'}


def test_export_is_what_the_quarantine_holds_and_never_over_a_file(s3: Any, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    assert export_quarantine(run(), file) == 2
    rows = [json.loads(each) for each in file.read_text(encoding="utf-8").splitlines()]
    assert rows == list(read_quarantine(s3, [QUARANTINE_URI]))
    assert [each["payload"] for each in rows] == [BAD, WORSE]
    assert [each["payload_sha256"] for each in rows] == [payload_digest(BAD), payload_digest(WORSE)]
    with pytest.raises(UsageError, match="rows.jsonl exists"):
        export_quarantine(run(), file)
    with pytest.raises(UsageError, match="No such file"):
        export_quarantine(run(), tmp_path / "nowhere" / "rows.jsonl")


def test_command_becomes_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda program, words: started.append(words))
    arguments = ["replay", "--dataset", "orders", "--run-date", "2026-01-31"]
    assert command_line.main([*arguments, "--corrections", "c.jsonl", "--loader", "copy"]) == 0
    [[program, script, *words]] = started
    assert program == sys.executable and Path(script).name == "full_pipeline.py"
    options = pipeline_arguments(words)
    assert (options.replay, options.dataset, options.loader) == (True, "orders", "copy")
    assert (options.run_date, options.corrections) == (DAY, str(Path("c.jsonl").absolute()))


def test_corrections_without_a_replay_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        pipeline_arguments(["--run-date", "2026-01-31", "--corrections", "c.jsonl"])
    assert "--corrections goes with --replay" in capsys.readouterr().err
