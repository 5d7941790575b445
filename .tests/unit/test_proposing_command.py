"""make dataset writes all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from etl.__main__ import main
from etl.contracts import load_contract
from etl.proposing import command
from etl.settings import load_settings

SETTINGS = load_settings("local")
DEPLOYMENT = '  - {{ <<: *full_pipeline, name: "{0}-x", parameters: {{ dataset: {0}, env: x }} }}\n'

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in a folder that has a contract for orders, and a bucket."""
    (tmp_path / "orders.odcs.yaml").write_text("untouched")
    (tmp_path / "prefect.yaml").write_text(DEPLOYMENT.format("orders"))
    (tmp_path / "sample.csv").write_text("id,name\n" + "".join(f"{n},n{n}\n" for n in range(9)))
    monkeypatch.setattr(command, "enter", load_settings)
    monkeypatch.setattr(command, "CONTRACTS_FOLDER", tmp_path)
    monkeypatch.setattr(command, "DEPLOYMENTS", tmp_path / "prefect.yaml")
    monkeypatch.chdir(tmp_path)

    def run(name: str, file: str, *options: str) -> int:
        return main(["propose", "--name", name, "--from", file, *options])

    return run


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.is_file()}


@mock_aws
def test_propose_writes_the_contract_its_deployment_and_the_sample(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3 = boto3.client("s3", region_name=SETTINGS.region)
    s3.create_bucket(Bucket=SETTINGS.buckets.raw)

    assert run("invoices", "sample.csv") == 0

    contract = load_contract("invoices", settings=SETTINGS, folder=tmp_path)
    assert contract.source.location == f"s3://{SETTINGS.buckets.raw}/landing/invoices/"
    stored = s3.get_object(Bucket=SETTINGS.buckets.raw, Key="landing/invoices/invoices.csv")
    assert stored["Body"].read() == (tmp_path / "sample.csv").read_bytes()
    deployments = DEPLOYMENT.format("invoices") + DEPLOYMENT.format("orders")
    assert (tmp_path / "prefect.yaml").read_text() == deployments
    assert "next:  make run DATASET=invoices\n" in capsys.readouterr().out


@mock_aws
def test_propose_replaces_a_contract_if_forced(run: Run, tmp_path: Path) -> None:
    boto3.client("s3", region_name=SETTINGS.region).create_bucket(Bucket=SETTINGS.buckets.raw)

    assert run("orders", "sample.csv", "--force") == 0

    assert load_contract("orders", settings=SETTINGS, folder=tmp_path).primary_key == ("id",)


@pytest.mark.parametrize(
    "name, file, code, words",
    [
        ("orders", "sample.csv", 2, "is there already"),
        ("Invoices!", "sample.csv", 2, "is not a plain identifier"),
        ("select", "sample.csv", 2, "reserved word"),
        ("../evil", "sample.csv", 2, "is not a plain identifier"),
        ("invoices", "", 2, "there is no sample"),
        ("invoices", "missing.csv", 2, "No such file"),
        ("invoices", ".", 2, "does not say what it holds"),
        ("invoices", "empty.csv", 1, "is empty"),
        ("invoices", "ragged.csv", 1, "is ragged"),
        ("invoices", "latin.csv", 1, "ENCODING=cp1252"),
        ("invoices", "nokey.csv", 2, "KEY=col,col"),
    ],
)
def test_propose_refused_writes_nothing(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    file: str,
    code: int,
    words: str,
) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n3\n4\n")
    (tmp_path / "nokey.csv").write_text("a,b\nx,y\nx,y\n")
    (tmp_path / "latin.csv").write_bytes(b"id,name\n1,M\xfcller\n")
    (tmp_path / "latin.csv").chmod(0o600)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    assert run(name, file) == code

    assert words in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@mock_aws
def test_propose_without_the_bucket_writes_no_contract(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("invoices", "sample.csv") == 1

    assert SETTINGS.buckets.raw in capsys.readouterr().err
    assert "invoices.odcs.yaml" not in files(tmp_path)
