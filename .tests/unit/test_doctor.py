"""The doctor as a whole: who calls, what is asked at all, what is printed, the exit code."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    UnauthorizedSSOTokenError,
)
from moto import mock_aws
from support.contracts import make_contract, write_contract
from support.doctor_patient import ACCOUNT, client, look, make_patient, make_settings, refused

from aws.sts import Identity
from etl.__main__ import main
from etl.doctor import examination
from etl.doctor.contracts import check_contracts, secret_groups
from etl.doctor.examination import ask
from etl.doctor.explain import explain
from etl.doctor.findings import Check, Finding, fail, ok
from etl.doctor.identity import identity_group
from etl.doctor.patient import Patient
from etl.doctor.prefect_api import check_prefect
from etl.errors import StorageError
from etl.model import Source
from etl.settings import Settings

Enter = Callable[[Settings], None]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Makes the doctor find these settings, and no contracts or groups that are asked of AWS."""

    def enter(settings: Settings) -> None:
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        monkeypatch.setattr(examination, "enter", lambda environment, assume_role: settings)
        monkeypatch.setattr(examination, "check_contracts", lambda settings: iter(()))
        for name in ("warehouse_groups", "query_groups", "secret_groups", "bucket_groups"):
            monkeypatch.setattr(examination, name, lambda *arguments: [])
        for name in ("GlueJob", "Validator"):
            monkeypatch.setattr(examination, name, NothingToAsk)

    return enter


class NothingToAsk:
    """In place of the job's and the function's checks."""

    checks = [Check("stub", lambda: ok("asked"))]

    def __init__(self, patient: Patient) -> None:
        """The patient is not looked at."""


