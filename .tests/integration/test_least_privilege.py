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
import httpx
import psycopg2
import pytest
from support.contracts import write_contract
from support.ingest import event_record
from support.ingest_calls import Caller
from support.own_clouds import entered
from support.pipeline_runs import Bench, rows_url
from support.stream_runs import StreamProcess

from etl import environment
from etl.__main__ import main as etl_command
from etl.settings import Settings, load_settings
from etl.warehouse.executor import open_executor
from local_cloud.demo_events import make_events
from local_cloud.demo_prices import price_files
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
    with entered(variables):
        yield variables
    run_cloud(home, "down")


@pytest.fixture(scope="module")
def bench(enforcing: dict[str, str], prefect_api_url: str, settings: Settings) -> Bench:
    """The tables that config/local.yml names: policies speak of those."""
    return Bench(boto3.client, settings.glue.database, prefect_api_url)


@pytest.mark.timeout(600)
def test_tour_of_functions_queues_api_and_state_machine_passes(
    enforcing: dict[str, str], run_cloud: RunCloud
) -> None:
    home = Path(enforcing["LOCAL_CLOUD_HOME"])
    command = (sys.executable, "-m", "local_cloud.tour")
    done = run_cloud(home, command=command, LOCAL_CLOUD_IAM="enforce")
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.timeout(900)
def test_flows_of_every_kind_of_source_pass(bench: Bench, settings: Settings) -> None:
    bench.run_json(DAY, "--loader", "copy", environ=rows_url(60))
    first = bench.table_hash()
    bench.run_json(DAY, "--loader", "data-api", environ=rows_url(60))
    assert bench.table_hash() == first
    for dataset in ("customers", "price_list"):
        report = bench.run_json(DAY, "--dataset", dataset)
        assert report["rows"]["extracted"] > 0
    for name, content in price_files():  # the flow has taken those that were there
        bench.put(f"{settings.places['price_list_prefix']}later/{name}", content)
    machine = bench.heavy_batch("2026-01-03", "customers,price_list", "--json").report
    assert {each["dataset"] for each in machine["datasets"]} == {"customers", "price_list"}
    back = bench.backfill("2025-12-01", "2025-12-02", environ=rows_url(20))
    assert back.code == 0, back.err


@pytest.mark.timeout(600)
def test_stream_archiver_and_commands_of_people_pass(
    enforcing: dict[str, str], bench: Bench, settings: Settings
) -> None:
    _check_sent_records_are_loaded(enforcing["INGEST_API_URL"], bench)
    stream = StreamProcess("--dataset", "events", "--run-date", DAY)
    events = [
        each
        for each, _ in zip(make_events(seed=1, start=datetime(2026, 1, 2, tzinfo=UTC)), range(20))
    ]
    stream.input.writelines(json.dumps(each).encode() + b"\n" for each in events)
    stream.input.close()
    assert stream.wait(300) == 0, stream.said

    old = f"{settings.archiver.prefix}sales/orders/ingest_date=2010-01-01/part.parquet"
    for how in (_archive_by_flow, _archive_by_function):
        _register_partition(settings, "orders", "2010-01-01")
        bench.put(f"s3://{settings.buckets.processed}/{old}", how.__name__.encode())
        how(settings)
        kept = bench.read(f"s3://{settings.buckets.archive}/{old}")
        assert kept == how.__name__.encode()
        boto3.client("s3").delete_object(Bucket=str(settings.buckets.archive), Key=old)
    bench.put(f"s3://{settings.buckets.processed}/{old}", b"one")
    bench.put(f"s3://{settings.buckets.archive}/{old}", b"another")
    _archive_by_function(settings)  # it tells the topic of the conflict
    boto3.client("s3").delete_object(Bucket=settings.buckets.processed, Key=old)

    with contextlib.redirect_stdout(io.StringIO()):
        assert etl_command(["publish-contracts", "--env", "local"]) == 0
        assert etl_command(["redrive", "--env", "local"]) == 0
        assert etl_command(["query", "row_count", "--param", f"run_date={DAY}"]) == 0


def _check_sent_records_are_loaded(url: str, bench: Bench) -> None:
    key = boto3.Session().get_credentials()
    assert key
    with httpx.Client(trust_env=False, timeout=60) as http:
        caller = Caller(url, key.get_frozen_credentials(), http)
        answer = caller.post("/ingest/events", json.dumps(event_record(1)).encode())
        assert answer.status_code == 202, answer.text
        bench.run_json(str(datetime.now(UTC).date()), "--dataset", "events")
        assert caller.get(answer.headers["location"]).json()["state"] == "loaded"


