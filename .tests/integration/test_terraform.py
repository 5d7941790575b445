"""Terraform makes the environment dev in an empty embedded cloud, with its state there too. The
pipeline runs in it as its roles, policies enforced; it is as Terraform left it; then it goes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from support.terraform import ROOT, Terraform, copy_terraform, variables

from etl.settings import Settings, load_settings

RUN_DATE = "2026-01-01"
AIRPORT = "iata,name,city,state,country,latitude,longitude\nOSL,Gardermoen,Oslo,,Norway,60.2,11.1\n"

pytestmark = pytest.mark.skipif(
    shutil.which("terraform") is None, reason="terraform is not installed"
)


@pytest.fixture(scope="module")
def empty_cloud(
    tmp_path_factory: pytest.TempPathFactory,
    run_cloud: Callable[..., subprocess.CompletedProcess[str]],
) -> Iterator[dict[str, str]]:
    """The variables of an embedded cloud with nothing in it, which enforces policies."""
    home = tmp_path_factory.mktemp("cloud") / "home"
    modes = {"LOCAL_CLOUD_IAM": "enforce", "LOCAL_CLOUD_ACCESS_LOG": ""}
    done = run_cloud(home, "attach", "--bare", "--owner", str(os.getpid()), **modes)
    assert done.returncode == 0, done.stderr
    yield dict(line.split("=", 1) for line in done.stdout.splitlines())
    run_cloud(home, "down")


@pytest.fixture(scope="module")
def environ(empty_cloud: dict[str, str]) -> dict[str, str]:
    """Variables that lead the environment dev to that cloud, its account and its shop."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "ETL_", "PG"))}
    dev, account = load_settings("dev"), load_settings("local").account_id
    copy_role = dev.warehouse.copy_role_arn.rpartition("/")[2]
    return {
        **kept,
        **empty_cloud,
        "PYTHONPATH": str(ROOT / "src"),
        "ETL_REGION": empty_cloud["AWS_REGION"],
        "ETL_ROLE_ARN": f"arn:aws:iam::{account}:role/{dev.name}-flow",
        "ETL_WAREHOUSE__COPY_ROLE_ARN": f"arn:aws:iam::{account}:role/{copy_role}",
        "ETL_INFRASTRUCTURE__GITHUB__REPOSITORY": "example/data",
    }


