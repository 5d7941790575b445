"""Runs that end well, and runs that fail at each stage, leave no secret but in its store."""

from __future__ import annotations

import gzip
import json
import os
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from source_samples import serve
from support.canaries import Canaries, leaks, note_given
from support.faults_table import Row, record
from support.pipeline_runs import Bench, rows_url

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

DAY = "2026-05-06"
SAMPLED = ("the API refuses, and repeats what it was sent", "the warehouse refuses the login")
DATABASE_SECRET = "canaries/database"


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """An API that says everything that it was told, in the worst places."""
    told = json.dumps([environ.get("HTTP_AUTHORIZATION"), environ["QUERY_STRING"]])
    body = f'{{"error": {told}, "next_cursor": {told}}}'.encode()
    start_response("403 Forbidden", [("X-Told", told), ("Content-Length", str(len(body)))])
    return [body]


def plant(canaries: Canaries, client: Callable[[str], Any], patch: pytest.MonkeyPatch) -> None:
    """Have secrets wherever there may be some."""
    manager = client("secretsmanager")
    value = {"username": "etl", "password": canaries.add("password", secrets.token_urlsafe(24))}
    manager.create_secret(Name=DATABASE_SECRET, SecretString=json.dumps(value))
    for each in manager.list_secrets()["SecretList"]:
        text = manager.get_secret_value(SecretId=each["ARN"])["SecretString"]
        for field, found in json.loads(text).items():
            if len(found) >= 12:  # of an address, what makes it one
                canaries.add(f"{each['Name']} {field}", found.rpartition("/")[2])
    for name in ("PREFECT_API_KEY", "SLACK_WEBHOOK_URL", "DATABASE_PASSWORD", "GITHUB_TOKEN"):
        patch.setenv(name, canaries.add(name, secrets.token_urlsafe(24)))
    canaries.add("AWS_SECRET_ACCESS_KEY", os.environ["AWS_SECRET_ACCESS_KEY"])
    note_given(patch, canaries)


def failures(echo_url: str, password: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Options and variables with which a run fails, by what happens."""
    database = f"postgresql://{os.environ['PGHOST']}:{os.environ['PGPORT']}/etl"
    return {
        SAMPLED[0]: ([], {"ETL_PLACES__SHOP_API_URL": echo_url}),
        SAMPLED[1]: ([], {"ETL_WAREHOUSE__DATABASE": "nowhere"}),
        "a password stands in the source's address": (
            [],
            {"ETL_PLACES__SHOP_API_URL": f"http://etl:{password}@127.0.0.1:9/shop"},
        ),
        "the source's database refuses the password": (
            ["--dataset", "customers"],
            {
                "ETL_PLACES__SHOP_DATABASE_URL": database,
                "ETL_PLACES__SHOP_DATABASE_SECRET": DATABASE_SECRET,
            },
        ),
        "there is no such Glue job": ([], {"ETL_GLUE__JOB_NAME": "nowhere"}),
        "there is no such validator": ([], {"ETL_VALIDATOR__FUNCTION_NAME": "nowhere"}),
        "there is no such workgroup": (
            ["--loader", "data-api"],
            {"ETL_WAREHOUSE__WORKGROUP_NAME": "nowhere"},
        ),
    }


@pytest.mark.timeout(1800)
def test_no_secret_stands_anywhere_but_in_its_store(
    make_bench: Callable[[], Bench],
    client: Callable[[str], Any],
    cloud_home: Path,
    prefect_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    bench, canaries, since = make_bench(), Canaries(), datetime.now(UTC) - timedelta(seconds=1)
    plant(canaries, client, monkeypatch)
    planted = len(canaries)
    done = bench.run_command(DAY, environ=rows_url(100))
    assert done.code == 0, done.err
    said = {"the end": done.out + done.err}
    password = canaries.add("the address's password", secrets.token_urlsafe(24))
    with serve(echo) as url:
        for what, (options, environ) in failures(url, password).items():
            if request.config.getoption("--faults") == "sample" and what not in SAMPLED:
                continue
            failed = bench.run(DAY, "--traceback", *options, environ=rows_url(100) | environ)
            assert failed.code != 0, what
            said[what] = failed.out + failed.err
    said["the terminal"] = "".join(capfd.readouterr())
    assert len(canaries) > planted + 1, "nothing was given out"
    shown = [f"{name} at {what}" for what, text in said.items() for name in find(canaries, text)]
    assert shown == []
    control = gzip.compress(b"Bearer " + canaries.add("control", secrets.token_hex(16)).encode())
    client("s3").put_object(Bucket="etl-local-artifacts", Key="control.gz", Body=control)
    found = leaks(canaries, home=cloud_home, prefect=prefect_folder, client=client, since=since)
    assert "control in s3://etl-local-artifacts/control.gz" in found
    assert [each for each in found if not each.startswith("control in ")] == []
    for what in said:
        row = Row(
            fault="secrets are looked for in all that was written",
            where=what,
            rows_lost=0,
            rows_twice=0,
            recovered_by="nothing to recover: none was found",
        )
        record(request.node, row)


def find(canaries: Canaries, text: str) -> set[str]:
    """The canaries in a text."""
    return canaries.find(text.encode("utf-8", "surrogateescape"))


@pytest.fixture
def cloud_home(cloud: dict[str, str]) -> Path:
    """The home of the session's embedded cloud."""
    path = Path(cloud["PGSSLROOTCERT"])
    return next(each for each in path.parents if (each / "state.sqlite").is_file())


@pytest.fixture
def prefect_folder(prefect_api_url: str) -> Path:
    """Where the session's Prefect server keeps what it knows."""
    from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL

    url = str(PREFECT_SERVER_DATABASE_CONNECTION_URL.value())
    return Path("/" + url.partition("///")[2].lstrip("/")).parent