def _register_partition(settings: Settings, table: str, day: str) -> None:
    glue: Any = boto3.client("glue")
    place = {"DatabaseName": settings.glue.database, "TableName": table}
    found = glue.get_table(DatabaseName=settings.glue.database, Name=table)["Table"]
    glue.batch_create_partition(
        **place,
        PartitionInputList=[{"Values": [day], "StorageDescriptor": found["StorageDescriptor"]}],
    )


def _archive_by_flow(settings: Settings) -> None:
    command = [sys.executable, str(ROOT / "flows" / "archive.py"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def _archive_by_function(settings: Settings) -> None:
    answer = boto3.client("lambda").invoke(
        FunctionName=str(settings.archiver.function_name), Payload=b"{}"
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.mark.timeout(600)
def test_what_seldom_happens_passes_too(bench: Bench, settings: Settings, tmp_path: Path) -> None:
    _check_catalogue_is_mended(bench, settings)
    _check_refused_records_are_kept(bench, settings, tmp_path)
    _check_late_load_is_cancelled(settings)
    _check_what_is_missing_is_told(bench, settings)
    warehouse = settings.warehouse.model_copy(update={"host": None})
    found = open_executor(settings.model_copy(update={"warehouse": warehouse}))
    with contextlib.closing(found):
        assert found.query("SELECT 1") == [(1,)]
    _check_archiver_goes_on(settings)


def _check_catalogue_is_mended(bench: Bench, settings: Settings) -> None:
    """By the flow, and by the state machine's function."""
    day = "2026-01-01"
    bench.run_json(day, "--dataset", "app_logs")
    _damage_catalogue(settings.glue.database, day)
    (mended,) = bench.heavy_batch(day, "app_logs", "--json").report["datasets"]
    assert mended["extracted"] > 0
    _damage_catalogue(settings.glue.database, day)
    bench.run_json(day, "--dataset", "app_logs")


def _damage_catalogue(database: str, day: str) -> None:
    """Take a column from the table, lead a partition elsewhere, and add one that is none."""
    glue, place = boto3.client("glue"), {"DatabaseName": database, "TableName": "app_logs"}
    found: Any = glue.get_table(DatabaseName=database, Name="app_logs")["Table"]
    storage = {**found["StorageDescriptor"]}
    storage["Columns"] = storage["Columns"][:-1]
    kept = ("Name", "TableType", "Parameters", "PartitionKeys")
    table = {name: found[name] for name in kept if name in found} | {"StorageDescriptor": storage}
    glue.update_table(DatabaseName=database, TableInput=table)
    partitions: Any = glue.get_partitions(**place, Expression=f"ingest_date = '{day}'")
    first = partitions["Partitions"][0]
    moved = {**first["StorageDescriptor"], "Location": "s3://etl-local-processed/elsewhere/"}
    glue.update_partition(
        **place,
        PartitionValueList=first["Values"],
        PartitionInput={"Values": first["Values"], "StorageDescriptor": moved},
    )
    strange = {"Values": [*first["Values"][:-1], "STRANGE"], "StorageDescriptor": moved}
    glue.batch_create_partition(**place, PartitionInputList=[strange])


def _check_refused_records_are_kept(bench: Bench, settings: Settings, folder: Path) -> None:
    """A raw format that holds columns refuses a record; by the flow, and by the function."""
    source = f"s3://{settings.buckets.raw}/landing/app-logs/airports.csv"
    header = "iata,name,city,state,country,latitude,longitude\n"
    rows = "AAA,One,X,Y,USA,1.5,2.5\nBBB,Two,X,Y,USA,north,2.5\n"
    bench.put(source, (header + rows).encode())

    def edit(document: dict[str, Any]) -> None:
        servers = {each["server"]: each for each in document["servers"]}
        servers["source"]["location"] = source
        servers["raw"]["format"] = "csv"
        servers["raw"].pop("delimiter")
        document["servers"] = [servers["source"], servers["raw"]]

    write_contract(folder, edit, dataset="airports")
    by_flow = bench.run_json("2026-01-06", "--dataset", "airports", contracts=folder)
    assert by_flow["rows"]["rejected"] == 1
    by_machine = bench.heavy_batch("2026-01-07", "airports", "--json", contracts=folder).report
    assert by_machine["datasets"][0]["extracted"] == 2
    boto3.client("s3").delete_object(Bucket=settings.buckets.raw, Key=source.split("/", 3)[3])


def _check_late_load_is_cancelled(settings: Settings) -> None:
    """The function ends what it cannot wait for, though another role has submitted it."""
    data, now = boto3.client("redshift-data"), datetime.now(UTC).isoformat()
    place = {"Database": settings.warehouse.database}
    place |= {"WorkgroupName": str(settings.warehouse.workgroup_name)}
    connection = psycopg2.connect("")
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE public.held (n INTEGER)")
            connection.commit()
            cursor.execute("LOCK public.held")
        waiting = data.execute_statement(Sql="SELECT count(*) FROM public.held", **place)["Id"]
        run = {"dataset": "orders", "run_date": DAY, "execution": "late", "started_at": now}
        event = {
            "step": "explain_load",
            "entered_at": now,
            "run": run,
            "given": {"input": {}, "attempt": {"number": 1}, "load": {"id": waiting}},
        }
        answer = boto3.client("lambda").invoke(
            FunctionName=settings.state_machine.function_name, Payload=json.dumps(event).encode()
        )
        assert "was cancelled" in json.loads(answer["Payload"].read())["errorMessage"]
        assert data.describe_statement(Id=waiting)["Status"] == "ABORTED"
    finally:
        connection.rollback()
        connection.close()


def _check_what_is_missing_is_told(bench: Bench, settings: Settings) -> None:
    """By the validator, of a processed file; by the processor, of a dataset."""
    metrics_uri = f"s3://{settings.buckets.artifacts}/runs/orders/{DAY}/metrics.json"
    raw = f"s3://{settings.buckets.raw}/raw/shop/orders/{DAY.replace('-', '/')}/_manifest.json"
    file = json.loads(bench.read(metrics_uri))["files"][0]["uri"]
    boto3.client("s3").delete_object(Bucket=settings.buckets.processed, Key=file.split("/", 3)[3])
    event = {
        "contract_uri": json.loads(bench.read(raw))["contract_uri"],
        "metrics_uri": metrics_uri,
        "run_date": DAY,
    }
    answer = boto3.client("lambda").invoke(
        FunctionName=settings.validator.function_name, Payload=json.dumps(event).encode()
    )
    assert json.loads(answer["Payload"].read())["passed"] is False

    sqs: Any = boto3.client("sqs")
    dead = sqs.get_queue_url(QueueName=settings.processor.dead_letter_queue_name)["QueueUrl"]
    bench.put(f"s3://{settings.buckets.raw}/{settings.processor.incoming_prefix}none/a.csv", b"a\n")
    for _ in range(20):
        found = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=10).get("Messages", [])
        if any("none/a.csv" in each["Body"] for each in found):
            return
    raise AssertionError("no dead letter came")


def _check_archiver_goes_on(settings: Settings) -> None:
    """Its time is over at once, so that it calls itself for the rest."""
    functions, name = boto3.client("lambda"), str(settings.archiver.function_name)
    functions.update_function_configuration(FunctionName=name, Timeout=60)
    answer = functions.invoke(FunctionName=name, Payload=b"{}")
    assert json.loads(answer["Payload"].read())["cursor"] is not None
    functions.update_function_configuration(
        FunctionName=name, Timeout=settings.archiver.timeout_seconds
    )


@pytest.fixture
def taken_away(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Takes a statement of a role's policy away: taken_away(role, sid). It is put back."""
    iam, kept = boto3.client("iam"), dict[str, dict[str, Any]]()
    # Attaching would put it back.
    monkeypatch.setattr(environment, "_before_run", lambda name: [])

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


@pytest.mark.timeout(600)
def test_run_whose_roles_lack_a_statement_fails_clearly_and_is_right_once_it_is_back(
    bench: Bench, taken_away: Any
) -> None:
    for role, sid, action, engine in (
        ("etl-local-transform", "ReplaceRows", "s3:PutObject", "spark"),
        ("etl-local-flow", "TransformHere", "s3:PutObject", "duckdb"),
        ("etl-local-redshift-copy", "ReadRows", "s3:GetObject", "duckdb"),
        ("etl-local-flow", "WriteQueryResults", "s3:PutObject", "duckdb"),
    ):
        taken_away(role, sid)
        ended = bench.run("2026-01-04", "--engine", engine, environ=rows_url(30))
        ended.fails(role, f"perform: {action}")
        taken_away.put_back()
    assert bench.run_json("2026-01-04", environ=rows_url(30))["rows"]["extracted"] == 30