@pytest.fixture(scope="module")
def client(environ: dict[str, str]) -> Callable[[str], Any]:
    """Clients of that cloud, with the key that may do anything."""
    names = {
        "endpoint_url": "AWS_ENDPOINT_URL",
        "region_name": "AWS_REGION",
        "aws_access_key_id": "AWS_ACCESS_KEY_ID",
        "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    }
    arguments = {name: environ[variable] for name, variable in names.items()}
    return lambda service: boto3.client(service, **arguments)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def dev(environ: dict[str, str]) -> Settings:
    """The environment's settings, as its programs read them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            if name.startswith("ETL_"):
                patch.setenv(name, value)
        return load_settings("dev")


def call(environ: dict[str, str], *command: str) -> str:
    """What a program of ours prints."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def bootstrap(folder: Path, environ: dict[str, str], bucket: str) -> None:
    """Make the bucket of the state, as far as the state needs it."""
    options = ("region=" + environ["AWS_REGION"], f"bucket={bucket}", "s3_use_path_style=true")
    made = Terraform(
        folder=folder / "bootstrap",
        environ=variables(folder / "bootstrap-data", environ),
        options=tuple(f"-var={each}" for each in options),
    )
    made.init()
    # Without its lifecycle rules, for which the provider waits a minute.
    made.apply(
        "-target=aws_s3_bucket_versioning.state",
        "-target=aws_s3_bucket_policy.state",
        "-target=aws_s3_bucket_server_side_encryption_configuration.state",
    )


def root_module(folder: Path, environ: dict[str, str]) -> tuple[Terraform, dict[str, Any]]:
    """terraform/ for the environment dev, ready to be applied; and the document that it reads."""
    call(environ, "tools/package.py", "--target", "host")
    output = folder / "deployment"
    command = ("infrastructure", "--env", "dev", "--packages", "build/host")
    call(environ, "-m", "etl", *command, "--output", str(output))
    document: dict[str, Any] = json.loads((output / "dev.json").read_text())
    bootstrap(folder, environ, document["state"]["bucket"])
    made = Terraform(
        folder=folder,
        environ=variables(folder / "data", environ),
        options=(f"-var=deployment_file={output / 'dev.json'}", "-var=s3_use_path_style=true"),
    )
    made.init(
        f"-backend-config={output / 'dev.backend.hcl'}", "-backend-config=use_path_style=true"
    )
    return made, document


def fill_secrets(client: Callable[[str], Any], dev: Settings) -> None:
    """Give the shop's secret, which Terraform makes empty, the token that the demo shop admits."""
    secrets, token = client("secretsmanager"), json.dumps({"token": "told-by-the-shop"})
    secrets.put_secret_value(SecretId=dev.places["shop_api_secret"], SecretString=token)
    known = load_settings("local").places["shop_api_secret"]
    secrets.create_secret(Name=known, SecretString=token)


def process(client: Callable[[str], Any], dev: Settings) -> dict[str, Any]:
    """The row that becomes of a file which is put under incoming/."""
    s3 = client("s3")
    key = f"{dev.processor.incoming_prefix}airports/one.csv"
    s3.put_object(Bucket=dev.buckets.raw, Key=key, Body=AIRPORT.encode())
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = s3.list_objects_v2(Bucket=dev.buckets.processed, Prefix="processed/2")
        for each in found.get("Contents", []):
            body = s3.get_object(Bucket=dev.buckets.processed, Key=each["Key"])["Body"].read()
            row: dict[str, Any] = json.loads(body)
            return row
        time.sleep(0.5)
    raise AssertionError("nothing came of the file under incoming/")


def left(client: Callable[[str], Any]) -> dict[str, list[str]]:
    """What there is, by kind."""
    functions, states = client("lambda"), client("stepfunctions")
    return {
        "alarms": [a["AlarmName"] for a in client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "buckets": [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]],
        "functions": [each["FunctionName"] for each in functions.list_functions()["Functions"]],
        "jobs": client("glue").list_jobs()["JobNames"],
        "machines": [each["name"] for each in states.list_state_machines()["stateMachines"]],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
        "roles": [role["RoleName"] for role in client("iam").list_roles()["Roles"]],
        "topics": client("sns").list_topics()["Topics"],
    }


def test_environment_is_made_used_unchanged_and_taken_away(
    tmp_path: Path, environ: dict[str, str], client: Callable[[str], Any], dev: Settings
) -> None:
    terraform, document = root_module(copy_terraform(tmp_path), environ)
    terraform.apply()
    made = left(client)
    assert {role["name"] for role in document["roles"].values()} <= set(made["roles"])
    assert set(dev.buckets.names.values()) < set(made["buckets"])

    fill_secrets(client, dev)
    call(environ, "-m", "etl", "publish-contracts", "--env", "dev")
    call(environ, "-m", "etl", "share-warehouse", "--env", "dev")
    flow = ("flows/full_pipeline.py", "--run-date", RUN_DATE, "--env", "dev", "--json")
    report = json.loads(call(environ, *flow))
    rows = report["rows"]
    assert report["status"] == "succeeded" and rows["loaded"] == report["table_rows"] > 0
    assert rows["extracted"] == rows["loaded"] + rows["quarantined"] + rows["deduplicated"]
    row = process(client, dev)
    assert row["iata"] == "OSL" and row["_metadata"]["environment"] == "dev"

    assert terraform.differences() == ""
    assert terraform.destroy() == []
    assert left(client) == {kind: [] for kind in made} | {"buckets": [document["state"]["bucket"]]}
