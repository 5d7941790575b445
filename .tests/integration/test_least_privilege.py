"""Policies enforced: every part does its work under its own role, and no more than it may."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from support.pipeline_runs import Bench, rows_url
from support.stream_runs import StreamProcess

from etl import environment
from etl.__main__ import main as etl_command
from etl.settings import Settings, load_settings
from local_cloud.demo_events import make_events
from local_cloud.roles import POLICY_NAME

RunCloud = Callable[..., subprocess.CompletedProcess[str]]
DAY = "2026-01-02"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings("local")


@pytest.fixture(scope="module")
def enforcing(
    run_cloud: RunCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The variables of a cloud of this module's own, whose policies are enforced; they are set."""
    home = tmp_path_factory.mktemp("enforcing") / "home"
    done = run_cloud(home, "attach", "--owner", str(os.getpid()), LOCAL_CLOUD_IAM="enforce")
    assert done.returncode == 0, done.stderr
    variables = dict(line.split("=", 1) for line in done.stdout.splitlines())
    with pytest.MonkeyPatch.context() as patch:
        for name in [each for each in os.environ if each.startswith(("AWS_", "ETL_", "PG"))]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        yield variables
    run_cloud(home, "down")


@pytest.fixture(scope="module")
def bench(enforcing: dict[str, str], prefect_api_url: str, settings: Settings) -> Bench:
    """The tables that config/local.yml names: policies speak of those."""
    return Bench(boto3.client, settings.glue.database, prefect_api_url)


@pytest.mark.timeout(400)
def test_tour_of_functions_queues_api_and_state_machine_passes(
    enforcing: dict[str, str], run_cloud: RunCloud
) -> None:
    home = Path(enforcing["LOCAL_CLOUD_HOME"])
    done = run_cloud(home, command=(sys.executable, "-m", "local_cloud.tour"))
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.timeout(300)
def test_flows_of_every_kind_of_source_pass(bench: Bench, settings: Settings) -> None:
    first = bench.run_json(DAY, "--loader", "copy", environ=rows_url(60))
    second = bench.run_json(DAY, "--loader", "data-api", environ=rows_url(60))
    assert first["table_hash"] == second["table_hash"]
    for dataset in ("customers", "price_list"):
        report = bench.run_json(DAY, "--dataset", dataset)
        assert report["rows"]["extracted"] > 0
    machine = bench.heavy_batch("2026-01-03", "customers,price_list", "--json").report
    assert {each["dataset"] for each in machine["datasets"]} == {"customers", "price_list"}
    back = bench.backfill("2025-12-01", "2025-12-02", environ=rows_url(20))
    assert back.code == 0, back.err


def test_stream_archiver_and_commands_of_people_pass(bench: Bench, settings: Settings) -> None:
    stream = StreamProcess("--dataset", "events", "--run-date", DAY)
    events = [
        each
        for each, _ in zip(make_events(seed=1, start=datetime(2026, 1, 2, tzinfo=UTC)), range(20))
    ]
    stream.input.writelines(json.dumps(each).encode() + b"\n" for each in events)
    stream.input.close()
    assert stream.wait(120) == 0, stream.said

    old = f"{settings.archiver.prefix}test/ingest_date=2010-01-01/part.parquet"
    for how in (_archive_by_flow, _archive_by_function):
        bench.put(f"s3://{settings.buckets.processed}/{old}", how.__name__.encode())
        how(settings)
        kept = bench.read(f"s3://{settings.buckets.archive}/{old}")
        assert kept == how.__name__.encode()
        boto3.client("s3").delete_object(Bucket=str(settings.buckets.archive), Key=old)

    with contextlib.redirect_stdout(io.StringIO()):
        assert etl_command(["publish-contracts", "--env", "local"]) == 0
        assert etl_command(["redrive", "--env", "local"]) == 0
        assert etl_command(["query", "row_count", "--param", f"run_date={DAY}"]) == 0


def _archive_by_flow(settings: Settings) -> None:
    command = [sys.executable, str(ROOT / "flows" / "archive.py"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def _archive_by_function(settings: Settings) -> None:
    answer = boto3.client("lambda").invoke(
        FunctionName=str(settings.archiver.function_name), Payload=b"{}"
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.fixture
def taken_away(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Takes a statement of a role's policy away: taken_away(role, sid). It is put back."""
    iam, kept = boto3.client("iam"), dict[str, dict[str, Any]]()
    # Attaching would put it back.
    monkeypatch.setattr(environment, "_run", lambda command: {})

    def put(role: str, document: dict[str, Any]) -> None:
        iam.put_role_policy(
            RoleName=role, PolicyName=POLICY_NAME, PolicyDocument=json.dumps(document)
        )

    def take(role: str, sid: str) -> None:
        found = iam.get_role_policy(RoleName=role, PolicyName=POLICY_NAME)["PolicyDocument"]
        kept[role] = found
        left = [each for each in found["Statement"] if each["Sid"] != sid]
        assert len(left) == len(found["Statement"]) - 1
        put(role, {**found, "Statement": left})

    def put_back() -> None:
        while kept:
            put(*kept.popitem())

    take.put_back = put_back  # type: ignore[attr-defined]
    yield take
    put_back()


@pytest.mark.parametrize(
    ("role", "sid", "action"),
    [
        ("etl-local-transform", "ReplaceRows", "s3:PutObject"),
        ("etl-local-redshift-copy", "ReadRows", "s3:GetObject"),
        ("etl-local-flow", "ReadQueriedObjects", "s3:GetObject"),
    ],
)
def test_run_whose_role_lacks_a_statement_fails_clearly_and_is_right_once_it_is_back(
    bench: Bench, taken_away: Any, role: str, sid: str, action: str
) -> None:
    taken_away(role, sid)
    bench.run("2026-01-04", environ=rows_url(30)).fails(role, f"perform: {action}")

    taken_away.put_back()
    assert bench.run_json("2026-01-04", environ=rows_url(30))["rows"]["extracted"] == 30