def _run(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    try:
        code = main(["doctor", "--env", "doc", *options])
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, capsys.readouterr().out


@mock_aws
def test_doctor_environment_in_order_ends_with_0(
    settings: Settings, enter: Enter, capsys: pytest.CaptureFixture[str]
) -> None:
    enter(settings)
    code, printed = _run(capsys)
    assert code == 0
    lines = printed.splitlines()
    assert lines[0].split(maxsplit=2) == ["ok", "settings", "config/doc.yml"]
    assert f"account {ACCOUNT}, arn:aws:sts::{ACCOUNT}:user/moto" in lines[2]
    assert lines[-1] == "doc: 6 ok, 0 to look at, 0 failed"


def test_doctor_without_credentials_says_so_and_asks_nothing_else_of_aws(
    settings: Settings,
    enter: Enter,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    enter(settings)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    code, printed = _run(capsys, "--json")
    assert code == 1
    found = {each["check"]: each for each in json.loads(printed)["checks"]}
    assert found["credentials"]["state"] == "FAIL"
    assert found["credentials"]["what"].startswith("no AWS credentials")
    assert found["credentials"]["fix"].startswith("aws sso login")
    assert found["AWS"]["state"] == "warn"
    assert "stub" not in found


def test_doctor_settings_that_cannot_be_read_are_the_only_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, printed = _run(capsys)
    assert code == 1
    assert printed.startswith('FAIL  settings                    there is no environment "doc"')
    assert "fix: choose one of dev, local, prod" in printed


def test_doctor_region_that_is_misspelt_is_found_before_anything_is_called(tmp_path: Path) -> None:
    patient = make_patient(make_settings(tmp_path, region="eu-wst-1"))
    identities: list[Identity] = []
    found = look(patient, identity_group(patient, identities.append))
    assert list(found) == ["region"]
    assert found["region"].what == '"eu-wst-1" is no region of AWS, did you mean "eu-west-1"?'
    assert not identities


@mock_aws
@pytest.mark.parametrize(
    "code, what",
    [
        ("ExpiredToken", "AWS refused the credentials: ExpiredToken"),
        ("InvalidClientTokenId", "AWS refused the credentials: InvalidClientTokenId"),
    ],
)
def test_doctor_credentials_refused_say_how_to_sign_in(
    settings: Settings, code: str, what: str
) -> None:
    patient = make_patient(settings)
    with refused("GetCallerIdentity", code):
        found = look(patient, identity_group(patient, lambda identity: None))["credentials"]
    assert (found.state, found.what) == ("FAIL", what)
    assert found.fix.startswith("aws sso login")


@pytest.mark.parametrize(
    "error, what, fix",
    [
        (NoCredentialsError(), "no AWS credentials: Unable to locate", "aws sso login"),
        (UnauthorizedSSOTokenError(), "no AWS credentials", "aws sso login"),
        (ProfileNotFound(profile="x"), "The config profile (x)", "aws configure sso"),
        (EndpointConnectionError(endpoint_url="http://x"), "no answer from AWS", "check the net"),
        (StorageError("bucket x\n is gone", fix="make it"), "bucket x is gone", "make it"),
        (RuntimeError("odd\nthing"), "RuntimeError: odd thing", "see what"),
    ],
)
def test_doctor_exception_becomes_one_line(
    settings: Settings, error: Exception, what: str, fix: str
) -> None:
    found = explain(error, make_patient(settings))
    assert found.state == "FAIL"
    assert found.what.startswith(what) and "\n" not in found.what
    assert found.fix.startswith(fix)


@pytest.mark.parametrize(
    "arn, command",
    [
        ("arn:aws:iam::1:user/people/ada", "aws iam put-user-policy --user-name ada "),
        ("arn:aws:sts::1:assumed-role/etl/session", "aws iam put-role-policy --role-name etl "),
        ("arn:aws:sts::1:assumed-role/AWSReservedSSO_Dev_1/ada", "allow s3:ListBucket on * to"),
        ("arn:aws:iam::1:root", "allow s3:ListBucket on * to arn:aws:iam::1:root"),
    ],
)
def test_doctor_command_that_allows_fits_the_caller(
    settings: Settings, arn: str, command: str
) -> None:
    patient = Patient(settings=settings, identity=Identity(account="1", arn=arn))
    assert patient.allow("s3:ListBucket").startswith(command)


def test_doctor_commands_name_the_profile(tmp_path: Path) -> None:
    patient = make_patient(make_settings(tmp_path, profile="data team"))
    assert patient.command("s3", "ls") == "aws s3 ls --region eu-west-1 --profile 'data team'"


def test_doctor_check_without_an_answer_fails_at_the_deadline(settings: Settings) -> None:
    release = threading.Event()

    def hang() -> Finding:
        release.wait(60)
        return ok("late")

    groups = [[Check("slow", hang), Check("after", hang)], [Check("fast", lambda: ok("here"))]]
    results = list(ask(groups, make_patient(settings), deadline_seconds=0.05))
    release.set()
    assert [(each.check, each.finding.state) for each in results] == [
        ("slow", "FAIL"),
        ("fast", "ok"),
    ]
    assert results[0].finding.what == "no answer after 0.05 seconds"


def test_doctor_group_goes_on_after_a_later_check_failed(settings: Settings) -> None:
    group = [
        Check("first", lambda: ok("")),
        Check("second", lambda: fail("", "")),
        Check("third", lambda: ok("")),
    ]
    assert list(look(make_patient(settings), group)) == ["first", "second", "third"]


def test_doctor_contract_with_mistakes_fails_beside_those_without(
    settings: Settings, tmp_path: Path
) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["schema"][0]["properties"][0]["physicalType"] = "VARCHARR(32)"

    write_contract(tmp_path, edit)
    (result, contract), *others = check_contracts(settings, folder=tmp_path)
    assert not others and contract is None
    assert (result.check, result.finding.state) == ("contract orders", "FAIL")
    assert 'unknown type "VARCHARR(32)"' in result.finding.what
    assert "\n" not in result.finding.what


@mock_aws
def test_doctor_secret_that_is_missing_fails_and_no_value_is_read(settings: Settings) -> None:
    def source(name: str) -> Source:
        options = {"secret": name}
        return Source(kind="api", name="x", location="http://x", format="json", options=options)

    contracts = [
        make_contract(dataset=name, source=source(f"doc/{name}")) for name in ("here", "gone")
    ]
    client("secretsmanager").create_secret(Name="doc/here", SecretString="s3cret")
    patient = make_patient(settings)
    with refused("GetSecretValue"):
        found = look(patient, *secret_groups(patient, contracts))
    assert found["secret of here"] == ok("doc/here")
    assert found["secret of gone"].what == "there is no secret doc/gone"
    assert found["secret of gone"].fix.startswith("aws secretsmanager create-secret --name ")


@pytest.fixture
def answering() -> Iterator[Callable[[int], str]]:
    """Starts a server that gives every request a status; its URL."""
    servers: list[HTTPServer] = []

    def start(status: int) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/api/health" else 404)
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nothing."""

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/api"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_doctor_prefect_unset_uses_the_built_in_server() -> None:
    assert check_prefect("").state == "ok"


@pytest.mark.parametrize(
    "status, state, fix",
    [(200, "ok", ""), (401, "FAIL", "prefect cloud login"), (404, "FAIL", "prefect server start")],
)
def test_doctor_prefect_server_is_judged_by_its_answer(
    answering: Callable[[int], str], status: int, state: str, fix: str
) -> None:
    found = check_prefect(answering(status))
    assert found.state == state
    assert found.fix.startswith(fix)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/api", "not a url"])
def test_doctor_prefect_out_of_reach_fails(url: str) -> None:
    found = check_prefect(url)
    assert found.state == "FAIL"
    assert found.what.startswith(f"{url} does not answer")
    assert "unset PREFECT_API_URL" in found.fix
